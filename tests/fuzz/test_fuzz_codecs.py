"""Damaged streams: never a crash, never a byte outside the pixels, and nothing but CodecError.

A few thousand cases here; python tests/fuzz/test_fuzz_codecs.py SECONDS [SEED] goes on for longer.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "codecs"))

from codec_corpus import PALETTE, Stream, streams

from spicetui import codecs
from spicetui.codecs import glz, lz, quic
from spicetui.errors import CodecError

CASES = 3000 if codecs.COMPILED else 60
MAX_PIXELS = 1 << 16  # a header may say any size; larger ones would only cost time
GUARD = 64
CODECS = ("quic", "lz", "glz")


class Guarded:
    """Stands in for numpy.empty: what it gives lies between guard bytes, which `check` looks at."""

    def __init__(self) -> None:
        self.given: list[Any] = []

    def __call__(self, shape: Any, dtype: Any) -> Any:
        count = int(np.prod(shape)) * np.dtype(dtype).itemsize
        whole = np.full(count + 2 * GUARD, 0xA5, np.uint8)
        self.given.append(whole)
        return whole[GUARD : GUARD + count].view(dtype).reshape(shape)

    def check(self) -> None:
        for whole in self.given:
            assert (whole[:GUARD] == 0xA5).all(), "written before the pixels"
            assert (whole[-GUARD:] == 0xA5).all(), "written behind the pixels"
        self.given.clear()


@pytest.fixture
def guarded(monkeypatch: pytest.MonkeyPatch) -> Guarded:
    guard = Guarded()
    for module in (quic, lz, glz):
        monkeypatch.setattr(module, "_empty", guard)
    monkeypatch.setattr(glz, "_LARGE", 0)  # every image in memory of numpy's, which the guard stands in for
    return guard


def small(codec: str) -> list[Stream]:
    return [stream for stream in streams(codec) if len(stream.data) < 6000]


def damage(source: random.Random, data: bytes, header: int) -> bytes:
    """Change, cut, put in or move some bytes; mostly behind the header, which otherwise catches nearly all."""
    out = bytearray(data)
    for _ in range(source.choice((1, 1, 2, 4, 9))):
        first = header if len(out) > header and source.random() < 0.9 else 0
        at = source.randrange(first, len(out)) if len(out) > first else 0
        how = source.randrange(8)
        if how == 0 and out:
            out[at] = source.choice((0, 1, 31, 32, 127, 128, 254, 255))
        elif how <= 2 and out:
            out[at] ^= 1 << source.randrange(8)
        elif how == 3:
            out[at : at + 4] = source.randbytes(4)
        elif how == 4:
            del out[at : at + source.randint(1, 8)]
        elif how == 5:
            out[at:at] = source.randbytes(source.randint(1, 6))
        elif how == 6 and out:
            start = source.randrange(len(out))
            out[at:at] = out[start : start + source.randint(1, 64)]
        elif how == 7 and source.random() < 0.3:
            del out[at:]
    return bytes(out)


def attempt(codec: str, data: bytes, window: glz.Window) -> bool:
    """Whether it decodes; anything but CodecError goes through."""
    try:
        if codec == "quic":
            quic.decode(data, max_pixels=MAX_PIXELS)
        elif codec == "lz":
            lz.decode(data, PALETTE, max_pixels=MAX_PIXELS)
        else:
            window.decode(data, max_pixels=MAX_PIXELS)
    except CodecError:
        return False
    return True


def fuzz(codec: str, source: random.Random, more: Callable[[int], bool], guard: Guarded | None) -> tuple[int, int]:
    """Returns how many were tried and how many of them decoded all the same."""
    found = small(codec)
    header = {"quic": 20, "lz": 28, "glz": 33}[codec]
    count = good = 0
    window = glz.Window(MAX_PIXELS)
    while more(count):
        if codec == "glz" and count % 64 == 0:  # a few whole images, for references to be right or wrong about
            window.clear()
            sequence = source.choice(["RGB16/", "RGB32/", "RGBA/", "mixed/"])
            in_order = [stream for stream in streams("glz") if stream.name.startswith(sequence)]
            start = source.randrange(len(in_order) - 6)
            for stream in in_order[start : start + 6]:
                attempt(codec, stream.data, window)
            found = in_order[start + 1 : start + 8]
        data = damage(source, source.choice(found).data, header)
        good += attempt(codec, data, window)
        count += 1
        if guard is not None:
            guard.check()
    return count, good


@pytest.mark.parametrize("codec", CODECS)
def test_damaged_streams(codec: str, guarded: Guarded) -> None:
    count, good = fuzz(codec, random.Random(f"{codec} 1"), lambda count: count < CASES, guarded)
    assert count == CASES
    assert good > CASES // 100  # else the damage is so coarse that it tests nothing but the header


def test_the_guard_notices(guarded: Guarded) -> None:
    quic._empty((2, 2), np.uint8)
    guarded.given[0][GUARD + 4] = 0
    with pytest.raises(AssertionError, match="behind the pixels"):
        guarded.check()


def main() -> None:
    seconds = float(sys.argv[1])
    seed = sys.argv[2] if len(sys.argv) > 2 else str(time.time_ns())
    print(f"seed {seed}, compiled {codecs.COMPILED}")
    for codec in CODECS:
        end = time.monotonic() + seconds / len(CODECS)
        result = fuzz(codec, random.Random(f"{codec} {seed}"), lambda _, end=end: time.monotonic() < end, None)  # type: ignore[misc]
        print(codec, "{} damaged streams, {} of them decoded".format(*result), flush=True)


if __name__ == "__main__":
    main()
