"""The kitty protocol's details, by its document: what is answered, shown, deleted, and what fails."""

from __future__ import annotations

import base64
import os
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from .kitty import Graphics, Rules
from .picture import draw
from .placeholders import DIACRITICS, PLACEHOLDER
from .screen import Screen

CELL = (8, 16)
Picture = npt.NDArray[np.uint8]


class Bench:
    """A screen of 20 by 10 cells with graphics, without a pty."""

    def __init__(self, rules: Rules | None = None) -> None:
        self.screen = Screen(20, 10)
        cursor = lambda: (self.screen.cursor.x, self.screen.cursor.y)  # noqa: E731
        self.graphics = Graphics(rules or Rules(), CELL, cursor, lambda x, y: None)
        self.screen.scrolled = lambda amount, top, bottom: self.graphics.scrolled(amount, top, bottom, 10)

    def send(self, control: str, payload: bytes = b"") -> str:
        reply = self.graphics.handle(control.encode() + b";" + base64.b64encode(payload))
        return reply.decode() if reply is not None else ""

    def at(self, x: int, y: int) -> Bench:
        self.screen.cursor_position(y + 1, x + 1)
        return self

    @property
    def pixels(self) -> Picture:
        return draw(self.screen, self.graphics, CELL)


def noise(width: int, height: int, seed: int = 0, depth: int = 3) -> Picture:
    return np.random.default_rng(seed).integers(0, 256, (height, width, depth), np.uint8)


