"""Bytes laid out by hand from spice.proto and spice/protocol.h, against reader and writer."""

from __future__ import annotations

from typing import Any

import pytest

from spicetui.geometry import Point, Rect
from spicetui.wire import common, core, cursor, display, image, inputs, link, main, playback, record
from spicetui.wire.enums import BitmapFmt, ImageType


def hexed(text: str) -> bytes:
    """Bytes in hex; what follows a # on a line is a remark."""
    return bytes.fromhex("".join(line.split("#", 1)[0] for line in text.splitlines()))


# --- the link

LINK_MESSAGE = hexed("""
    52 45 44 51              # REDQ
    02 00 00 00  02 00 00 00 # 2.2
    1e 00 00 00              # 30 bytes follow
    44 33 22 11              # connection id
    02 01                    # display channel 1
    01 00 00 00  02 00 00 00 # one word of common caps, two of channel caps
    12 00 00 00              # which begin at byte 18
    09 00 00 00              # common: AUTH_SELECTION, MINI_HEADER
    20 00 00 00  01 00 00 00 # channel: bit 5 and bit 32
""")

LINK_REPLY = (
    hexed("52 45 44 51  02 00 00 00  02 00 00 00  ba 00 00 00")
    + hexed("07 00 00 00")  # PERMISSION_DENIED
    + bytes(range(162))  # the key
    + hexed("""
    01 00 00 00  01 00 00 00
    b2 00 00 00              # 178 bytes before the caps
    0b 00 00 00              # AUTH_SELECTION, AUTH_SPICE, MINI_HEADER
    02 00 00 00              # bit 1
""")
)


def test_link_message() -> None:
    message = link.LinkMessage(0x11223344, 2, 1, frozenset((0, 3)), frozenset((5, 32)))
    assert message.pack() == LINK_MESSAGE
    assert link.LinkMessage.unpack(LINK_MESSAGE[16:]) == message


def test_link_reply() -> None:
    reply = link.LinkReply(7, bytes(range(162)), frozenset((0, 1, 3)), frozenset((1,)))
    assert reply.pack() == LINK_REPLY
    assert link.LinkReply.unpack(LINK_REPLY[16:]) == reply


def test_link_caps_may_lie_anywhere_behind_the_fixed_part() -> None:
    body = bytearray(LINK_MESSAGE[16:])
    body[14:18] = (22).to_bytes(4, "little")
    body[18:18] = b"junk"
    assert link.LinkMessage.unpack(bytes(body)).channel_caps == {5, 32}


# --- messages: what, and its body

NO_MASK = display.QMask(0, Point(0, 0), None)
NO_MASK_BYTES = "00  00 00 00 00  00 00 00 00  00 00 00 00 "
BASE = display.DisplayBase(7, Rect(2, 1, 14, 8), display.Clip(None))
BASE_BYTES = """
    07 00 00 00                                         # surface
    01 00 00 00  02 00 00 00  09 00 00 00  10 00 00 00  # top 1 left 2 bottom 9 right 16
    00                                                  # no clip
"""  # 21 bytes
CLIPPED = display.DisplayBase(0, Rect(0, 0, 4, 4), display.Clip([Rect(1, 0, 1, 4), Rect(-1, -2, 3, 4)]))
CLIPPED_BYTES = """
    00 00 00 00
    00 00 00 00  00 00 00 00  04 00 00 00  04 00 00 00
    01  02 00 00 00                                     # two rectangles
    00 00 00 00  01 00 00 00  04 00 00 00  02 00 00 00
    fe ff ff ff  ff ff ff ff  02 00 00 00  02 00 00 00
"""

LZ_IMAGE = image.Image(
    image.ImageDescriptor(0x0102030405060708, ImageType.LZ_RGB, 1, 16, 8), image.BinaryData(b"\xaa\xbb\xcc")
)
LZ_IMAGE_BYTES = """
    08 07 06 05 04 03 02 01  65  01  10 00 00 00  08 00 00 00
    03 00 00 00  aa bb cc
"""
BITMAP_IMAGE = image.Image(
    image.ImageDescriptor(9, ImageType.BITMAP, 0, 3, 2),
    image.BitmapData(BitmapFmt.FMT_8BIT, 5, 3, 2, 4, image.Palette(0x11, (0x00FF0000, 0x0000FF00)), b"abc.def."),
)

