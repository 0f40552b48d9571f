"""Keypoints as pictures: rasterization, montages, comparisons."""
