"""Times of decoded frames: what containers say, and what is right."""
