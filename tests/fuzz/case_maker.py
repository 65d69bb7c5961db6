"""Puts cases together from the seeds and damages them; the same numbers give the same case."""

from __future__ import annotations

import random
from typing import Any

from spicetui.geometry import Point, Rect
from spicetui.wire import common, core, display, image
from spicetui.wire.enums import ChannelType, Ropd, SurfaceFmt, VideoCodecType

from .case import MESSAGES, POINTER, SECOND, SINGLE, Body, Case, Said, frame
from .made import EXTREMES, NUMBERS, Maker
from .seeds import Seeds

DISPLAY, CURSOR = MESSAGES[ChannelType.DISPLAY], MESSAGES[ChannelType.CURSOR]
NO_CLIP = display.Clip(None)
NO_MASK = display.QMask(0, Point(0, 0), None)


class CaseMaker:
    """*kept* are cases that showed something new; they are damaged further."""

    def __init__(self, seeds: Seeds, seed: str) -> None:
        self.seeds = seeds
        self.seed = seed
        self.kept: list[Case] = []
        self._kinds = list(DISPLAY.from_server.values())
        self._pointer_kinds = [kind for kind in CURSOR.from_server.values() if kind not in common_kinds()]

    def case(self, number: int) -> Case:
        chance = random.Random(f"{self.seed} {number}")
        maker = Maker(chance, self.seeds.images)
        if self.kept and chance.random() < 0.4:
            return self._again(chance, maker, chance.choice(self.kept))
        displays = [(SINGLE, self._display(chance, maker))]
        if chance.random() < 0.08:
            displays.append((SECOND, self._display(chance, maker)))
        said = [self._said(chance, maker, key, bodies) for key, bodies in displays]
        if chance.random() < 0.3:
            said.append(self._said(chance, maker, POINTER, self._cursor(chance, maker)))
        return Case(tuple(said))

    def _said(self, chance: random.Random, maker: Maker, key: Any, bodies: list[Body]) -> Said:
        damaged = self.damaged(chance, maker, key.type, bodies, chance.choice((0, 1, 2, 4, 8)))
        said = frame(key, chance.random() < 0.6, damaged, chance.random() < 0.3)
        if chance.random() < 0.03:
            said = Said(key, said.mini_header, damaged_bytes(chance, said.data))
        return said

    def _again(self, chance: random.Random, maker: Maker, case: Case) -> Case:
        said = []
        for one in case.channels:
            bodies = unframed(one)
            if bodies and chance.random() < 0.9:
                one = self._said(chance, maker, one.key, bodies)
            said.append(one)
        return Case(tuple(said))

    # --- whole channels

    def _display(self, chance: random.Random, maker: Maker) -> list[Body]:
        bodies: list[Body] = []
        for number in range(chance.choice((0, 1, 1, 2, 4))):
            fmt = chance.choice(list(SurfaceFmt)) if number else chance.choice((96, 32, 32, 16, 80, 8, 1))
            size = (100, 80) if not number else (chance.randrange(1, 80), chance.randrange(1, 80))
            bodies.append(Body.of(DISPLAY, display.SurfaceCreate(number, *size, int(fmt), int(number == 0))))
        bodies.append(Body.of(DISPLAY, display.Mark()))
        for _ in range(chance.choice((1, 2, 3, 5))):
            pick = chance.random()
            if pick < 0.25:
                run = chance.choice(self.seeds.runs)
                start = chance.randrange(len(run)) if chance.random() < 0.5 else 0
                bodies += run[start : start + chance.choice((4, 12, 40))]
            elif pick < 0.35:
                bodies += self._window(chance)
            elif pick < 0.5 and self.seeds.clips:
                bodies += self._stream(chance, maker)
            else:
                for _ in range(chance.choice((1, 3, 6))):
                    bodies += made(DISPLAY, maker, chance.choice(self._kinds))
        return bodies

    def _window(self, chance: random.Random) -> list[Body]:
        """GLZ images that refer to one another."""
        sequence = chance.choice(self.seeds.windows)
        start = chance.randrange(max(1, len(sequence) - 6))
        return [draw(one) for one in sequence[start : start + 6]]

    def _stream(self, chance: random.Random, maker: Maker) -> list[Body]:
        codec = chance.choice(list(self.seeds.clips))
        frames = self.seeds.clips[codec]
        number = chance.randrange(3)
        dest = (
            Rect(chance.randrange(-10, 40), chance.randrange(-10, 40), 64, 48)
            if chance.random() < 0.7
            else maker.rect()
        )
        create = display.StreamCreate(
            0, number, chance.randrange(2), codec if chance.random() < 0.95 else VideoCodecType(chance.randrange(1, 6)),
            0, 64, 48, 64, 48, dest, maker.clip(),
        )  # fmt: skip
        bodies = [Body.of(DISPLAY, create)]
        if chance.random() < 0.3:
            bodies.append(Body.of(DISPLAY, display.StreamActivateReport(number, 7, chance.randrange(1, 9), 1000)))
        for data in frames[: chance.choice((1, 2, 6))]:
            data = damaged_bytes(chance, data) if chance.random() < 0.4 else data
            head = display.StreamDataHeader(number, chance.choice((990, 1000, 1001, 1010)))
            if chance.random() < 0.3:
                sized = display.StreamDataSized(head, chance.choice((64, 64, 80, 8)), 48, maker.rect(), data)
                bodies.append(Body.of(DISPLAY, sized))
            else:
                bodies.append(Body.of(DISPLAY, display.StreamData(head, data)))
            if chance.random() < 0.2:
                bodies.append(Body.of(DISPLAY, display.StreamClip(number, maker.clip())))
        if chance.random() < 0.3:
            bodies.append(Body.of(DISPLAY, display.StreamDestroy(number)))
        return bodies

    def _cursor(self, chance: random.Random, maker: Maker) -> list[Body]:
        bodies = [chance.choice(self.seeds.cursors)] if self.seeds.cursors else []
        for _ in range(chance.randrange(1, 9)):
            bodies += made(CURSOR, maker, chance.choice(self._pointer_kinds))
        return bodies

    # --- damage

    def damaged(
        self, chance: random.Random, maker: Maker, channel: ChannelType, bodies: list[Body], times: int
    ) -> list[Body]:
        bodies = list(bodies)
        messages = MESSAGES[channel]
        for _ in range(times):
            if not bodies:
                break
            at = chance.randrange(len(bodies))
            pick = chance.random()
            if pick < 0.05:
                del bodies[at]
            elif pick < 0.1:
                bodies.insert(chance.randrange(len(bodies) + 1), bodies[at])
            elif pick < 0.15:
                to = chance.randrange(len(bodies))
                bodies[at], bodies[to] = bodies[to], bodies[at]
            elif pick < 0.2:
                bodies[at:at] = made(messages, maker, chance.choice(list(messages.from_server.values())))
            elif pick < 0.35:
                bodies[at] = Body(bodies[at].number, damaged_bytes(chance, bodies[at].body))
            elif pick < 0.37:
                bodies[at] = Body(chance.choice((*messages.from_server, 99, 300, 0xFFFF)), bodies[at].body)
            else:
                bodies[at] = changed(chance, maker, channel, bodies[at])
        return bodies


