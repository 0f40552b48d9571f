"""Metrics of point positions: PCK, NME, OKS, L1 and relatives."""
