"""Exit statuses, and what is printed for an error: one line, never a traceback."""

from __future__ import annotations

import sys

from ..diagnostics import printable
from ..errors import AuthError, ConnectError, FeatureMissing, SpiceError, TlsError

OK = 0
FAILED = 1
USAGE = 2
CONNECT = 3
AUTH = 4
TLS = 5
FEATURE = 6
INTERRUPTED = 130
TERMINATED = 143


class UsageError(SpiceError):
    """The command line asks for something that makes no sense."""


def status_of(error: BaseException) -> int:
    """The exit status that stands for an error."""
    from ..connectors.targets import TargetError
    from ..keymap.keys import KeyNameError
    from ..keymap.text import LayoutError

    table: tuple[tuple[type[BaseException], int], ...] = (
        (UsageError, USAGE),
        (TargetError, USAGE),
        (KeyNameError, USAGE),
        (LayoutError, USAGE),
        (TlsError, TLS),
        (AuthError, AUTH),
        (ConnectError, CONNECT),
        (FeatureMissing, FEATURE),
    )
    return next((status for kind, status in table if isinstance(error, kind)), FAILED)


def complain(text: str) -> None:
    """One line on standard error."""
    print(f"spicetui: {printable(text, 1000)}", file=sys.stderr, flush=True)
