"""The page of `a2k web`."""
