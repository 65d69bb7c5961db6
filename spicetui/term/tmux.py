"""What goes through tmux to the terminal around it (``allow-passthrough on``).

tmux takes no part in such sequences: it sends them on at once, wherever its cursor is, and gives what the terminal
answers to the program as keys.  So no reply may be asked for, and nothing may depend on the cursor.
"""

from __future__ import annotations

import re

#: tmux drops a control string that grows beyond 1 MiB; smaller ones also keep it lively.
MAX_WRAPPED = 1 << 16

_APC = re.compile(rb"\x1b_[^\x1b]*\x1b\\")


def passthrough(sequence: bytes) -> bytes:
    """*sequence* as tmux hands it on."""
    return b"\x1bPtmux;" + sequence.replace(b"\x1b", b"\x1b\x1b") + b"\x1b\\"


def passthrough_strings(sequences: bytes) -> bytes:
    """A series of APC strings as tmux hands them on; each wrapper holds whole ones.

    Raises ValueError for anything else, and for a string that is too long to be wrapped.
    """
    parts: list[bytes] = []
    start = end = 0
    for match in _APC.finditer(sequences):
        if match.start() != end:
            break
        if match.end() - match.start() > MAX_WRAPPED:
            raise ValueError("too long for tmux")
        if match.end() - start > MAX_WRAPPED:
            parts.append(passthrough(sequences[start:end]))
            start = end
        end = match.end()
    if end != len(sequences):
        raise ValueError("not a series of APC strings")
    if end > start:
        parts.append(passthrough(sequences[start:end]))
    return b"".join(parts)
