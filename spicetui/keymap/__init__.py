"""Keys as SPICE numbers them, and text turned into key strokes."""
