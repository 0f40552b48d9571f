"""Keypoints from pictures and sound: a whole recording at once, or a live stream."""
