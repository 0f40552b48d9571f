"""The training loop: steps, checkpoints, validation, logs."""
