"""Makes spicetui/term/glyphs.bin: which character a glyph of a text console is, by the glyph's hash.

    python tests/term/make_glyphs.py [--consolefonts FOLDER] [--seabios FOLDER] [--ovmf FILE] [--kernel FILE]

The table has no bitmaps, so no font is part of the package.  It is made of the fonts that consoles show, as they
come with Debian:

- seabios (vgabios-stdvga.bin): the VGA's 8x8, 8x14 and 8x16; public domain, as its copyright file says.
- linux-image-amd64 (/boot/vmlinuz-…): the kernel's own 8x8, 8x16 and 16x32, which differ from those a little; GPL-2.
- ovmf (OVMF_CODE.fd): edk2's narrow glyphs, 8x19; BSD-2-Clause-Patent.
- console-setup-linux (/usr/share/consolefonts): Fixed (public domain), VGA (public domain and X11's terms), Terminus
  (OFL 1.1, the name reserved), for all scripts but those written from right to left, which terminals reorder.

A glyph that several characters have in common stands for the first in the order of ``rank``.
"""

from __future__ import annotations

import argparse
import gzip
import lzma
import struct
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from spicetui.term import glyph_table  # noqa: E402
from spicetui.term.glyph_table import rank  # noqa: E402

SCRIPTS_LEFT_OUT = ("Arabic", "Hebrew")
FACES = ("Fixed", "VGA", "Terminus")
FACE, DARK_FACE = bytes.fromhex("7e81a581"), bytes.fromhex("7effdbff")  # how ☺ and ☻ begin in the VGA's fonts
SCAN_LINES = range(0x23BA, 0x23BE)  # nobody writes them, and they look like a cursor
NARROW_GLYPH_BYTES = 22  # of edk2's EFI_NARROW_GLYPH: a code, attributes, 19 rows
LOW_GLYPHS = " ☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼"  # code page 437 below 0x20

Bits = npt.NDArray[np.bool_]


class Glyph(NamedTuple):
    codes: tuple[int, ...]
    bits: Bits  #: (height, width)


class Font(NamedTuple):
    name: str
    glyphs: list[Glyph]


def shown(code: int) -> bool:
    """Whether a terminal shows the character in one cell and where it was written."""
    character = chr(code)
    return (
        code < 0x10000
        and code not in SCAN_LINES
        and unicodedata.category(character)[0] in "LNPS"
        and not unicodedata.combining(character)
        and unicodedata.east_asian_width(character) not in "WF"
        and unicodedata.bidirectional(character) not in ("R", "AL", "AN")
    )


def rows(data: bytes, width: int, height: int) -> Bits:
    """A bitmap of whole bytes for each row, the leftmost pixel in the highest bit."""
    return np.unpackbits(np.frombuffer(data, np.uint8).reshape(height, -1), axis=1)[:, :width].astype(np.bool_)


def code_page_437() -> list[int]:
    text = bytes(range(256)).decode("cp437")
    return [ord(c) for c in LOW_GLYPHS] + [ord(c) for c in text[32:127]] + [0x2302] + [ord(c) for c in text[128:]]


def psf(path: Path) -> Font:
    """A console font with its table of characters; one without a table is code page 437."""
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    if data[:2] == b"\x36\x04":
        mode, height = data[2:4]
        count, size, width, start, table = 512 if mode & 1 else 256, height, 8, 4, bool(mode & 6)
        one, separator, sequence = "<H", 0xFFFF, 0xFFFE
    else:
        magic, _, start, flags, count, size, height, width = struct.unpack_from("<8I", data)
        if magic != 0x864AB572:
            raise SystemExit(f"{path}: no console font")
        table, one, separator, sequence = bool(flags & 1), "", 0xFF, 0xFE
    bitmaps = [rows(data[start + n * size : start + (n + 1) * size], width, height) for n in range(count)]
    rest = data[start + count * size :]
    if not table:
        codes: list[tuple[int, ...]] = [(code,) for code in code_page_437()]
    elif one:
        codes = list(_lists([value for (value,) in struct.iter_unpack(one, rest)], separator, sequence))
    else:
        codes = [
            tuple(ord(c) for c in part.split(b"\xfe")[0].decode())
            for part in rest.split(b"\xff")[:count]
        ]  # fmt: skip
    return Font(path.name, [Glyph(*pair) for pair in zip(codes, bitmaps, strict=False)])


def _lists(values: Iterable[int], separator: int, sequence: int) -> Iterator[tuple[int, ...]]:
    found: list[int] = []
    single = True
    for value in values:
        if value == separator:
            yield tuple(found)
            found, single = [], True
        elif value == sequence:
            single = False
        elif single:
            found.append(value)


def vga_rom(path: Path) -> list[Font]:
    """The three fonts of a VGA BIOS."""
    data = path.read_bytes()
    return [vga_font(data, path, height, above) for height, above in ((8, 0), (14, 2), (16, 2))]


def vga_font(data: bytes, path: Path, height: int, above: int) -> Font:
    """A font of 8 columns in the order of code page 437; its smiling face begins after *above* blank rows."""
    first = bytes(height + above) + FACE  # the glyph before is blank
    place = data.find(first)
    while place >= 0 and data[place + 2 * height + above :][:4] != DARK_FACE:
        place = data.find(first, place + 1)
    if place < 0:
        raise SystemExit(f"{path}: no font of 8x{height}")
    return font_at(data, place, 8, height)


def font_at(data: bytes, place: int, width: int, height: int) -> Font:
    size = width // 8 * height
    glyphs = [
        Glyph((code,), rows(data[place + n * size : place + (n + 1) * size], width, height))
        for n, code in enumerate(code_page_437())
    ]
    return Font(f"{width}x{height}", glyphs)


