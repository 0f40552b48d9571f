"""Scores of models and baselines, clip by clip."""
