"""A terminal with kitty's graphics protocol, fed by hand: what it reads late, it reads late."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyte
from terminal.kitty import Graphics, Rules
from terminal.picture import draw
from terminal.screen import Screen
from terminal.stream import Csi, Splitter, String, Text

from spicetui.geometry import Size


class KittyTerminal:
    """*size* in cells of *cell_px* pixels.  *tmux*: what is not wrapped is tmux's, and graphics must be wrapped."""

    def __init__(self, size: Size, cell_px: Size, rules: Rules | None = None, *, tmux: bool = False) -> None:
        self.size, self.cell_px, self.tmux = size, cell_px, tmux
        self.screen = Screen(*size)
        self.graphics = Graphics(rules or Rules(), cell_px, self._place, self._move)
        self.answers: list[bytes] = []
        self._stream = pyte.ByteStream(self.screen)
        self._splitter = Splitter(doubled=True)

    def _place(self) -> tuple[int, int]:
        return self.screen.cursor.x, self.screen.cursor.y

    def _move(self, columns: int, rows: int) -> None:
        raise AssertionError("the cursor is moved by an image")

    def feed(self, data: bytes) -> None:
        for token in self._splitter.feed(data):
            self._take(token, self.tmux)

    def _take(self, token: Any, wrapped: bool) -> None:
        if isinstance(token, Text):
            self._stream.feed(token.data)
        elif isinstance(token, Csi) and token.final == "m":
            self.screen.render(token.args)
        elif isinstance(token, Csi):
            self._stream.feed(token.raw)
        elif isinstance(token, String) and token.kind == "dcs" and wrapped:
            assert token.body.startswith(b"tmux;"), token.body[:20]
            assert len(token.body) < 1 << 20
            inner = Splitter()
            for part in inner.feed(token.body[5:]):
                self._take(part, False)
            assert not inner.broken
        elif isinstance(token, String) and token.kind == "apc" and not wrapped:
            assert token.body.startswith(b"G")
            answer = self.graphics.handle(token.body[1:])
            if answer is not None:
                self.answers.append(answer[1:])
        else:
            raise AssertionError(f"unexpected: {token!r:.100}")

    @property
    def errors(self) -> list[str]:
        return self.graphics.errors

    def words(self) -> npt.NDArray[np.uint32]:
        """What is shown: (h, w), 0x00RRGGBB."""
        pixels = draw(self.screen, self.graphics, self.cell_px).astype(np.uint32)
        result: npt.NDArray[np.uint32] = pixels @ np.array((1 << 16, 1 << 8, 1), np.uint32)
        return result

    def lose_images(self) -> None:
        self.graphics.images.clear()
