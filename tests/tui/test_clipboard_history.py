"""What is kept of the clipboard, and how text of anybody is shown."""

from __future__ import annotations

from datetime import datetime
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from spicetui.geometry import Size
from spicetui.interfaces import ClipboardFormat, ClipboardSelection
from spicetui.tui.clipboard_history import Entry, History, Policy, Way, looks, visible
from spicetui.tui.pictures import MAX_PIXELS, PictureError, decode, measure

TEXT, PNG = ClipboardFormat.TEXT, ClipboardFormat.PNG
TIME = datetime(2026, 1, 2, 3, 4, 5)


def entry(data: bytes = b"", format: ClipboardFormat = TEXT) -> Entry:
    return Entry(Way.FROM_GUEST, ClipboardSelection.CLIPBOARD, (format,), TIME, {format: data})


def test_the_newest_entries_have_room() -> None:
    history = History(max_entries=3, max_bytes=100)
    entries = [entry(bytes([65 + n]) * 40) for n in range(4)]
    for one in entries:
        history.add(one)
    assert list(history) == entries[:0:-1]
    assert [one.size for one in history] == [40, 40, 0]
    big = entry(b"x" * 101)
    history.add(big)
    assert (big.size, history.size, len(history)) == (0, 80, 3)
    history.clear()
    assert (list(history), history.size) == ([], 0)


def test_policies_go_round() -> None:
    assert [policy.following for policy in Policy] == [Policy.ASK, Policy.ON, Policy.OFF]


def test_text_goes_before_pictures_and_what_is_here_before_what_is_not() -> None:
    both = Entry(Way.TO_GUEST, ClipboardSelection.CLIPBOARD, (PNG, TEXT), TIME)
    assert both.format is TEXT
    both.data[PNG] = b"1"
    assert both.format is PNG
    assert both.kinds == "PNG, text"
    files = ClipboardFormat.FILE_LIST
    assert Entry(Way.TO_GUEST, ClipboardSelection.CLIPBOARD, (files, PNG), TIME).format is PNG
    copied = Entry(Way.TO_GUEST, ClipboardSelection.CLIPBOARD, (files,), TIME, {files: b"copy\0/a b\0/c\0"})
    assert (copied.format, copied.text) == (files, "/a b\n/c")
    assert Entry(Way.TO_GUEST, ClipboardSelection.CLIPBOARD, (), TIME).format is None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain Grüße 🎈", "plain Grüße 🎈"),
        ("a\tb\r\nc\rd", "a    b\nc␍d"),
        ("\x1b[31m\x07\0\x7f", "␛[31m␇␀␡"),
        ("\x9b2J\x9d0;x\x9c\x85", "<U+009B>2J<U+009D>0;x<U+009C><U+0085>"),
        ("\u202eabc\u2066\u200e\u061c", "<U+202E>abc<U+2066><U+200E><U+061C>"),
        ("\u2028\u2029\ufeff\u200d\u00ad\ud800", "<U+2028><U+2029><U+FEFF><U+200D><U+00AD><U+D800>"),
    ],
)
def test_everything_is_shown(text: str, shown: str) -> None:
    assert visible(text) == shown
    assert "\n" not in looks(text)


@given(st.text(max_size=200) | st.text(st.characters(max_codepoint=0x9F), max_size=200))
def test_nothing_that_steers_a_terminal_is_left(text: str) -> None:
    assert all(character.isprintable() or character == "\n" for character in visible(text))
    assert looks(text).isprintable()
    assert len(looks(text)) <= 40


def test_long_text_is_cut() -> None:
    assert len(visible("x" * 10_000)) == 4001
    assert looks("x" * 10_000) == "x" * 39 + "…"


@pytest.mark.parametrize(
    ("name", "format"),
    [
        ("PNG", PNG),
        ("BMP", ClipboardFormat.BMP),
        ("TIFF", ClipboardFormat.TIFF),
        ("JPEG", ClipboardFormat.JPG),
    ],
)
def test_pictures(name: str, format: ClipboardFormat) -> None:
    out = BytesIO()
    Image.new("RGB", (1600, 300), (255, 128, 0)).save(out, name)
    data = out.getvalue()
    assert measure(format, data) == Size(1600, 300)
    pixels = decode(format, data)
    assert pixels.shape == (150, 800, 4)
    assert abs(pixels[70, 400, :3].astype(int) - (0, 128, 255)).max() <= 3
    with pytest.raises(PictureError, match=r"broken|no "):
        decode(format, data[: len(data) // 2])
    other = ClipboardFormat.JPG if format is PNG else PNG
    with pytest.raises(PictureError, match="this is no"):
        measure(other, data)


def test_pictures_that_are_too_large_are_not_decoded() -> None:
    out = BytesIO()
    Image.new("1", (8192, MAX_PIXELS // 8192 + 1)).save(out, "PNG")
    assert measure(PNG, out.getvalue()).width == 8192
    with pytest.raises(PictureError, match="too many pixels"):
        decode(PNG, out.getvalue())
    header = bytearray(out.getvalue())
    header[16:24] = (60_000).to_bytes(4, "big") * 2
    with pytest.raises(PictureError, match="no PNG"):
        measure(PNG, bytes(header))


@given(st.binary(max_size=100), st.sampled_from(list(ClipboardFormat)))
def test_anything_is_no_picture(data: bytes, format: ClipboardFormat) -> None:
    with pytest.raises(PictureError):
        decode(format, data)