COMMON: list[tuple[Any, str]] = [
    (common.Migrate(3), "03 00 00 00"),
    (common.SetAck(1, 20), "01 00 00 00  14 00 00 00"),
    (common.Ping(5, 0x0102030405060708, b"zz"), "05 00 00 00  08 07 06 05 04 03 02 01  7a 7a"),
    (
        common.WaitForChannels([common.WaitForChannel(2, 1, 0x99), common.WaitForChannel(4, 0, 1 << 40)]),
        "02  02 01 99 00 00 00 00 00 00 00  04 00 00 00 00 00 00 01 00 00",
    ),
    (common.Disconnecting(0x0A, 2), "0a 00 00 00 00 00 00 00  02 00 00 00"),
    (
        common.Notify(1, 2, 3, 4, b"hi"),
        "01 00 00 00 00 00 00 00  02 00 00 00  03 00 00 00  04 00 00 00  02 00 00 00  68 69",
    ),
    (common.AckSync(6), "06 00 00 00"),
    (common.Ack(), ""),
    (common.Pong(5, 7), "05 00 00 00  07 00 00 00 00 00 00 00"),
]

MAIN: list[tuple[Any, str]] = [
    (
        main.Init(1, 2, 3, 4, 5, 6, 7, 8),
        "01 00 00 00 02 00 00 00 03 00 00 00 04 00 00 00 05 00 00 00 06 00 00 00 07 00 00 00 08 00 00 00",
    ),
    (main.ChannelsList([main.ChannelId(2, 0), main.ChannelId(3, 1)]), "02 00 00 00  02 00  03 01"),
    (main.MouseMode(3, 2), "03 00  02 00"),
    (main.MultiMediaTime(0x01020304), "04 03 02 01"),
    (main.AgentDisconnected(1), "01 00 00 00"),
    (main.AgentToken(10), "0a 00 00 00"),
    (main.AgentData(b"\x01\x02"), "01 02"),
    (main.Name(b"vm\0"), "03 00 00 00  76 6d 00"),
    (main.Uuid(bytes(range(16))), "00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f"),
    (main.AgentConnectedTokens(9), "09 00 00 00"),
    (
        main.MigrateBegin(main.DstInfo(0x1388, 0, b"h", b"")),
        """
        88 13  00 00             # port, TLS port
        02 00 00 00  14 00 00 00 # host: two bytes at byte 20
        00 00 00 00  00 00 00 00 # no subject
        68 00
        """,
    ),
    (main.ClientInfo(0x10), "10 00 00 00 00 00 00 00"),
    (main.MouseModeRequest(2), "02 00"),
    (main.AgentStart(0xFFFFFFFF), "ff ff ff ff"),
    (main.MigrateDstDoSeamless(1), "01 00 00 00"),
]

INPUTS: list[tuple[Any, str]] = [
    (inputs.KeyDown(0x1DE0), "e0 1d 00 00"),
    (inputs.KeyUp(0x9DE0), "e0 9d 00 00"),
    (inputs.KeyModifiers(4), "04 00"),
    (inputs.KeyScancode(b"\xe1\x1d\x45"), "e1 1d 45"),
    (inputs.MouseMotion(-1, 2, 1), "ff ff ff ff  02 00 00 00  01 00"),
    (inputs.MousePosition(640, 480, 0, 1), "80 02 00 00  e0 01 00 00  00 00  01"),
    (inputs.MousePress(3, 4), "03  04 00"),
    (inputs.MouseRelease(3, 0), "03  00 00"),
    (inputs.InputsInit(2), "02 00"),
    (inputs.LedModifiers(7), "07 00"),
]

SHAPE = cursor.CursorShape(2, cursor.CursorHeader(0x42, 0, 2, 1, 1, 0), b"12345678")
SHAPE_BYTES = "02 00  42 00 00 00 00 00 00 00  00  02 00  01 00  01 00  00 00  31 32 33 34 35 36 37 38"
CURSOR: list[tuple[Any, str]] = [
    (cursor.CursorInit(Point(-3, 5), 1, 2, 1, SHAPE), f"fd ff 05 00  01 00  02 00  01  {SHAPE_BYTES}"),
    (cursor.CursorSet(Point(3, 5), 0, SHAPE), f"03 00 05 00  00  {SHAPE_BYTES}"),
    (cursor.CursorSet(Point(3, 5), 1, cursor.CursorShape(1, None, b"")), "03 00 05 00  01  01 00"),
    (cursor.CursorMove(Point(1, -1)), "01 00 ff ff"),
    (cursor.CursorTrail(4, 5), "04 00 05 00"),
    (cursor.CursorInvalOne(8), "08 00 00 00 00 00 00 00"),
]

