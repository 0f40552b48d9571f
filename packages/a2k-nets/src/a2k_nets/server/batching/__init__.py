"""Many live streams through the network as one batch."""
