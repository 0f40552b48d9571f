"""Metrics of faces: mouth, eyelids, head, identity."""