DISPLAY: list[tuple[Any, str]] = [
    (display.Mode(640, 480, 32), "80 02 00 00  e0 01 00 00  20 00 00 00"),
    (display.CopyBits(BASE, Point(5, -6)), BASE_BYTES + "05 00 00 00  fa ff ff ff"),
    (
        display.InvalList([display.ResourceId(1, 2), display.ResourceId(1, 3)]),
        "02 00" + "01 02" + 7 * "00" + "01 03" + 7 * "00",
    ),
    (display.InvalAllPixmaps([common.WaitForChannel(2, 0, 3)]), "01  02 00 03 00 00 00 00 00 00 00"),
    (display.InvalPalette(0x99), "99 00 00 00 00 00 00 00"),
    (
        display.StreamCreate(0, 1, 1, 1, 5, 320, 240, 320, 240, Rect(10, 20, 320, 240), display.Clip(None)),
        """
        00 00 00 00  01 00 00 00  01  01  05 00 00 00 00 00 00 00
        40 01 00 00  f0 00 00 00  40 01 00 00  f0 00 00 00
        14 00 00 00  0a 00 00 00  04 01 00 00  4a 01 00 00
        00
        """,
    ),
    (display.StreamData(display.StreamDataHeader(1, 2), b"\xff\xd8"), "01 00 00 00 02 00 00 00 02 00 00 00 ff d8"),
    (display.StreamClip(1, display.Clip([])), "01 00 00 00  01  00 00 00 00"),
    (display.StreamDestroy(3), "03 00 00 00"),
    (
        display.DrawFill(BASE, display.Brush(0x00FF8040), 8, NO_MASK),
        BASE_BYTES + "01  40 80 ff 00  08 00" + NO_MASK_BYTES,
    ),
    (
        display.DrawFill(CLIPPED, display.Brush(None), 512, NO_MASK),
        CLIPPED_BYTES + "00  00 02" + NO_MASK_BYTES,
    ),
    (
        # 21 of base, brush 1 + 4 + 8, rop 2, mask 13: the pattern is at byte 49
        display.DrawFill(BASE, display.Brush(display.Pattern(LZ_IMAGE, Point(1, 2))), 8, NO_MASK),
        BASE_BYTES + "02  31 00 00 00  01 00 00 00  02 00 00 00  08 00" + NO_MASK_BYTES + LZ_IMAGE_BYTES,
    ),
    (
        # 21 of base, pointer 4, area 16, rop 2, scale 1, mask 13: the image is at byte 57
        display.DrawCopy(BASE, LZ_IMAGE, Rect(0, 0, 14, 8), 8, 1, NO_MASK),
        BASE_BYTES
        + "39 00 00 00  00 00 00 00  00 00 00 00  08 00 00 00  0e 00 00 00  08 00  01"
        + NO_MASK_BYTES
        + LZ_IMAGE_BYTES,
    ),
    (
        # The image at 57 takes 18 + 18 of header and 8 of rows, then the palette at byte 57 + 18 + 18 + 8 = 101
        display.DrawCopy(BASE, BITMAP_IMAGE, Rect(0, 0, 3, 2), 8, 0, NO_MASK),
        BASE_BYTES
        + "39 00 00 00  00 00 00 00  00 00 00 00  02 00 00 00  03 00 00 00  08 00  00"
        + NO_MASK_BYTES
        + """
        09 00 00 00 00 00 00 00  00  00  03 00 00 00  02 00 00 00
        05  05  03 00 00 00  02 00 00 00  04 00 00 00  65 00 00 00   # 8 bit, top down and cache me
        61 62 63 2e  64 65 66 2e
        11 00 00 00 00 00 00 00  02 00  00 00 ff 00  00 ff 00 00
        """,
    ),
    (
        # Image and mask: 21 + 4 + 16 + 5 + 2 + 1 + 13 = 62, the mask's picture behind 25 of the image at 87
        display.DrawOpaque(
            BASE,
            LZ_IMAGE,
            Rect(0, 0, 14, 8),
            display.Brush(0x00010203),
            8,
            0,
            display.QMask(1, Point(3, 4), image.Image(image.ImageDescriptor(2, ImageType.FROM_CACHE, 0, 8, 8), None)),
        ),
        BASE_BYTES
        + "3e 00 00 00  00 00 00 00  00 00 00 00  08 00 00 00  0e 00 00 00"
        + "01  03 02 01 00  08 00  00"
        + "01  03 00 00 00  04 00 00 00  57 00 00 00"
        + LZ_IMAGE_BYTES
        + "02 00 00 00 00 00 00 00  67  00  08 00 00 00  08 00 00 00",
    ),
    (display.DrawBlackness(BASE, NO_MASK), BASE_BYTES + NO_MASK_BYTES),
    (display.DrawInvers(BASE, NO_MASK), BASE_BYTES + NO_MASK_BYTES),
    (
        # 21 of base, pointer 4, line 1, brush 5, modes 4: the path is at byte 35
        display.DrawStroke(
            BASE,
            display.Path([display.PathSegment(3, [(16, 32), (-16, 0)])]),
            display.LineAttr(0, ()),
            display.Brush(0x00FFFFFF),
            8,
            8,
        ),
        BASE_BYTES
        + "23 00 00 00  00  01 ff ff ff 00  08 00  08 00"
        + "01 00 00 00"
        + "03  02 00 00 00  10 00 00 00  20 00 00 00  f0 ff ff ff  00 00 00 00",
    ),
    (
        # 21 of base, pointer 4, area 16, brushes 5 + 1, modes 4: the string is at byte 51
        display.DrawText(
            BASE,
            display.String(1, [display.RasterGlyph(Point(1, 2), Point(0, -2), 9, 2, b"\x80\x00\xff\x80")]),
            Rect(0, 0, 0, 0),
            display.Brush(0),
            display.Brush(None),
            8,
            8,
        ),
        BASE_BYTES
        + "33 00 00 00"
        + 16 * "00"
        + "01 00 00 00 00  00  08 00  08 00"
        + "01 00  01"
        + "01 00 00 00 02 00 00 00  00 00 00 00 fe ff ff ff  09 00 02 00  80 00 ff 80",
    ),
    (
        display.DrawTransparent(BASE, LZ_IMAGE, Rect(0, 0, 14, 8), 0x1F, 0x00FF00FF),
        BASE_BYTES
        + "31 00 00 00  00 00 00 00  00 00 00 00  08 00 00 00  0e 00 00 00  1f 00 00 00  ff 00 ff 00"
        + LZ_IMAGE_BYTES,
    ),
    (
        display.DrawAlphaBlend(BASE, 2, 0x80, LZ_IMAGE, Rect(0, 0, 14, 8)),
        BASE_BYTES + "02  80  2b 00 00 00  00 00 00 00  00 00 00 00  08 00 00 00  0e 00 00 00" + LZ_IMAGE_BYTES,
    ),
    (
        # OVER, with a mask and a transform of the source: 21 + 4 + 4 + 4 + 24 + 8 = 65, the mask at 90
        display.DrawComposite(
            BASE,
            display.Composite(
                3 | 1 << 19 | 1 << 20,
                LZ_IMAGE,
                image.Image(image.ImageDescriptor(1, ImageType.SURFACE, 0, 4, 4), image.SurfaceData(6)),
                display.Transform(0x10000, 0, 0, 0, 0x10000, -1),
                None,
                Point(1, 2),
                Point(-1, 0),
            ),
        ),
        BASE_BYTES
        + "03 00 18 00  41 00 00 00  5a 00 00 00"
        + "00 00 01 00  00 00 00 00  00 00 00 00  00 00 00 00  00 00 01 00  ff ff ff ff"
        + "01 00 02 00  ff ff 00 00"
        + LZ_IMAGE_BYTES
        + "01 00 00 00 00 00 00 00  68  00  04 00 00 00  04 00 00 00  06 00 00 00",
    ),
    (
        display.SurfaceCreate(0, 720, 400, 32, 1),
        "00 00 00 00  d0 02 00 00  90 01 00 00  20 00 00 00  01 00 00 00",
    ),
    (display.SurfaceDestroy(4), "04 00 00 00"),
    (
        display.MonitorsConfig(4, [display.Head(0, 0, 640, 480, 1, 2, 0)]),
        """
        01 00  04 00             # one head, four allowed
        00 00 00 00  00 00 00 00  80 02 00 00  e0 01 00 00  01 00 00 00  02 00 00 00  00 00 00 00
        """,
    ),
    (
        display.StreamDataSized(display.StreamDataHeader(1, 2), 4, 3, Rect(5, 6, 4, 3), b"x"),
        """
        01 00 00 00  02 00 00 00  04 00 00 00  03 00 00 00
        06 00 00 00  05 00 00 00  09 00 00 00  09 00 00 00
        01 00 00 00  78
        """,
    ),
    (display.StreamActivateReport(1, 2, 3, 4), "01 00 00 00  02 00 00 00  03 00 00 00  04 00 00 00"),
    (display.DisplayInit(1, 0x140000, 1, 0x100000), "01  00 00 14 00 00 00 00 00  01  00 00 10 00"),
    (display.PreferredCompression(7), "07"),
    (display.PreferredVideoCodecType(b"\x01\x02"), "02  01 02"),
]

