"""Draw keypoints: rasterization, montages, comparisons."""
