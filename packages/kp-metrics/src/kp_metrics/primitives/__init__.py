"""What metrics are built from: checks, masks, normalizers, alignment, series."""
