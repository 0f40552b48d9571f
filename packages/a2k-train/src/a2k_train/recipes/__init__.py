"""What a training step does for each preset: losses, optimizers, augmentation."""
