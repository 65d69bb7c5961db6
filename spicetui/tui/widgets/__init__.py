"""Widgets around the picture."""
