"""A display channel: draw messages into surfaces, complete updates to the driver."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from ..canvas.canvas import Canvas, Unsupported
from ..canvas.damage import Damage
from ..canvas.surface import Surface
from ..codecs.caches import GLZ_WINDOW_PIXELS, PIXMAP_CACHE_PIXELS, PaletteCache
from ..codecs.image import ImageDecoder, MissingReference, Pixmap
from ..errors import ChannelClosed, CodecError
from ..features import GL_SCANOUT_MISSING, GL_SCANOUT_SUSPECTED
from ..geometry import Rect
from ..interfaces import Head
from ..wire import display as wire
from ..wire.enums import ChannelType, DisplayCap, ImageCompression, SurfaceFlags
from . import streams
from .base import Channel

if TYPE_CHECKING:
    from ..session import Session

#: Images of more pixels than this are decoded in a worker thread: a thread hop costs about 0.1 ms.
INLINE_PIXELS = 48_000

#: Seconds to wait for an image that another channel of the session must still bring.
REFERENCE_TIMEOUT = 5.0

#: Monitors of one channel; the reference takes 16.
MAX_HEADS = 256

CACHE_ID = 1  # of the pixmap cache and the GLZ dictionary, shared by the session's display channels


class DisplayChannel(Channel):
    TYPE = ChannelType.DISPLAY
    MESSAGES = wire.MESSAGES
    CAPS = frozenset(
        (
            DisplayCap.MONITORS_CONFIG,
            DisplayCap.COMPOSITE,
            DisplayCap.A8_SURFACE,
            DisplayCap.LZ4_COMPRESSION,
            DisplayCap.PREF_COMPRESSION,
        )
    )
    IGNORED: ClassVar[dict[type, str]] = {
        wire.QualityIndicator: "a hint of old servers without a meaning here",
        wire.GlScanoutUnix: f"only follows GL_SCANOUT, which is not announced: {GL_SCANOUT_MISSING}",
        wire.GlDraw: "only follows GL_SCANOUT, which is not announced",
    }

    def __init__(self, session: Session, id: int = 0) -> None:
        super().__init__(session, id)
        self.canvas = Canvas(id)
        self.palettes = PaletteCache()
        self.decoder = ImageDecoder(session.pixmaps, self.palettes, session.glz)
        self.monitors: list[wire.Head] = []
        self.monitors_allowed = 0
        self.marked = False
        self.shown: Surface | None = None  # what the driver was last given
        self.frame = asyncio.Event()  # something is shown
        self.changes = 0  # updates given to the driver, so that one can see whether the screen rests
        self.streams = streams.Streams(streams.DisplayScreen(self))
        self._streaming: set[int] = set()  # surfaces that show nothing but a stream
        self._damage = Damage()

    @property
    def surface(self) -> Surface | None:
        """The primary surface, None while there is none."""
        return self.canvas.primary

    @property
    def heads(self) -> list[Head]:
        """The monitors on the primary surface, all of it where the server names none; never empty."""
        surface = self.canvas.primary
        if surface is None:
            return [Head(self.key.id, 0, Rect(0, 0, 0, 0))]
        whole = Rect(0, 0, surface.width, surface.height)
        named = {
            monitor.monitor_id: Rect(monitor.x, monitor.y, monitor.width, monitor.height).intersect(whole)
            for monitor in self.monitors
            if monitor.surface_id == surface.id
        }
        heads = [Head(self.key.id, id, area) for id, area in sorted(named.items()) if not area.empty]
        return heads or [Head(self.key.id, 0, whole)]

    def announced(self) -> frozenset[int]:
        return super().announced() | streams.caps()

    async def run(self) -> None:
        try:
            await super().run()
        except ChannelClosed as error:
            if self.closed_by_server:
                raise ChannelClosed(f"{error}; {GL_SCANOUT_SUSPECTED}") from error
            raise
        finally:
            self.streams.close()

    def on_linked(self) -> None:
        self.send(wire.DisplayInit(CACHE_ID, PIXMAP_CACHE_PIXELS, CACHE_ID, GLZ_WINDOW_PIXELS))
        if (name := self.session.options.compression) and DisplayCap.PREF_COMPRESSION in self.channel_caps:
            self.send(wire.PreferredCompression(ImageCompression[name.upper()]))
        if (names := self.session.options.video_codecs) and DisplayCap.PREF_VIDEO_CODEC_TYPE in self.channel_caps:
            self.send(streams.preferred(names))

    # --- to the driver

    def turn_over(self) -> None:
        surface = self.canvas.primary
        if surface is None or not (self.marked and self._damage):
            return
        damage = self._damage.take()
        if surface is not self.shown:
            self.shown = surface
            self.session.driver.heads_changed(self.key.id, self.heads)
            self.session.driver.display_init(surface)
        else:
            self.session.driver.display_refresh(surface, damage)
        self.changes += 1
        self.frame.set()

    def _primary_gone(self) -> None:
        self._damage.take()
        self.frame.clear()
        if self.shown is not None:
            gone, self.shown = self.shown, None
            self.session.driver.display_closed(gone)

    # --- surfaces

    def on_surface_create(self, message: wire.SurfaceCreate) -> None:
        before = self.canvas.primary
        self.canvas.surface_create(message)
        self._streaming.discard(message.surface_id)
        if message.flags & SurfaceFlags.STREAMING_MODE:
            self._streaming.add(message.surface_id)
        self.streams.surfaces_changed()
        if self.canvas.primary is not before:
            self._damage.take()  # what is left was of the surface before

    def on_surface_destroy(self, message: wire.SurfaceDestroy) -> None:
        primary = self.canvas.primary
        self.canvas.surface_destroy(message)
        self._streaming.discard(message.surface_id)
        self.streams.surfaces_changed()
        if primary is not None and self.canvas.primary is None:
            self._primary_gone()

    def on_mode(self, message: wire.Mode) -> None:
        self.canvas.mode(message)
        self.streams.surfaces_changed()

    def on_mark(self, message: wire.Mark) -> None:
        self.marked = True
        surface = self.canvas.primary
        if surface is not None:
            self._damage.add_all(surface)

    def on_reset(self, message: wire.Reset) -> None:
        self.canvas.reset()
        self.palettes.clear()
        self.streams.clear()
        self.marked = False
        self._primary_gone()

    def on_monitors_config(self, message: wire.MonitorsConfig) -> None:
        self.monitors = list(message.heads[:MAX_HEADS])
        self.monitors_allowed = message.max_allowed
        if self.shown is not None:
            self.session.driver.heads_changed(self.key.id, self.heads)
            self.changes += 1

    # --- caches

    def on_inval_list(self, message: wire.InvalList) -> None:
        self.session.pixmaps.invalidate(message.resources)

    def on_inval_all_pixmaps(self, message: wire.InvalAllPixmaps) -> Coroutine[Any, Any, None]:
        return self._inval_all_pixmaps(message)

    async def _inval_all_pixmaps(self, message: wire.InvalAllPixmaps) -> None:
        await self.session.progress.wait(message.wait_list)
        self.session.pixmaps.clear()

    def on_inval_palette(self, message: wire.InvalPalette) -> None:
        self.palettes.invalidate(message.id)

    def on_inval_all_palettes(self, message: wire.InvalAllPalettes) -> None:
        self.palettes.clear()

    # --- streams

    def on_stream_create(self, message: wire.StreamCreate) -> None:
        self.streams.create(message, at_once=message.surface_id in self._streaming)

    def on_stream_clip(self, message: wire.StreamClip) -> None:
        self.streams.clip(message)

    def on_stream_activate_report(self, message: wire.StreamActivateReport) -> None:
        self.streams.activate_report(message)

    def on_stream_destroy(self, message: wire.StreamDestroy) -> None:
        self.streams.destroy(message.id)

    def on_stream_destroy_all(self, message: wire.StreamDestroyAll) -> None:
        self.streams.clear()

    def on_stream_data(self, message: wire.StreamData) -> Coroutine[Any, Any, None] | None:
        return self.streams.frame(message.base.id, message.base.multi_media_time, message.data, None, None)

    def on_stream_data_sized(self, message: wire.StreamDataSized) -> Coroutine[Any, Any, None] | None:
        size = (message.width, message.height)
        return self.streams.frame(message.base.id, message.base.multi_media_time, message.data, size, message.dest)

    # --- drawing

    def _draw(self, message: Any) -> Coroutine[Any, Any, None] | None:
        images = self.canvas.images(message)
        if not images:
            self._apply(message, {})
            return None
        pixmaps: dict[int, Pixmap] = {}
        if self.canvas.cost(images) <= INLINE_PIXELS:
            try:
                for image in images:
                    pixmaps[id(image)] = self.decoder.decode(image)
                self._apply(message, pixmaps)
                self.session.image_arrived()
                return None
            except MissingReference:
                pass
        return self._draw_slowly(message, images, pixmaps)

    async def _draw_slowly(self, message: Any, images: list[Any], pixmaps: dict[int, Pixmap]) -> None:
        """*pixmaps* are those decoded already: decoding once more would count in the cache once more."""
        for image in images:
            if id(image) not in pixmaps:
                pixmaps[id(image)] = await self._decode(image)
        self._apply(message, pixmaps)

    async def _decode(self, image: Any) -> Pixmap:
        """Decodes in a worker thread; waits when another channel must bring something first."""
        try:
            async with asyncio.timeout(REFERENCE_TIMEOUT):
                while True:
                    arrived = self.session.images_arrived
                    try:
                        pixmap = await asyncio.to_thread(self.decoder.decode, image)
                    except MissingReference as missing:
                        if self.session.display_count < 2:
                            raise CodecError(str(missing)) from missing
                        await arrived.wait()
                    else:
                        self.session.image_arrived()
                        return pixmap
        except TimeoutError:
            raise CodecError(f"image {image.descriptor.id:#x} refers to one that never came") from None

    def _apply(self, message: Any, pixmaps: dict[int, Pixmap]) -> None:
        try:
            surface_id, damage = self.canvas.draw(message, pixmaps)
        except Unsupported as unsupported:
            self.session.gap(unsupported.key)
            return
        self.painted(surface_id, damage)

    def painted(self, surface_id: int, damage: Sequence[Rect]) -> None:
        """Something was drawn, which the driver is told of at the next turn."""
        primary = self.canvas.primary
        if primary is not None and surface_id == primary.id:
            for rect in damage:
                self._damage.add(rect)

    on_copy_bits = _draw
    on_draw_fill = _draw
    on_draw_opaque = _draw
    on_draw_copy = _draw
    on_draw_blend = _draw
    on_draw_blackness = _draw
    on_draw_whiteness = _draw
    on_draw_invers = _draw
    on_draw_rop3 = _draw
    on_draw_stroke = _draw
    on_draw_text = _draw
    on_draw_transparent = _draw
    on_draw_alpha_blend = _draw
    on_draw_composite = _draw
