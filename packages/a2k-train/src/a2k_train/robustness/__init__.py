"""Degraded speech: noise, channels and other voices."""
