"""Metrics of movement: velocity, spectra, distributions."""
