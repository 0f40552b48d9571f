"""Statistics of the training clips: normalization, mean face, head motion, blinks."""
