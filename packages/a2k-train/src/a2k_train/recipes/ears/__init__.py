"""Ears of a small network, taught by a speech encoder on sound alone."""
