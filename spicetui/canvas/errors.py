"""Why an operation was not drawn."""

from __future__ import annotations

from ..errors import SpiceError


class Unsupported(SpiceError):
    """An operation that this canvas cannot do; nothing was drawn. *key* is stable, as in ``display:draw_stroke``."""

    def __init__(self, key: str) -> None:
        super().__init__(f"not supported: {key}")
        self.key = key
