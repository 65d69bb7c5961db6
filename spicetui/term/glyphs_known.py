"""Which terminals draw which block characters themselves."""

from __future__ import annotations


def octants(name: str, program: str, vte: int) -> bool:
    return False


def sextants(name: str, program: str, vte: int) -> bool:
    return False