def where(pixels: Picture) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what is not black."""
    ys, xs = np.nonzero(pixels.any(axis=2))
    return int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1


def test_transmit_and_put() -> None:
    bench = Bench()
    image = noise(24, 20)
    assert bench.send("i=5,s=24,v=20,f=24", image.tobytes()) == "Gi=5;OK"
    assert not bench.pixels.any()
    assert bench.at(2, 1).send("a=p,i=5,p=7,X=3,Y=4") == "Gi=5,p=7;OK"
    assert np.array_equal(bench.pixels[20:40, 19:43], image)
    bench.at(4, 2).send("a=p,i=5,p=7")  # moves it
    assert np.array_equal(bench.pixels[32:52, 32:56], image)
    assert where(bench.pixels) == (32, 32, 56, 52)
    bench.at(0, 0).send("a=p,i=5,p=8,x=3,y=2,w=10,h=9")
    assert np.array_equal(bench.pixels[:9, :10], image[2:11, 3:13])
    assert bench.send("a=p,i=6").startswith("Gi=6;ENOENT:")


def test_silence() -> None:
    bench = Bench()
    pixel = b"abc"
    assert bench.send("i=1,s=1,v=1,f=24,q=1", pixel) == ""
    assert bench.send("i=1,s=2,v=1,f=24,q=1", pixel).startswith("Gi=1;ENODATA:")
    assert bench.send("i=1,s=2,v=1,f=24,q=2", pixel) == ""
    assert bench.send("s=1,v=1,f=24", pixel) == ""
    assert bench.send("i=1,I=1,s=1,v=1,f=24", pixel).startswith("Gi=1,I=1;EINVAL:")
    assert bench.send("i=31,s=1,v=1,a=q,t=d,f=24", pixel) == "Gi=31;OK"
    assert bench.graphics.image(31) is None
    assert bench.send("I=13,s=1,v=1,f=24", pixel) == "Gi=2,I=13;OK"


def test_formats_and_media(tmp_path: Path) -> None:
    bench = Bench()
    image = noise(16, 16, depth=4)
    image[..., 3] = 255
    path = tmp_path / "picture"
    path.write_bytes(b"head" + image.tobytes() + b"tail")
    assert bench.send("i=1,s=16,v=16,t=f,O=4,S=1024", os.fsencode(path)) == "Gi=1;OK"
    path.write_bytes(bytes(1024))
    assert bench.send("a=p,i=1") == "Gi=1;OK"
    assert np.array_equal(bench.pixels[:16, :16], image[..., :3])  # it was read when it came
    assert path.exists()
    temporary = tmp_path / "tty-graphics-protocol-test"
    temporary.write_bytes(image.tobytes())
    assert bench.send("i=2,s=16,v=16,t=t", os.fsencode(temporary)) == "Gi=2;OK"
    assert not temporary.exists()
    shared = Path("/dev/shm") / f"terminal-test-{os.getpid()}"
    shared.write_bytes(zlib.compress(image.tobytes()))
    assert bench.send("i=3,s=16,v=16,t=s,o=z", b"/" + os.fsencode(shared.name)) == "Gi=3;OK"
    assert not shared.exists()
    assert bench.send("i=4,s=16,v=16,t=f", b"/nowhere/at/all").startswith("Gi=4;EBADF:")
    assert bench.send("i=4,s=16,v=16,t=f", b"/proc/self/status").startswith("Gi=4;EPERM:")
    assert Bench(Rules(media="d")).send("i=4,s=1,v=1,t=s", b"/x").startswith("Gi=4;EINVAL:")


def chunks(control: str, payload: bytes, rest: str) -> list[tuple[str, bytes]]:
    pieces = [payload[place : place + 300] for place in range(0, len(payload), 300)]
    return [
        (f"{control if number == 0 else rest},m={int(number < len(pieces) - 1)}", piece)
        for number, piece in enumerate(pieces)
    ]


def test_chunks_of_a_picture() -> None:
    bench = Bench()
    image = noise(24, 20)
    replies = [bench.send(*chunk) for chunk in chunks("a=T,i=5,s=24,v=20,f=24", image.tobytes(), "q=0")]
    assert replies == [*[""] * (len(replies) - 1), "Gi=5;OK"]
    assert np.array_equal(bench.pixels[:20, :24], image)


@pytest.mark.parametrize(
    ("rules", "rest", "result"),
    [
        (Rules(chunks="repeat"), "a=f,i=5,r=1", "edited"),
        (Rules(chunks="repeat"), "q=2", "replaced"),
        (Rules(chunks="repeat"), "a=f", "as it was"),
        (Rules(chunks="repeat"), "a=f,i=5", "as it was"),
        (Rules(chunks="bare"), "q=2", "edited"),
        (Rules(chunks="bare"), "a=f,i=5,r=1", "edited"),
        (Rules(chunks="action"), "q=2", "replaced"),
        (Rules(chunks="action"), "a=f", "edited"),
        (Rules(chunks="action"), "a=f,i=5,r=1", "edited"),
        (Rules(chunks="none"), "a=f,i=5,r=1", "as it was"),
    ],
)
def test_chunks_of_a_frame(rules: Rules, rest: str, result: str) -> None:
    """As measured with kitty 0.26.5, and as kitty ≥ 0.49, Ghostty and WezTerm have it in their sources."""
    bench = Bench(rules)
    image, part = noise(24, 20), noise(16, 12, seed=1)
    bench.send("a=T,i=5,s=24,v=20,f=24", image.tobytes())
    for chunk in chunks("a=f,i=5,r=1,x=4,y=6,s=16,v=12,f=24,q=2", part.tobytes(), rest):
        bench.send(*chunk)
    edited = image.copy()
    edited[6:18, 4:20] = part
    wanted = {"edited": edited, "as it was": image, "replaced": part}[result]
    assert np.array_equal(bench.pixels[: wanted.shape[0], : wanted.shape[1]], wanted)
    assert len(bench.graphics.images[0].frames) == (2 if rules.chunks == "repeat" and rest in ("a=f", "a=f,i=5") else 1)


def test_frames() -> None:
    bench = Bench()
    image = noise(24, 20)
    bench.send("a=T,i=5,s=24,v=20,f=24", image.tobytes())
    half = np.full((4, 4, 4), (200, 100, 50, 128), np.uint8)
    assert bench.send("a=f,i=5,r=1,x=2,y=3,s=4,v=4", half.tobytes()) == "Gi=5,r=1;OK"
    blended = bench.pixels[3:7, 2:6].astype(int)
    assert np.abs(blended - (image[3:7, 2:6] * 127.0 + np.array([200, 100, 50]) * 128) / 255).max() <= 1
    bench.send("a=f,i=5,c=1,x=0,y=0,s=1,v=1,f=24", b"\1\2\3")
    assert tuple(bench.pixels[0, 0]) == tuple(image[0, 0])
    bench.send("a=a,i=5,c=2")
    assert tuple(bench.pixels[0, 0]) == (1, 2, 3)
    assert bench.send("a=c,i=5,r=1,c=2,w=2,h=2,X=8,Y=8,x=0,y=0,C=1") == "Gi=5;OK"
    assert np.array_equal(bench.pixels[:2, :2], image[8:10, 8:10])
    assert bench.send("a=f,i=9,r=1,s=1,v=1,f=24", b"abc").startswith("Gi=9,r=1;ENOENT:")
    assert bench.send("a=f,i=5,r=1,s=30,v=1,f=24", bytes(90)).startswith("Gi=5,r=1;EINVAL:")


def test_a_second_picture_replaces_the_first_and_its_placements() -> None:
    bench = Bench()
    bench.send("a=T,i=5,s=8,v=16,f=24", noise(8, 16).tobytes())
    bench.send("a=t,i=5,s=8,v=16,f=24", noise(8, 16, 1).tobytes())
    assert not bench.pixels.any()


def test_layers() -> None:
    """Below text, below backgrounds of their own, above text; by z, then by id."""
    bench = Bench()
    for identity, (z, color) in enumerate([(-1, 10), (-(1 << 30) - 1, 20), (3, 30), (2, 40)], 1):
        bench.at(identity, 0).send(f"a=T,i={identity},s=8,v=16,f=24,z={z},C=1", bytes([color]) * 384)
    bench.at(0, 0).screen.render("38;2;1;2;3;48;2;4;5;6")
    bench.screen.draw("█" * 5)
    pixels = bench.pixels
    assert [pixels[8, x * 8 + 4, 0] for x in range(5)] == [1, 1, 1, 30, 40]
    bench.at(0, 0).screen.draw(" " * 5)
    pixels = bench.pixels
    assert [pixels[8, x * 8 + 4, 0] for x in range(5)] == [4, 10, 4, 30, 40]
    bench.at(0, 0).screen.render("0")
    bench.screen.draw(" " * 5)
    assert [bench.pixels[8, x * 8 + 4, 0] for x in range(5)] == [0, 10, 20, 30, 40]
    bench.at(3, 0).send("a=p,i=4,z=3,C=1")
    assert bench.pixels[8, 28, 0] == 40


def test_scaling() -> None:
    bench = Bench()
    flat = np.full((10, 10, 3), 77, np.uint8)
    bench.send("i=1,s=10,v=10,f=24", flat.tobytes())
    bench.at(1, 1).send("a=p,i=1,c=4,r=3")
    assert where(bench.pixels) == (8, 16, 40, 64)
    bench.send("a=d,d=i,i=1")
    bench.at(1, 1).send("a=p,i=1,c=4")  # 32 pixels wide: 2 rows high
    assert where(bench.pixels) == (8, 16, 40, 48)


@pytest.mark.parametrize(
    ("command", "left"),
    [
        ("a=d", set()),
        ("a=d,d=i,i=1", {2, 3}),
        ("a=d,d=I,i=2", {1, 3}),
        ("a=d,d=c", {2, 3}),
        ("a=d,d=p,x=5,y=1", {1, 3}),
        ("a=d,d=x,x=1", {2}),
        ("a=d,d=Y,y=3", {1, 2}),
        ("a=d,d=z,z=9", {1, 2}),
        ("a=d,d=q,x=1,y=3,z=8", {1, 2, 3}),
        ("a=d,d=r,x=2,y=3", {1}),
    ],
)
def test_deleting(command: str, left: set[int]) -> None:
    bench = Bench()
    for identity, (x, y, z) in enumerate([(0, 0, 0), (4, 0, 0), (0, 2, 9)], 1):
        bench.at(x, y).send(f"a=T,i={identity},s=8,v=16,f=24,z={z},C=1", noise(8, 16).tobytes())
    bench.at(0, 0).send(command)
    assert {image.identity for image, _ in bench.graphics.placements()} == left
    freed = {1, 2, 3} - left if "d=I" in command or "d=Y" in command else set()
    assert {image.identity for image in bench.graphics.images} == {1, 2, 3} - freed


def test_scrolling_takes_pictures_along() -> None:
    bench = Bench()
    image = noise(8, 32)
    bench.at(3, 4).send("a=T,i=1,s=8,v=32,f=24,C=1", image.tobytes())
    bench.screen.scroll(2)
    assert where(bench.pixels) == (24, 32, 32, 64)
    bench.screen.set_margins(1, 2)
    bench.screen.scroll(1)
    assert where(bench.pixels) == (24, 32, 32, 64)
    bench.screen.set_margins()
    bench.screen.scroll(5)
    assert bench.graphics.images[0].placements == []


def marks(*numbers: int) -> str:
    by_number = {number: mark for mark, number in DIACRITICS.items()}
    return PLACEHOLDER + "".join(by_number[number] for number in numbers)


def test_placeholders_of_the_document() -> None:
    """The document's own example: image 42 (and 42 + (2 << 24)), 2 by 2 cells, with and without what is inherited."""
    rows = [[(0, 0), (0, 1)], [(1, 0), (1, 1)]]
    for identity, render in [(42, "38;5;42"), (42 + (2 << 24), "38;5;42"), (0x123456, "38;2;18;52;86")]:
        image = noise(16, 32, seed=identity)
        high = (identity >> 24,) if identity >> 24 else ()
        for inherited in (False, True):
            bench = Bench()
            bench.send(f"a=T,U=1,i={identity},s=16,v=32,f=24,c=2,r=2,q=2", image.tobytes())
            assert not bench.pixels.any()
            for row, places in enumerate(rows):
                bench.at(3, 2 + row).screen.render(render)
                for number, place in enumerate(places):
                    whole = number == 0 or not inherited
                    bench.screen.draw(marks(*(place if whole or high else ()), *high) if whole else PLACEHOLDER)
            assert np.array_equal(bench.pixels[32:64, 24:40], image)
            assert where(bench.pixels) == (24, 32, 40, 64)
            bench.screen.render("0")
            bench.at(3, 2).screen.draw("x ")
            assert where(bench.pixels)[1] < 48
            assert np.array_equal(bench.pixels[48:64, 24:40], image[16:])


