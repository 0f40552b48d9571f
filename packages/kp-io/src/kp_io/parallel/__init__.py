"""Processes and Ray actors that work through a list of jobs."""
