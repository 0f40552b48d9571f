"""Heads in three dimensions, and fields that carry displacements of keypoints to every pixel."""