def common_kinds() -> set[type]:
    return set(common.MESSAGES.from_server.values())


def draw(picture: image.Image) -> Body:
    box = Rect(0, 0, min(picture.descriptor.width, 1 << 20), min(picture.descriptor.height, 1 << 20))
    base = display.DisplayBase(0, box, NO_CLIP)
    return Body.of(DISPLAY, display.DrawCopy(base, picture, box, int(Ropd.OP_PUT), 0, NO_MASK))


def made(messages: Any, maker: Maker, kind: type) -> list[Body]:
    """One message of that kind, or none where what was made up cannot be written."""
    try:
        return [Body.of(messages, maker.message(kind))]
    except Exception:  # numbers beyond their fields
        return []


def unframed(said: Said) -> list[Body]:
    """The messages of a channel, those in lists among the others; what is no message is left out."""
    from spicetui.errors import ProtocolError
    from spicetui.protocol.framer import LIST, Framer

    bodies: list[Body] = []
    try:
        for raw in Framer(said.mini_header).receive(said.data):
            if raw.number != LIST:
                bodies.append(Body(raw.number, bytes(raw.body)))
    except ProtocolError:
        pass
    return bodies


def damaged_bytes(chance: random.Random, data: bytes) -> bytes:
    """Change, cut, put in or move some bytes."""
    out = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4))):
        if not out:
            return chance.randbytes(chance.randrange(9))
        at = chance.randrange(min(len(out), chance.choice((40, 200, 1 << 20))))
        how = chance.randrange(9)
        if how == 0:
            out[at] = chance.choice((0, 1, 31, 32, 127, 128, 254, 255))
        elif how <= 2:
            out[at] ^= 1 << chance.randrange(8)
        elif how <= 4:
            value = chance.choice(NUMBERS + EXTREMES) & 0xFFFFFFFF
            out[at : at + 4] = value.to_bytes(4, "little")[: len(out) - at]
        elif how == 5:
            del out[at : at + chance.randint(1, 8)]
        elif how == 6:
            out[at:at] = chance.randbytes(chance.randint(1, 6))
        elif how == 7:
            start = chance.randrange(len(out))
            out[at:at] = out[start : start + chance.randint(1, 64)]
        elif chance.random() < 0.4:
            del out[at:]
    return bytes(out)


