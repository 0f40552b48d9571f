"""The web page of `a2k web`."""