IMAGES: list[tuple[image.Image, str]] = [
    (
        image.Image(image.ImageDescriptor(1, ImageType.LZ_PLT, 0, 2, 2), image.LzPltData(2, 0x77, b"lz")),
        "01 00 00 00 00 00 00 00  64  00  02 00 00 00  02 00 00 00"
        "02  02 00 00 00  77 00 00 00 00 00 00 00  6c 7a",  # the palette is in the cache
    ),
    (
        image.Image(
            image.ImageDescriptor(1, ImageType.LZ_PLT, 0, 2, 2), image.LzPltData(4, image.Palette(5, (1,)), b"lz")
        ),
        "01 00 00 00 00 00 00 00  64  00  02 00 00 00  02 00 00 00"
        "04  02 00 00 00  1d 00 00 00  6c 7a  05 00 00 00 00 00 00 00  01 00  01 00 00 00",
    ),
    (
        image.Image(image.ImageDescriptor(1, ImageType.ZLIB_GLZ_RGB, 0, 2, 2), image.ZlibGlzData(100, b"zz")),
        "01 00 00 00 00 00 00 00  6b  00  02 00 00 00  02 00 00 00  64 00 00 00  02 00 00 00  7a 7a",
    ),
    (
        image.Image(image.ImageDescriptor(1, ImageType.JPEG_ALPHA, 0, 2, 2), image.JpegAlphaData(1, 2, b"jja")),
        "01 00 00 00 00 00 00 00  6c  00  02 00 00 00  02 00 00 00  01  02 00 00 00  03 00 00 00  6a 6a 61",
    ),
    (
        image.Image(image.ImageDescriptor(1, ImageType.FROM_CACHE_LOSSLESS, 0, 2, 2), None),
        "01 00 00 00 00 00 00 00  6a  00  02 00 00 00  02 00 00 00",
    ),
]

