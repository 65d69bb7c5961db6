"""The command line: one file per command, one row each in ``commands``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; the return value is the exit status."""
    from .run import run

    return run(argv)


def program() -> NoReturn:
    """The whole process: runs the command of its command line and ends.

    It ends at once: to take all modules apart first is of no use and a fifth of the time of a short command.
    """
    import os
    import sys

    status = main()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):  # the reader has gone, or the stream is closed
        pass
    os._exit(status)
