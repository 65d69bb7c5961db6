"""Block characters by their shape, and printable characters by how much of a cell they cover.

A shape is a mask of the parts of a cell that are in front: bit 0 is the top left part, bit 1 the one to its right,
bit 2 the left one below, and so on.
"""

from __future__ import annotations

SPACE = 0x20
FULL = 0x2588

#: 2x2: Block Elements
QUADRANTS = (
    *(0x0020, 0x2598, 0x259D, 0x2580, 0x2596, 0x258C, 0x259E, 0x259B),
    *(0x2597, 0x259A, 0x2590, 0x259C, 0x2584, 0x2599, 0x259F, 0x2588),
)


def _wider(parts: int, first: int, known: dict[int, int], missing: tuple[int, ...] = ()) -> tuple[int, ...]:
    """The shapes of so many *parts*: those of *known* apart, Unicode counts them from *first* on."""
    table = []
    for mask in range(1 << parts):
        code = known.get(mask)
        if code is None and mask not in missing:
            code, first = first, first + 1
        table.append(code or 0)
    return tuple(table)


#: 2x3: Symbols for Legacy Computing (Unicode 13), U+1FB00 … U+1FB3B
SEXTANTS = _wider(6, 0x1FB00, {0: SPACE, 0b010101: 0x258C, 0b101010: 0x2590, 0b111111: FULL})

#: 2x4: Symbols for Legacy Computing Supplement (Unicode 16), U+1CD00 … U+1CDE5.  0 marks the eight shapes that Unicode
#: has elsewhere, where kitty before 0.47 and foot do not draw them all; their complements are among the others.
OCTANTS = _wider(
    8,
    0x1CD00,
    dict(
        (
            *((0, SPACE), (0b00001111, 0x2580), (0b11110000, 0x2584), (0b01010101, 0x258C), (0b10101010, 0x2590)),
            *((0b00000101, 0x2598), (0b00001010, 0x259D), (0b01010000, 0x2596), (0b10100000, 0x2597)),
            *((0b01011010, 0x259E), (0b10100101, 0x259A), (0b01011111, 0x259B), (0b10101111, 0x259C)),
            *((0b11110101, 0x2599), (0b11111010, 0x259F), (0b11000000, 0x2582), (0b11111100, 0x2586)),
            (0b11111111, FULL),
        )
    ),
    missing=(0b00000001, 0b00000010, 0b01000000, 0b10000000, 0b00010100, 0b00101000, 0b00000011, 0b00111111),
)


def complements() -> dict[int, int]:
    """By character: the one with front and back exchanged, where both are drawn everywhere."""
    pairs = {}
    for table in (QUADRANTS, SEXTANTS, OCTANTS):
        for mask, code in enumerate(table):
            other = table[len(table) - 1 - mask]
            if code and other and SPACE not in (code, other):
                pairs[code] = other
    return pairs


EVEN = b" .:-+=cxo#%X$@"  #: characters that look much the same all over, for tones without a shape
FIRST_GLYPH = 0x20
COVERED = 60  #: of 255: what a part of a cell that text covers as densely as it can has on average
#: For each character from FIRST_GLYPH on: how much of the cell's 2x3 parts it covers, of 255; the averages of
#: measurements of DejaVu Sans Mono, Noto Sans Mono and Nimbus Mono.
COVERAGE = bytes.fromhex(
    "00000000000014151c1d080929290c0c000020256564110f232841451b213014474b0922251059491f2415150606000003222e1a0f17"
    "2104182f170f1f201f2000000c0c33340404000013021d0f060613130000000007070b0b0120271b19002a2a54531a1a20171a38121f"
    "222c25392419202f174d1a1b0f2d495f001432232d3d1a1a2824533f191b2536093813022f2f4b4b1c1c2d2f38541317070812120b0b"
    "0a051c0f1d0f0a0b343700080b0b404100000b0a373408001f2e152e0c05272c615b2827221c575814143a305553201d262a490c1719"
    "3725494922173a2b56292019392d551b14002826494219212a2a565613132626282819190a2e11441a162e28653a131728024a121e1a"
    "393a686912123a265b61131f2b2b49491b1b342e5a3414002b2b4d4c1f36382c594e14152d27353c191c353526270a0a262645451c1b"
    "27273f3e0f102c2c66661919272744451514272734340a0a25352d2e211a161c2d131c1b20011f2400191c17122d1a1c1c1b16160000"
    "000000002b2b150700000000090b45581d1f2f0d58491f1b0b10441f17160d2f49581b200c0c5c4c19171d31402a0c060d1247503447"
    "2e0c52481312150f2c2a171c0920103c202d2a0d584013162b0e2a230f191511615e191a100c4c4713120c0c46471a1a130e5247481b"
    "0d1346531b490e0e472518080c0d403e15192407501b0e150a0c3e431c1f0e0e3b3b11100e0e57561b1b0e0e434315150d0c3c3a3a17"
    "0c0f313c1f140b21321c0d2511121e1f191a200b1c33240e09041d220000"
)
