"""Keypoint files in: reading, matching, comparing paths."""
