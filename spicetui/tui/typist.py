"""Text typed into the guest, key by key, at a rate that a PC keyboard's buffer takes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..errors import SpiceError
from ..keymap.text import NAMED_AT_MOST, Spelling, Typed

if TYPE_CHECKING:
    from ..channels.inputs import Inputs

# QEMU's PS/2 keyboard keeps 16 bytes and drops what comes on top: a guest may be busy elsewhere for 90 ms.
EVENT_SECONDS = 0.006
QUESTION_CHARACTERS = 200
REPORT_SECONDS = 0.2


class PastePlan(NamedTuple):
    """What is to be typed on *layout*, and what cannot be."""

    text: str
    layout: str
    spelling: Spelling
    cut: int  #: characters that were too many

    @property
    def characters(self) -> int:
        return sum(1 for one in self.spelling.typed if one.text)

    @property
    def lines(self) -> int:
        return self.text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n").count("\n") + 1

    @property
    def seconds(self) -> float:
        return EVENT_SECONDS * sum(1 for stroke in self.spelling.strokes for _ in stroke.switches)

    @property
    def questionable(self) -> bool:
        """Whether the user has to be asked before anything is sent."""
        return self.characters > QUESTION_CHARACTERS or self.lines > 1 or bool(self.spelling.missing or self.cut)

    @property
    def missing(self) -> str:
        """What cannot be typed, named."""
        found = self.spelling.missing
        names = ", ".join(
            f"{one} U+{ord(one[0]):04X}" if one.isprintable() else f"U+{ord(one[0]):04X}"
            for one in found[:NAMED_AT_MOST]
        )
        return names + (f" and {len(found) - NAMED_AT_MOST} more" if len(found) > NAMED_AT_MOST else "")


class Typist:
    """Types one spelling; *report* is told now and then that :attr:`left` has changed, and at the end."""

    def __init__(self, inputs: Inputs, typed: Sequence[Typed], report: Callable[[], None]) -> None:
        self.left = sum(1 for one in typed if one.text)
        self._inputs = inputs
        self._typed = typed
        self._report = report
        self._task = asyncio.create_task(self._type())
        self._task.add_done_callback(self._ended)

    @property
    def done(self) -> bool:
        return self._task.done()

    def cancel(self) -> None:
        self._task.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            task.exception()  # a connection that is lost is told elsewhere
        self._report()

    async def _type(self) -> None:
        loop = asyncio.get_running_loop()
        told = loop.time()
        around: list[Typed] = []  # locks that were switched before the text, to be switched back behind it
        begun = False
        try:
            for one in self._typed:
                if one.text:
                    begun = True
                elif not begun:
                    around.insert(0, one)
                await self._strike(one)
                if loop.time() - told > REPORT_SECONDS:
                    told = loop.time()
                    self._report()
        except asyncio.CancelledError:
            self._inputs.release_all()
            for one in around:
                for stroke in one.strokes:
                    for key, down in stroke.switches:
                        self._switch(key, down)
            raise
        except (SpiceError, OSError):
            return

    async def _strike(self, one: Typed) -> None:
        switches = [switch for stroke in one.strokes for switch in stroke.switches]
        last = max((index for index, (_, down) in enumerate(switches) if down), default=0)
        for index, (key, down) in enumerate(switches):
            self._switch(key, down)
            if index == last and one.text:
                self.left -= 1
            await self._inputs.drain()
            await asyncio.sleep(EVENT_SECONDS)

    def _switch(self, key: int, down: bool) -> None:
        if down:
            self._inputs.key_down(key)
        else:
            self._inputs.key_up(key)
