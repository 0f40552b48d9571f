"""Channels, and sound out of a pipe."""
