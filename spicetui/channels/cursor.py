"""A cursor channel: the pointer's shape and place, kept and told to the driver."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..canvas.cursor import Cursor, CursorCache
from ..wire import cursor as wire
from ..wire.enums import ChannelType, CursorFlags
from .base import Channel

if TYPE_CHECKING:
    from ..session import Session


class CursorChannel(Channel):
    TYPE = ChannelType.CURSOR
    MESSAGES = wire.MESSAGES

    def __init__(self, session: Session, id: int = 0) -> None:
        super().__init__(session, id)
        self.cursor: Cursor | None = None
        self.x = 0
        self.y = 0
        self.visible = False
        self.trail = (0, 0)  # length, frequency; told by the server, no terminal draws it
        self._cache = CursorCache()

    def _tell(self) -> None:
        cursor = self.cursor if self.visible else None
        self.session.driver.set_cursor(cursor, self.x, self.y)
        self.session.driver.cursor_changed(self.key.id, cursor, self.x, self.y)

    def _take(self, shape: wire.CursorShape) -> None:
        if shape.flags & CursorFlags.NONE:
            self.cursor = None
        else:
            self.cursor = self._cache.take(shape)

    def on_cursor_init(self, message: wire.CursorInit) -> None:
        self._cache.clear()
        self.trail = (message.trail_length, message.trail_frequency)
        self._set(message.position.x, message.position.y, bool(message.visible), message.cursor)

    def on_cursor_set(self, message: wire.CursorSet) -> None:
        self._set(message.position.x, message.position.y, bool(message.visible), message.cursor)

    def _set(self, x: int, y: int, visible: bool, shape: wire.CursorShape) -> None:
        self.x, self.y, self.visible = x, y, visible
        try:
            self._take(shape)
        finally:
            self._tell()

    def on_cursor_move(self, message: wire.CursorMove) -> None:
        self.x, self.y = message.position
        self.visible = True
        self._tell()

    def on_cursor_hide(self, message: wire.CursorHide) -> None:
        self.visible = False
        self._tell()

    def on_cursor_reset(self, message: wire.CursorReset) -> None:
        self._cache.clear()
        self.cursor = None
        self.visible = False
        self._tell()

    def on_cursor_trail(self, message: wire.CursorTrail) -> None:
        self.trail = (message.length, message.frequency)

    def on_cursor_inval_one(self, message: wire.CursorInvalOne) -> None:
        self._cache.invalidate(message.id)

    def on_cursor_inval_all(self, message: wire.CursorInvalAll) -> None:
        self._cache.clear()
