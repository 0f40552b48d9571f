"""Keypoint files: reading, matching and comparing them."""
