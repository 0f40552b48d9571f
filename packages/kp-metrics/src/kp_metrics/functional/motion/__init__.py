"""Metrics of motion: velocity, spectra, distributions."""