PLAYBACK: list[tuple[Any, str]] = [
    (playback.Data(0x01020304, b"\x11\x22"), "04 03 02 01  11 22"),
    (playback.Mode(7, 3, b"x"), "07 00 00 00  03 00  78"),
    (playback.Start(2, 1, 48000, 9), "02 00 00 00  01 00  80 bb 00 00  09 00 00 00"),
    (playback.Stop(), ""),
    (playback.Volume([0xFFFF, 0x1234]), "02  ff ff  34 12"),
    (playback.Mute(1), "01"),
    (playback.Latency(200), "c8 00 00 00"),
]

RECORD: list[tuple[Any, str]] = [
    (record.Start(1, 1, 44100), "01 00 00 00  01 00  44 ac 00 00"),
    (record.Stop(), ""),
    (record.Volume([1]), "01  01 00"),
    (record.Mute(0), "00"),
    (record.Data(5, b"abc"), "05 00 00 00  61 62 63"),
    (record.Mode(6, 1, b""), "06 00 00 00  01 00"),
    (record.StartMark(8), "08 00 00 00"),
]

NUMBERS = {
    "common": {"server": {1: "Migrate", 3: "SetAck", 4: "Ping", 5: "WaitForChannels", 6: "Disconnecting", 7: "Notify"}},
    "main": {
        "server": {101: "MigrateBegin", 103: "Init", 104: "ChannelsList", 105: "MouseMode", 113: "Name", 114: "Uuid"}
        | {115: "AgentConnectedTokens", 116: "MigrateBeginSeamless"},
        "client": {101: "ClientInfo", 104: "AttachChannels", 105: "MouseModeRequest", 106: "AgentStart"}
        | {107: "AgentData", 108: "AgentToken", 112: "QualityIndicator"},
    },
    "display": {
        "server": {101: "Mode", 102: "Mark", 103: "Reset", 104: "CopyBits", 105: "InvalList", 106: "InvalAllPixmaps"}
        | {107: "InvalPalette", 108: "InvalAllPalettes", 122: "StreamCreate", 126: "StreamDestroyAll", 302: "DrawFill"}
        | {303: "DrawOpaque", 304: "DrawCopy", 305: "DrawBlend", 306: "DrawBlackness", 307: "DrawWhiteness"}
        | {308: "DrawInvers", 309: "DrawRop3", 310: "DrawStroke", 311: "DrawText", 312: "DrawTransparent"}
        | {313: "DrawAlphaBlend", 314: "SurfaceCreate", 315: "SurfaceDestroy", 316: "StreamDataSized"}
        | {317: "MonitorsConfig", 318: "DrawComposite", 319: "StreamActivateReport", 321: "GlDraw"},
        "client": {101: "DisplayInit", 102: "StreamReport", 103: "PreferredCompression", 104: "GlDrawDone"}
        | {105: "PreferredVideoCodecType"},
    },
    "inputs": {
        "server": {101: "InputsInit", 102: "LedModifiers", 111: "MouseMotionAck"},
        "client": {101: "KeyDown", 102: "KeyUp", 103: "KeyModifiers", 104: "KeyScancode", 111: "MouseMotion"}
        | {112: "MousePosition", 113: "MousePress", 114: "MouseRelease"},
    },
    "cursor": {
        "server": {101: "CursorInit", 102: "CursorReset", 103: "CursorSet", 104: "CursorMove", 105: "CursorHide"}
        | {106: "CursorTrail", 107: "CursorInvalOne", 108: "CursorInvalAll"},
    },
    "playback": {
        "server": {101: "Data", 102: "Mode", 103: "Start", 104: "Stop", 105: "Volume", 106: "Mute", 107: "Latency"},
    },
    "record": {
        "server": {101: "Start", 102: "Stop", 103: "Volume", 104: "Mute"},
        "client": {101: "Data", 102: "Mode", 103: "StartMark"},
    },
}

