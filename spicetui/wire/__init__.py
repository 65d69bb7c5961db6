"""What the bytes mean: enums, the link, and the messages of each channel."""
