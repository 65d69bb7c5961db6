"""The canvas of one display channel: its surfaces, and the way from a message to the function that draws it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..codecs.pixmap import Pixmap
from ..errors import CodecError
from ..geometry import Rect
from ..wire import display as wire
from ..wire.core import handler_name
from ..wire.enums import ImageType, SurfaceFlags, SurfaceFmt
from ..wire.image import Image, SurfaceData
from . import draw_alpha, draw_composite, draw_copy, draw_plain, draw_rop3, draw_stroke, draw_text
from .errors import Unsupported as Unsupported
from .region import Region
from .source import Sources
from .surface import Surface

#: Of all surfaces of one channel together. A guest's video memory holds them too, so it never comes near.
MAX_BYTES = 1 << 30
MAX_SURFACES = 1 << 14

_DRAW: dict[type, Callable[[Surface, Any, Sources], Region]] = {
    wire.CopyBits: draw_copy.copy_bits,
    wire.DrawFill: draw_plain.fill,
    wire.DrawOpaque: draw_copy.opaque,
    wire.DrawCopy: draw_copy.copy,
    wire.DrawBlend: draw_copy.copy,
    wire.DrawBlackness: draw_plain.blackness,
    wire.DrawWhiteness: draw_plain.whiteness,
    wire.DrawInvers: draw_plain.invers,
    wire.DrawRop3: draw_rop3.rop3,
    wire.DrawStroke: draw_stroke.stroke,
    wire.DrawText: draw_text.text,
    wire.DrawTransparent: draw_alpha.transparent,
    wire.DrawAlphaBlend: draw_alpha.alpha_blend,
    wire.DrawComposite: draw_composite.composite,
}


def _images(*fields: Callable[[Any], Any]) -> Callable[[Any], list[Image]]:
    """From what may be images, brushes or nothing, those that must be decoded."""

    def images(message: Any) -> list[Image]:
        found = []
        for field in fields:
            image = field(message)
            if isinstance(image, wire.Brush):
                image = image.fill.image if isinstance(image.fill, wire.Pattern) else None
            if image is not None and not isinstance(image.data, SurfaceData):
                found.append(image)
        return found

    return images


# In the order in which the reference decodes them, since one may be cached for the next.
_IMAGES: dict[type, Callable[[Any], list[Image]]] = {
    wire.DrawFill: _images(lambda m: m.mask.bitmap, lambda m: m.brush),
    wire.DrawOpaque: _images(lambda m: m.mask.bitmap, lambda m: m.src_bitmap, lambda m: m.brush),
    wire.DrawCopy: _images(lambda m: m.mask.bitmap, lambda m: m.src_bitmap),
    wire.DrawBlend: _images(lambda m: m.mask.bitmap, lambda m: m.src_bitmap),
    wire.DrawBlackness: _images(lambda m: m.mask.bitmap),
    wire.DrawWhiteness: _images(lambda m: m.mask.bitmap),
    wire.DrawInvers: _images(lambda m: m.mask.bitmap),
    wire.DrawRop3: _images(lambda m: m.mask.bitmap, lambda m: m.src_bitmap, lambda m: m.brush),
    wire.DrawStroke: _images(lambda m: m.brush),
    wire.DrawText: _images(lambda m: m.back_brush, lambda m: m.fore_brush),
    wire.DrawTransparent: _images(lambda m: m.src_bitmap),
    wire.DrawAlphaBlend: _images(lambda m: m.src_bitmap),
    wire.DrawComposite: _images(lambda m: m.data.src_bitmap, lambda m: m.data.mask_bitmap),
}


_CACHED = (ImageType.FROM_CACHE, ImageType.FROM_CACHE_LOSSLESS)


class Canvas:
    """Surfaces by id, and what draws on them. *display* is the number of the display channel."""

    def __init__(self, display: int) -> None:
        self.display = display
        self.surfaces: dict[int, Surface] = {}
        self.primary: Surface | None = None
        self._bytes = 0

    # --- surfaces

    def surface_create(self, message: wire.SurfaceCreate) -> None:
        """Raises CodecError for an impossible or unbearable surface."""
        primary = bool(message.flags & SurfaceFlags.PRIMARY)
        self._create(message.surface_id, message.width, message.height, message.format, primary)

    def mode(self, message: wire.Mode) -> None:
        """MODE, which old servers send for the primary surface."""
        fmt = SurfaceFmt.FMT_32_xRGB if message.bits == 32 else SurfaceFmt.FMT_16_555
        self._create(0, message.x_res, message.y_res, fmt, True)

    def _create(self, id: int, width: int, height: int, format: int, primary: bool) -> None:
        now = self.primary
        if primary and now is not None:
            if (now.id, now.width, now.height, now.format) == (id, width, height, format):
                return  # announced once more, as after a migration: its pixels stay
            self._destroy(now.id)
        self._destroy(id)
        surface = Surface(id, width, height, format, self.display)
        if self._bytes + surface.data.nbytes > MAX_BYTES or len(self.surfaces) >= MAX_SURFACES:
            raise CodecError(f"surface {id} of {width} x {height} pixels is more than {MAX_BYTES >> 20} MB in all")
        self._bytes += surface.data.nbytes
        self.surfaces[id] = surface
        if primary:
            self.primary = surface

    def surface_destroy(self, message: wire.SurfaceDestroy) -> None:
        """Of an unknown surface too, which servers do."""
        self._destroy(message.surface_id)

    def _destroy(self, id: int) -> None:
        surface = self.surfaces.pop(id, None)
        if surface is not None:
            self._bytes -= surface.data.nbytes
            if surface is self.primary:
                self.primary = None

    def reset(self) -> None:
        """RESET: the primary surface is cleared, the others stay."""
        if self.primary is not None:
            self.primary.data[...] = 0

    def clear(self) -> None:
        """No surfaces at all, as before the first one."""
        self.surfaces.clear()
        self.primary = None
        self._bytes = 0

    # --- drawing

    def images(self, message: Any) -> list[Image]:
        """Those to be decoded before the message can be drawn, in order; do so even when nothing of it is seen."""
        find = _IMAGES.get(type(message))
        return find(message) if find is not None else []

    @staticmethod
    def cost(images: Sequence[Image]) -> int:
        """Pixels to be decoded for them."""
        return sum(
            image.descriptor.width * image.descriptor.height for image in images if image.descriptor.type not in _CACHED
        )

    def draw(self, message: Any, pixmaps: Mapping[int, Pixmap]) -> tuple[int, list[Rect]]:
        """Draws; *pixmaps* are the decoded images by ``id(image)``. The surface's id and what has changed of it.

        Raises Unsupported, or CodecError for what makes no sense; the pixels are then unchanged.
        """
        draw = _DRAW.get(type(message))
        if draw is None:
            raise Unsupported(f"display:{handler_name(type(message)).removeprefix('on_')}")
        surface = self.surfaces.get(message.base.surface_id)
        if surface is None:
            raise CodecError(f"draw operation on surface {message.base.surface_id}, which does not exist")
        return surface.id, draw(surface, message, Sources(self.surfaces, pixmaps)).rects
