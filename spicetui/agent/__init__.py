"""What the guest agent can do, one feature in each file; :mod:`.hub` holds them together."""
