"""A portrait moved by keypoints: head, expression, and lips and lids in layers."""
