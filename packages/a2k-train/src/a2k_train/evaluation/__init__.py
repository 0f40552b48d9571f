"""Scores of models and baselines, a clip at a time."""
