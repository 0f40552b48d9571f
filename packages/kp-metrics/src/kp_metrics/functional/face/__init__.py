"""Metrics of faces: mouth, lids, head, identity."""
