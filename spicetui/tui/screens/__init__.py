"""Screens that lie over the session: connecting, password, failure, help."""
