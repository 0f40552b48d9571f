"""Speech without faces, for the ears of a network."""
