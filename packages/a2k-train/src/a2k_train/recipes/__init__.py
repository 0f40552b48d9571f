"""Training steps of the presets: losses, optimizers, augmentation."""
