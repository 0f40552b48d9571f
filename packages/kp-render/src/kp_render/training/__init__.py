"""Training of the painting network."""
