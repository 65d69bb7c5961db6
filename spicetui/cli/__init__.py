"""The command line: one file per command, one row each in ``commands``."""

from __future__ import annotations

from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; the return value is the exit status."""
    from .run import run

    return run(argv)
