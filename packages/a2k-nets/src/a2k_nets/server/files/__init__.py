"""Requests for files: a portrait and speech in, keypoints out, in a process of its own."""
