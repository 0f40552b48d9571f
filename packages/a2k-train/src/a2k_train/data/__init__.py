"""Clips in memory or on disk, and sampling of training windows."""
