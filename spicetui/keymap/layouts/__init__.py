"""One keyboard layout a file: ``KEYS`` maps a key to its characters by level."""
