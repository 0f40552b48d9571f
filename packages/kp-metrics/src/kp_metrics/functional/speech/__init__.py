"""Metrics of motion against speech audio."""
