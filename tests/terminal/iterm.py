"""iTerm2's inline images: OSC 1337 ; File, MultipartFile, FilePart, FileEnd (iterm2.com/documentation-images.html)."""

from __future__ import annotations

import base64
import binascii
import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from .screen import Pixels

MAX_PIXELS = 16 << 20


@dataclass(frozen=True)
class Inline:
    pixels: Pixels  #: RGBA, of the size that it has on the screen
    columns: int
    rows: int
    stays: bool  #: the cursor is not moved (doNotMoveCursor=1: an extension of WezTerm's)


class Files:
    """*cell* and *screen* are (width, height), in pixels and in cells.  Bytes come in order, one file at a time."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self._parts: bytearray | None = None
        self._options: dict[str, str] = {}

    def handle(self, body: bytes, cell: tuple[int, int], screen: tuple[int, int]) -> Inline | None:
        """Takes what follows ``1337;``; the image once it is complete."""
        command, _, rest = body.partition(b"=")
        if command == b"MultipartFile":
            self._options, self._parts = _options(rest), bytearray()
            return None
        if command == b"FilePart":
            if self._parts is None:
                self.errors.append("FilePart without MultipartFile")
            else:
                self._parts += rest
            return None
        if command == b"FileEnd":
            parts, self._parts = self._parts, None
            return self._show(self._options, bytes(parts or b""), cell, screen)
        if command == b"File":
            options, mark, data = rest.partition(b":")
            if not mark:
                self.errors.append("File without data")
                return None
            return self._show(_options(options), data, cell, screen)
        return None

    def _show(
        self, options: dict[str, str], data: bytes, cell: tuple[int, int], screen: tuple[int, int]
    ) -> Inline | None:
        if options.get("inline") != "1":
            self.errors.append("not inline: a download")
            return None
        try:
            file = base64.b64decode(data, validate=True)
            if "size" in options and int(options["size"]) != len(file):
                self.errors.append(f"size={options['size']}, but {len(file)} bytes")
            with Image.open(io.BytesIO(file)) as opened:
                if opened.width * opened.height > MAX_PIXELS:
                    raise ValueError("too large")
                image = opened.convert("RGBA")
        except (binascii.Error, OSError, ValueError) as error:
            self.errors.append(str(error))
            return None
        width, height = _size(options, image.size, cell, screen)
        if (width, height) != image.size:
            image = image.resize((max(width, 1), max(height, 1)), Image.Resampling.BILINEAR)
        columns, rows = -(-image.width // cell[0]), -(-image.height // cell[1])
        return Inline(np.asarray(image).copy(), columns, rows, options.get("doNotMoveCursor") == "1")


def _options(words: bytes) -> dict[str, str]:
    pairs = (word.partition("=") for word in words.decode("ascii", "replace").split(";"))
    return {name: value for name, mark, value in pairs if mark}


def _size(
    options: dict[str, str], natural: tuple[int, int], cell: tuple[int, int], screen: tuple[int, int]
) -> tuple[int, int]:
    asked = [
        _length(options.get(name, "auto"), cell[axis], screen[axis] * cell[axis])
        for axis, name in enumerate(("width", "height"))
    ]
    width, height = asked
    keep = options.get("preserveAspectRatio", "1") != "0"
    if width is None and height is None:
        most = screen[0] * cell[0]
        return natural if natural[0] <= most else (most, round(natural[1] * most / natural[0]))
    if width is None:
        assert height is not None
        return (round(natural[0] * height / natural[1]) if keep else natural[0]), height
    if height is None:
        return width, (round(natural[1] * width / natural[0]) if keep else natural[1])
    if not keep:
        return width, height
    scale = min(width / natural[0], height / natural[1])
    return round(natural[0] * scale), round(natural[1] * scale)


def _length(word: str, cell: int, screen: int) -> int | None:
    """Pixels of ``N`` (cells), ``Npx``, ``N%`` or ``auto``."""
    if word == "auto":
        return None
    if word.endswith("px"):
        return int(word[:-2])
    if word.endswith("%"):
        return screen * int(word[:-1]) // 100
    return int(word) * cell