def test_a_placeholder_keeps_the_aspect_ratio_and_follows_edits() -> None:
    bench = Bench()
    bench.send("a=T,U=1,i=7,p=3,s=4,v=16,f=24,c=2,r=1,q=2", np.full((16, 4, 3), 50, np.uint8).tobytes())
    bench.at(0, 0).screen.render("38;5;7;58;5;3")
    bench.screen.draw(marks(0, 0) + marks(0, 1))
    assert where(bench.pixels) == (6, 0, 10, 16)
    bench.send("a=f,i=7,r=1,s=4,v=16,f=24,q=2", np.full((16, 4, 3), 90, np.uint8).tobytes())
    assert bench.pixels[5, 7, 0] == 90
    bench.screen.render("58;5;4")
    bench.at(0, 0).screen.draw(marks(0, 0) + marks(0, 1))
    assert not bench.pixels.any()
    bench.send("a=d,d=A")
    assert bench.graphics.image(7) is not None  # virtual placements have no place on the screen
    bench.send("a=d,d=I,i=7")
    assert bench.graphics.images == []


def test_the_first_diacritics() -> None:
    assert len(DIACRITICS) == 297
    assert [DIACRITICS[mark] for mark in "\u0305\u030d\u030e\u0310\u0312"] == [0, 1, 2, 3, 4]
    assert DIACRITICS["\U0001d244"] == 296
