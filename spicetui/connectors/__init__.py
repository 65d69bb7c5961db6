"""Where byte streams come from; ``targets`` turns what a user types into a connector."""
