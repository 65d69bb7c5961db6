"""Sequences through tmux to the terminal around it."""

from __future__ import annotations


def passthrough(sequence: bytes) -> bytes:
    """*sequence* as tmux hands it on (``allow-passthrough on``)."""
    return b"\x1bPtmux;" + sequence.replace(b"\x1b", b"\x1b\x1b") + b"\x1b\\"