def changed(chance: random.Random, maker: Maker, channel: ChannelType, body: Body) -> Body:
    """The message with one of its fields changed, however deep it lies."""
    kind = MESSAGES[channel].from_server.get(body.number)
    if kind is None:
        return body
    try:
        message: Any = core.read(kind, body.body)
        places = list(fields(message))
        if not places:
            return body
        holder, key, value = chance.choice(places)
        new = another(chance, maker, value)
        if isinstance(holder, list):
            holder[key] = new
        else:
            setattr(holder, key, new)
        return Body(body.number, core.write(message))
    except Exception:  # it cannot be read, or no longer be written
        return Body(body.number, damaged_bytes(chance, body.body))


def fields(value: Any, depth: int = 0) -> Any:
    """Every (holder, key, value) below a structure."""
    for name in value.__match_args__:
        found = getattr(value, name)
        yield value, name, found
        if hasattr(found, "__match_args__") and not isinstance(found, (Rect, Point)):
            yield from fields(found, depth + 1)
        elif isinstance(found, list):
            for index, item in enumerate(found[:20]):
                yield found, index, item
                if hasattr(item, "__match_args__") and not isinstance(item, (Rect, Point)):
                    yield from fields(item, depth + 1)


def another(chance: random.Random, maker: Maker, value: Any) -> Any:
    """Something else of the same kind."""
    match value:
        case bool():
            return not value
        case int():
            pick = chance.random()
            if pick < 0.3:
                return value + chance.choice((-1, 1, -value, value, 4, -4, 256))
            if pick < 0.5:
                return value ^ 1 << chance.randrange(32)
            return abs(chance.choice(NUMBERS + EXTREMES)) if pick < 0.9 else chance.choice(EXTREMES)
        case Rect():
            if chance.random() < 0.5:
                return maker.rect()
            moved = [side + chance.choice((0, 0, 1, -1, 7, -20)) for side in value]
            return Rect(*moved)
        case Point():
            return maker.point()
        case bytes() | bytearray() | memoryview():
            return damaged_bytes(chance, bytes(value))
        case list() | tuple():
            items = list(value)
            if items and chance.random() < 0.5:
                items.pop(chance.randrange(len(items)))
            elif items:
                items.insert(chance.randrange(len(items)), chance.choice(items))
            return items
        case None:
            return maker.picture()
    return maker.of(type(value))
