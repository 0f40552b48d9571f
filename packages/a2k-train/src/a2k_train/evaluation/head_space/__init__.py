"""Measures of generated motion of head, brows and lids beside real motion and baselines."""
