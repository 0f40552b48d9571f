"""Building blocks of the metrics: types, checks, normalizers, reduction, alignment, time series, audio energy."""
