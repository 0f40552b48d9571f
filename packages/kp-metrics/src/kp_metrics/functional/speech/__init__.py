"""Metrics of movement against sound."""
