"""Training of the network of the head: windows of clips, and the loss."""
