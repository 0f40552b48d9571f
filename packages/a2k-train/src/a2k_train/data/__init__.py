"""Clips in memory or on disk, and the windows that are drawn from them."""