ALL = COMMON + MAIN + INPUTS + CURSOR + DISPLAY + PLAYBACK + RECORD + IMAGES


@pytest.mark.parametrize(("message", "text"), ALL, ids=[type(message).__name__ for message, _ in ALL])
def test_body(message: Any, text: str) -> None:
    data = hexed(text)
    assert core.write(message).hex(" ") == data.hex(" ")
    assert core.read(type(message), data) == message


@pytest.mark.parametrize(
    "module", [common, main, display, inputs, cursor, playback, record], ids=lambda module: module.MESSAGES.name
)
def test_numbers(module: Any) -> None:
    messages = module.MESSAGES
    for direction, table in (("server", messages.from_server), ("client", messages.from_client)):
        for number, name in NUMBERS[messages.name].get(direction, {}).items():
            assert table[number].__name__ == name
    assert {kind: number for number, kind in messages.from_server.items()} == messages.server_number
    assert {kind: number for number, kind in messages.from_client.items()} == messages.client_number


def test_styled_line() -> None:
    """A line's dashes lie behind a pointer, their count before it."""
    data = hexed("0c  02  06 00 00 00  20 00 00 00  10 00 00 00")
    line = core.read(display.LineAttr, data)
    assert line.flags == 12
    assert tuple(line.style) == (32, 16)
    assert core.write(line) == data