def kernel(path: Path, terminus: Font) -> list[Font]:
    """The fonts of a kernel compressed by xz; its 16x32 is found by the A of *terminus*."""
    data = path.read_bytes()
    data = lzma.LZMADecompressor().decompress(data[data.find(b"\xfd7zXZ\0") :])
    letter = next(glyph for glyph in terminus.glyphs if ord("A") in glyph.codes)
    place = data.find(np.packbits(letter.bits, axis=1).tobytes()) - ord("A") * 64
    if place < 0:
        raise SystemExit(f"{path}: no font of 16x32")
    return [vga_font(data, path, 8, 0), vga_font(data, path, 16, 2), font_at(data, place, 16, 32)]


def edk2(path: Path) -> Font:
    """The narrow glyphs of GraphicsConsoleDxe, in one of the firmware's compressed volumes."""
    data = path.read_bytes()
    place = data.find(b"\x5d\x00\x00")
    while place >= 0:
        try:
            volume = lzma.LZMADecompressor(lzma.FORMAT_ALONE).decompress(data[place:])
        except lzma.LZMAError:
            volume = b""
        glyphs = list(_narrow_glyphs(volume))
        if glyphs:
            return Font("edk2", glyphs)
        place = data.find(b"\x5d\x00\x00", place + 1)
    raise SystemExit(f"{path}: no narrow glyphs")


def _narrow_glyphs(volume: bytes) -> Iterator[Glyph]:
    step = NARROW_GLYPH_BYTES
    start = volume.find(b"\x20\x00\x00" + bytes(19) + b"\x21\x00\x00")
    if start < 0:
        return
    for place in range(start, len(volume) - step, step):
        code = int.from_bytes(volume[place : place + 2], "little")
        if not code:
            return
        yield Glyph((code,), rows(volume[place + 3 : place + step], 8, 19))


class Tables:
    """By size: the character of each hash.  Nine columns have only what differs from eight: repeated edges."""

    def __init__(self) -> None:
        self.whole: dict[tuple[int, int], dict[int, int]] = {}
        self.under_cursor: dict[tuple[int, int], dict[int, int]] = {}
        self.differing: set[tuple[int, int]] = set()

    def add(self, font: Font) -> None:
        for glyph in font.glyphs:
            codes = sorted((code for code in glyph.codes if shown(code)), key=lambda code: (rank(code), code))
            if not codes:
                continue
            height, width = glyph.bits.shape
            self._put(self.whole, glyph.bits, codes[0])
            if (width, height) not in TEXT_MODES:
                continue
            kinds = [glyph.bits]
            bars = bool((glyph.bits.all(axis=1) == glyph.bits.any(axis=1)).all())  # such as the underscore
            if glyph.bits[:, -1].any() and (not bars or rank(codes[0]) in (1, 3)):
                # The VGA repeats the edge of certain codes, which are line graphics in its own font.
                kinds.append(np.pad(glyph.bits, ((0, 0), (0, 1)), mode="edge"))
                self._put(self.whole, kinds[1], codes[0])
            if rank(codes[0]) < 3:
                for bits in kinds:
                    for first, end in ((height - 2, height), (height - 3, height - 1), (height - 1, height)):
                        rest = bits.copy()
                        rest[first:end] = False
                        self._put(self.under_cursor, rest, codes[0])

    def _put(self, tables: dict[tuple[int, int], dict[int, int]], bits: Bits, code: int) -> None:
        if not bits.any() or bits.all():
            return
        height, width = bits.shape
        table = tables.setdefault((width, height), {})
        key = glyph_table.bitmap_hash(bits)
        known = table.get(key, code)
        if rank(known) == rank(code) == 0 and known != code and tables is self.whole:
            self.differing.add((known, code))
        table[key] = min(known, code, key=rank)


TEXT_MODES = ((8, 8), (8, 14), (8, 16))  # glyphs that a VGA's text mode shows, also in cells of nine columns


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--consolefonts", type=Path, default=Path("/usr/share/consolefonts"))
    parser.add_argument("--seabios", type=Path, default=Path("/usr/share/seabios"))
    parser.add_argument("--ovmf", type=Path, default=Path("/usr/share/OVMF/OVMF_CODE.fd"))
    parser.add_argument("--kernel", type=Path, default=max(Path("/boot").glob("vmlinuz-*"), default=None))
    arguments = parser.parse_args()
    tables = Tables()
    terminus = psf(arguments.consolefonts / "Lat15-TerminusBold32x16.psf.gz")
    for font in (*vga_rom(arguments.seabios / "vgabios-stdvga.bin"), *kernel(arguments.kernel, terminus)):
        tables.add(font)
    tables.add(edk2(arguments.ovmf))
    found = sorted(arguments.consolefonts.glob("*.psf.gz"))
    for path in found:
        script, _, face = path.name.partition("-")
        if script not in SCRIPTS_LEFT_OUT and face.startswith(FACES):
            tables.add(psf(path))
    target = ROOT / "spicetui" / "term" / "glyphs.bin"
    target.write_bytes(glyph_table.pack(tables.whole, tables.under_cursor))
    for (width, height), table in sorted(tables.whole.items()):
        hidden = len(tables.under_cursor.get((width, height), {}))
        print(f"{width}x{height}: {len(table)} glyphs, {hidden} with a cursor over them")
    for pair in sorted(tables.differing):
        print("one glyph, two characters:", *map(chr, pair))
    print(f"{target.name}: {target.stat().st_size} bytes from {len(found)} console fonts, two firmwares and a kernel")


if __name__ == "__main__":
    main()
