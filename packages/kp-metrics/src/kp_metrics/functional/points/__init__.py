"""Metrics of point positions: PCK, NME, OKS, L1, MPJPE, LMD."""
