"""One file for each landmark detector."""
