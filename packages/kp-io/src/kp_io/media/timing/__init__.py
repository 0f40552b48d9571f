"""Timestamps of decoded frames, and their correction."""
