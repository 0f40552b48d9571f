"""Evaluation: tables of metrics with baselines and confidence intervals."""
