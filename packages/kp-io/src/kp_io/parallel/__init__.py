"""Run a picklable worker over tasks, in local processes or on a Ray cluster."""
