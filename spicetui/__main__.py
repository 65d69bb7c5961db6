"""``python -m spicetui``."""

from __future__ import annotations

from .cli import program

program()
