"""Statistics of heads in space: labels, the process that the network of the head follows, its calibration."""
