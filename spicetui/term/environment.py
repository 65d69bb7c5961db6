"""Whether the environment speaks of a terminal that can show anything; cheap to import."""

from __future__ import annotations

from collections.abc import Mapping


def unusable(environment: Mapping[str, str]) -> str | None:
    """Why nothing can be shown on this terminal at all, or None."""
    term = environment.get("TERM", "")
    if term in ("", "dumb", "unknown"):
        return (
            f"this terminal cannot place a cursor (TERM is {term!r}); "
            "set TERM to what it is, or use the screenshot command"
        )
    return None
