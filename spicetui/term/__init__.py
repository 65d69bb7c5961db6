"""Pure terminal work: bytes of the terminal to events, pixels to cells, cells to bytes; no I/O, no clock, no threads."""
