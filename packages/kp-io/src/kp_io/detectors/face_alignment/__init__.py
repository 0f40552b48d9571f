"""The detector of the library face-alignment, batched."""
