"""Means and deviations of a training set, which the networks normalise with."""
