"""A network that paints what a warp cannot: teeth, creases, and skin that was hidden."""
