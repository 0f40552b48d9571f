"""The command `kp-render`."""
