"""What the kitty backend is made of: packing, payloads, rectangles, placeholders, tmux's wrapping."""

from __future__ import annotations

import base64
import importlib.util
import io
import zlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from terminal.placeholders import DIACRITICS as KNOWN

from spicetui.geometry import Rect, Size
from spicetui.term import _packing, kitty_tiles, packing, payloads, tmux
from spicetui.term.packing import Fallback
from spicetui.term.payloads import Encoder
from spicetui.term.placeholders import DIACRITICS, MAX_CELLS, PLACEHOLDER, placeholders


def _interpreted() -> ModuleType:
    spec = importlib.util.spec_from_file_location("packing_source", Path(packing.__file__).with_name("_packing.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1 << 32), st.integers(1, 20), st.integers(1, 12), st.data())
def test_compiled_interpreted_and_numpy_loops_agree(seed: int, width: int, height: int, data: st.DataObject) -> None:
    random = np.random.default_rng(seed)
    words = random.integers(0, 1 << 24, (height, width), dtype=np.uint32)
    x0, y0 = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    x1, y1 = data.draw(st.integers(x0 + 1, width)), data.draw(st.integers(y0 + 1, height))
    area, count = (x0, y0, x1, y1), (x1 - x0) * (y1 - y0)
    palette = random.integers(0, 1 << 24, int(random.integers(1, 257)), dtype=np.uint32)
    results = []
    for loops in (_packing, _interpreted(), Fallback):
        rgba, rgb, indexes = bytearray(4 * count), bytearray(3 * count), bytearray(count)
        table = np.full(1 << 15, packing.UNKNOWN, np.uint16)
        loops.rgba(words.data, width, area, memoryview(rgba))
        loops.rgb(words.data, width, area, memoryview(rgb))
        loops.index(words.data, width, area, palette.data, len(palette), table.data, memoryview(indexes))
        results.append((rgba, rgb, indexes, table.tobytes()))
    assert results[0] == results[1] == results[2]
    part = words[y0:y1, x0:x1]
    channels = np.stack((part >> 16 & 255, part >> 8 & 255, part & 255), axis=-1).astype(np.uint8)
    assert results[0][1] == channels.tobytes()
    assert np.frombuffer(results[0][0], np.uint8).reshape(-1, 4)[:, :3].tobytes() == channels.tobytes()


def test_packing_checks_what_it_is_given() -> None:
    words = np.zeros((4, 5), np.uint32)
    for rect, size in ((Rect(0, 0, 6, 1), 24), (Rect(2, 2, 0, 1), 0), (Rect(0, 0, 2, 2), 15), (Rect(-1, 0, 2, 2), 16)):
        with pytest.raises(ValueError, match=r"part|size"):
            packing.pack_rgba(words, rect, memoryview(bytearray(size)))


def test_halves_and_five_bits() -> None:
    words = np.array([[0x00FF00, 0x000000, 0x123456], [0x00FF00, 0x000000, 0x123456], [7, 9, 0xFFFFFF]], np.uint32)
    assert packing.halved(words).tolist() == [[0x007F00, 0x123456], [8, 0xFFFFFF]]
    assert packing.five_bits(np.array([[0xFFFFFF, 0, 0x070809]], np.uint32)).tolist() == [[0xFFFFFF, 0, 0x000808]]


@pytest.mark.parametrize("fast", [True, False])
def test_payloads_are_what_their_form_says(fast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if fast:
        assert payloads.fast_parts() == ("isal", "pybase64")
    else:
        monkeypatch.setattr(payloads, "_pybase64", lambda: None)
        monkeypatch.setattr(payloads, "_compressor", lambda: zlib.compress)
    words = (np.indices((40, 50)).sum(axis=0) * 0x10203 & 0xFFFFFF).astype(np.uint32)
    plain = packing.pack_rgb(words)
    form, data = Encoder().encode(words, payloads.EXACT)
    assert form == b"f=24,o=z"
    assert zlib.decompress(data) == plain
    assert base64.b64decode(payloads.base64(data), validate=True) == data
    form, data = Encoder().encode(words, payloads.FIVE_BITS)
    assert zlib.decompress(data) == packing.pack_rgb(packing.five_bits(words))
    noise = np.random.default_rng(1).integers(0, 1 << 24, (9, 9), dtype=np.uint32)
    form, data = Encoder().encode(noise, payloads.PALETTE)  # so small that it stays exact
    assert form == b"f=24"
    assert data == packing.pack_rgb(noise)
    assert payloads.is_exact(noise, payloads.PALETTE)


def _opened(data: bytes | bytearray) -> np.ndarray:
    with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
        assert image.mode == "P"
        pixels = np.asarray(image.convert("RGB")).astype(np.uint32)
    return pixels @ np.array((1 << 16, 1 << 8, 1), np.uint32)


def test_few_colours_come_through_a_palette_nearly_as_they_are() -> None:
    colors = np.array([0x000000, 0xF8F8F8, 0x3080C8, 0xC03028], np.uint32)
    words = colors[np.random.default_rng(2).integers(0, 4, (60, 70))]
    form, data = Encoder().encode(words, payloads.PALETTE)
    assert form == b"f=100"
    assert (_opened(data) == words).all()
    assert len(data) < words.size / 2


def test_a_palette_is_kept_while_it_fits() -> None:
    random = np.random.default_rng(3)
    ramp = np.indices((80, 90)).sum(axis=0).astype(np.uint32) * np.uint32(3) // np.uint32(2)
    gray = ramp * np.uint32(0x010101)
    encoder = Encoder()
    first = _opened(encoder.encode(gray, payloads.PALETTE).data)
    assert (np.abs((first & 255).astype(int) - ramp.astype(int)) <= 8).all()
    kept = encoder._palette
    encoder.encode(np.roll(gray, 5, axis=1), payloads.PALETTE)
    assert encoder._palette is kept
    other = random.integers(0, 256, (80, 90), dtype=np.uint32) * np.uint32(256)
    again = _opened(encoder.encode(other, payloads.PALETTE).data)
    assert encoder._palette is not kept
    assert (np.abs((again >> 8).astype(int) - (other >> 8).astype(int)) <= 8).all()


def test_half_a_picture() -> None:
    words = np.full((31, 45), 0x4080C0, np.uint32)
    assert _opened(Encoder().encode(words, payloads.HALF).data).shape == (16, 23)
    assert _opened(Encoder().encode(words, payloads.QUARTER).data).shape == (8, 12)


@given(st.lists(st.lists(st.booleans(), min_size=9, max_size=9), min_size=1, max_size=7))
def test_rectangles_cover_what_is_marked(rows: list[list[bool]]) -> None:
    marks = np.array(rows, np.uint8)
    covered = np.zeros_like(marks)
    for rect in kitty_tiles.exact_parts(marks):
        covered[rect.slices()] += 1
    assert (covered == marks).all()
    if not marks.any():
        return
    covered[:] = 0
    parts = kitty_tiles.changed_parts(marks)
    for rect in parts:
        covered[rect.slices()] += 1
    assert (covered >= marks).all()
    assert covered.max() == 1
    assert len(parts) <= 4


@given(st.integers(0, 300), st.integers(0, 300), st.integers(1, 60), st.integers(1, 60))
def test_a_grid_covers_the_picture(width: int, height: int, across: int, down: int) -> None:
    covered = np.zeros((height + 3, width + 2), np.uint8)
    for rect in kitty_tiles.grid(Rect(2, 3, width, height), Size(across, down)):
        covered[rect.slices()] += 1
        assert 0 < rect.width <= MAX_CELLS
        assert 0 < rect.height <= MAX_CELLS
    assert covered[3:, 2:].all()
    assert covered.sum() == width * height


def test_placeholders_say_image_row_and_column() -> None:
    assert {character: number for number, character in enumerate(DIACRITICS)} == KNOWN
    assert placeholders(0x02000045, 1, 2, 3) == (
        f"\x1b[38;2;0;0;69m{PLACEHOLDER}\u030d\u030e\u030e{PLACEHOLDER}{PLACEHOLDER}\x1b[m"
    )
    assert placeholders(7, 0, 0, 1) == f"\x1b[38;2;0;0;7m{PLACEHOLDER}\u0305\u0305\x1b[m"
    assert placeholders(7, 0, 0, 0) == ""


def test_wrapping_for_tmux() -> None:
    one = b"\x1b_Ga=p;" + b"A" * 4000 + b"\x1b\\"
    wrapped = tmux.passthrough_strings(one * 40)
    parts = wrapped.split(b"\x1bPtmux;")[1:]
    assert len(parts) == 3
    assert all(len(part) < 1 << 17 and part.endswith(b"\x1b\x1b\\\x1b\\") for part in parts)
    assert b"".join(part[:-2] for part in parts).replace(b"\x1b\x1b", b"\x1b") == one * 40
    assert tmux.passthrough_strings(b"") == b""
    for wrong in (b"text", one + b"\x1b[H", b"\x1b[H" + one, one[:-1], b"\x1b_G" + b"A" * (1 << 17) + b"\x1b\\"):
        with pytest.raises(ValueError, match=r"APC|long"):
            tmux.passthrough_strings(wrong)
