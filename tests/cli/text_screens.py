"""Text consoles as a server draws them."""

from __future__ import annotations

import numpy as np
from peer.drawing import copy, primary
from term import consoles

from spicetui.geometry import Rect, Size
from spicetui.wire import display
from spicetui.wire.enums import BitmapFlags, BitmapFmt, ImageType
from spicetui.wire.image import BitmapData, Image, ImageDescriptor

from .server import Connection

CELL = Size(8, 16)


def image(pixels: np.ndarray) -> Image:
    height, width = pixels.shape[:2]
    data = BitmapData(BitmapFmt.FMT_32BIT, BitmapFlags.TOP_DOWN, width, height, 4 * width, None, pixels.tobytes())
    return Image(ImageDescriptor(1, ImageType.BITMAP, 0, width, height), data)


def show(connection: Connection, pixels: np.ndarray) -> None:
    """The first frame."""
    height, width = pixels.shape[:2]
    connection.send(primary(width, height), copy(Rect(0, 0, width, height), image(pixels)), display.Mark())


def put(connection: Connection, pixels: np.ndarray, area: Rect) -> None:
    connection.send(copy(area, image(pixels[area.slices()])))


def console() -> consoles.Screen:
    """80x25 of 8x16, with two lines of text."""
    made = consoles.framebuffer()
    made.write(0, 0, "The quick brown fox")
    made.write(4, 2, "jumps over the lazy dog", 0xFFFF55, 0x0000AA)
    return made
