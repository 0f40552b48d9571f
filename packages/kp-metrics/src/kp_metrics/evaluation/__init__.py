"""Tables of metrics with confidence intervals, beside baselines."""
