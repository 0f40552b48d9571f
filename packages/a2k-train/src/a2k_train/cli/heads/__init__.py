"""Commands that train heads and compare them with real ones."""
