"""Numbers of the protocol by name; names and values as in spice.proto and spice/protocol.h."""

from __future__ import annotations

from enum import IntEnum, IntFlag


class ChannelType(IntEnum):
    MAIN = 1
    DISPLAY = 2
    INPUTS = 3
    CURSOR = 4
    PLAYBACK = 5
    RECORD = 6
    TUNNEL = 7
    SMARTCARD = 8
    USBREDIR = 9
    PORT = 10
    WEBDAV = 11


class LinkErr(IntEnum):
    OK = 0
    ERROR = 1
    INVALID_MAGIC = 2
    INVALID_DATA = 3
    VERSION_MISMATCH = 4
    NEED_SECURED = 5
    NEED_UNSECURED = 6
    PERMISSION_DENIED = 7
    BAD_CONNECTION_ID = 8
    CHANNEL_NOT_AVAILABLE = 9


class CommonCap(IntEnum):
    AUTH_SELECTION = 0
    AUTH_SPICE = 1
    AUTH_SASL = 2
    MINI_HEADER = 3


class MainCap(IntEnum):
    SEMI_SEAMLESS_MIGRATE = 0
    NAME_AND_UUID = 1
    AGENT_CONNECTED_TOKENS = 2
    SEAMLESS_MIGRATE = 3


class DisplayCap(IntEnum):
    SIZED_STREAM = 0
    MONITORS_CONFIG = 1
    COMPOSITE = 2
    A8_SURFACE = 3
    STREAM_REPORT = 4
    LZ4_COMPRESSION = 5
    PREF_COMPRESSION = 6
    GL_SCANOUT = 7
    MULTI_CODEC = 8
    CODEC_MJPEG = 9
    CODEC_VP8 = 10
    CODEC_H264 = 11
    PREF_VIDEO_CODEC_TYPE = 12
    CODEC_VP9 = 13
    CODEC_H265 = 14


class InputsCap(IntEnum):
    KEY_SCANCODE = 0


class PlaybackCap(IntEnum):
    CELT_0_5_1 = 0
    VOLUME = 1
    LATENCY = 2
    OPUS = 3


class RecordCap(IntEnum):
    CELT_0_5_1 = 0
    VOLUME = 1
    OPUS = 2


class SpicevmcCap(IntEnum):
    DATA_COMPRESS_LZ4 = 0


class AuthMechanism(IntEnum):
    SPICE = 1
    SASL = 2


class NotifySeverity(IntEnum):
    INFO = 0
    WARN = 1
    ERROR = 2


class MigrateFlags(IntFlag):
    NEED_FLUSH = 1
    NEED_DATA_TRANSFER = 2


class MouseMode(IntFlag):
    SERVER = 1
    CLIENT = 2


class ClipType(IntEnum):
    NONE = 0
    RECTS = 1


class BrushType(IntEnum):
    NONE = 0
    SOLID = 1
    PATTERN = 2


class MaskFlags(IntFlag):
    INVERS = 1


class ImageType(IntEnum):
    BITMAP = 0
    QUIC = 1
    LZ_PLT = 100
    LZ_RGB = 101
    GLZ_RGB = 102
    FROM_CACHE = 103
    SURFACE = 104
    JPEG = 105
    FROM_CACHE_LOSSLESS = 106
    ZLIB_GLZ_RGB = 107
    JPEG_ALPHA = 108
    LZ4 = 109


class ImageCompression(IntEnum):
    OFF = 1
    AUTO_GLZ = 2
    AUTO_LZ = 3
    QUIC = 4
    GLZ = 5
    LZ = 6
    LZ4 = 7


class ImageFlags(IntFlag):
    CACHE_ME = 1
    HIGH_BITS_SET = 2
    CACHE_REPLACE_ME = 4


class BitmapFmt(IntEnum):
    FMT_1BIT_LE = 1
    FMT_1BIT_BE = 2
    FMT_4BIT_LE = 3
    FMT_4BIT_BE = 4
    FMT_8BIT = 5
    FMT_16BIT = 6
    FMT_24BIT = 7
    FMT_32BIT = 8
    FMT_RGBA = 9
    FMT_8BIT_A = 10


class BitmapFlags(IntFlag):
    PAL_CACHE_ME = 1
    PAL_FROM_CACHE = 2
    TOP_DOWN = 4


class JpegAlphaFlags(IntFlag):
    TOP_DOWN = 1


class ImageScaleMode(IntEnum):
    INTERPOLATE = 0
    NEAREST = 1


class Ropd(IntFlag):
    INVERS_SRC = 1
    INVERS_BRUSH = 2
    INVERS_DEST = 4
    OP_PUT = 8
    OP_OR = 16
    OP_AND = 32
    OP_XOR = 64
    OP_BLACKNESS = 128
    OP_WHITENESS = 256
    OP_INVERS = 512
    INVERS_RES = 1024


class LineFlags(IntFlag):
    START_WITH_GAP = 4
    STYLED = 8


class PathFlags(IntFlag):
    BEGIN = 1
    END = 2
    CLOSE = 8
    BEZIER = 16


class StringFlags(IntFlag):
    RASTER_A1 = 1
    RASTER_A4 = 2
    RASTER_A8 = 4
    RASTER_TOP_DOWN = 8


class SurfaceFlags(IntFlag):
    PRIMARY = 1
    STREAMING_MODE = 2


class SurfaceFmt(IntEnum):
    FMT_1_A = 1
    FMT_8_A = 8
    FMT_16_555 = 16
    FMT_16_565 = 80
    FMT_32_xRGB = 32
    FMT_32_ARGB = 96


class AlphaFlags(IntFlag):
    DEST_HAS_ALPHA = 1
    SRC_SURFACE_HAS_ALPHA = 2


class CompositeFlags(IntFlag):
    """Bits 0-7 are the operator, 8-10 and 11-13 the filters, 14-15 and 16-17 the repeat modes."""

    COMPONENT_ALPHA = 1 << 18
    HAS_MASK = 1 << 19
    HAS_SRC_TRANSFORM = 1 << 20
    HAS_MASK_TRANSFORM = 1 << 21
    SOURCE_OPAQUE = 1 << 22
    MASK_OPAQUE = 1 << 23
    DEST_OPAQUE = 1 << 24


class ResourceType(IntEnum):
    PIXMAP = 1


class StreamFlags(IntFlag):
    TOP_DOWN = 1


class VideoCodecType(IntEnum):
    MJPEG = 1
    VP8 = 2
    H264 = 3
    VP9 = 4
    H265 = 5


class KeyboardModifierFlags(IntFlag):
    SCROLL_LOCK = 1
    NUM_LOCK = 2
    CAPS_LOCK = 4


class MouseButton(IntEnum):
    LEFT = 1
    MIDDLE = 2
    RIGHT = 3
    UP = 4
    DOWN = 5
    SIDE = 6
    EXTRA = 7


class MouseButtonMask(IntFlag):
    LEFT = 1
    MIDDLE = 2
    RIGHT = 4
    UP = 8
    DOWN = 16
    SIDE = 32
    EXTRA = 64


class CursorType(IntEnum):
    ALPHA = 0
    MONO = 1
    COLOR4 = 2
    COLOR8 = 3
    COLOR16 = 4
    COLOR24 = 5
    COLOR32 = 6


class CursorFlags(IntFlag):
    NONE = 1
    CACHE_ME = 2
    FROM_CACHE = 4


class AudioFormat(IntEnum):
    S16 = 1


class AudioDataMode(IntEnum):
    RAW = 1
    CELT_0_5_1 = 2
    OPUS = 3


class AgentMessage(IntEnum):
    """The numbers of the guest agent's messages."""

    MOUSE_STATE = 1
    MONITORS_CONFIG = 2
    REPLY = 3
    CLIPBOARD = 4
    DISPLAY_CONFIG = 5
    ANNOUNCE_CAPABILITIES = 6
    CLIPBOARD_GRAB = 7
    CLIPBOARD_REQUEST = 8
    CLIPBOARD_RELEASE = 9
    FILE_XFER_START = 10
    FILE_XFER_STATUS = 11
    FILE_XFER_DATA = 12
    CLIENT_DISCONNECTED = 13
    MAX_CLIPBOARD = 14
    AUDIO_VOLUME_SYNC = 15
    GRAPHICS_DEVICE_INFO = 16


class AgentCap(IntEnum):
    MOUSE_STATE = 0
    MONITORS_CONFIG = 1
    REPLY = 2
    CLIPBOARD = 3
    DISPLAY_CONFIG = 4
    CLIPBOARD_BY_DEMAND = 5
    CLIPBOARD_SELECTION = 6
    SPARSE_MONITORS_CONFIG = 7
    GUEST_LINEEND_LF = 8
    GUEST_LINEEND_CRLF = 9
    MAX_CLIPBOARD = 10
    AUDIO_VOLUME_SYNC = 11
    MONITORS_CONFIG_POSITION = 12
    FILE_XFER_DISABLED = 13
    FILE_XFER_DETAILED_ERRORS = 14
    GRAPHICS_DEVICE_INFO = 15
    CLIPBOARD_NO_RELEASE_ON_REGRAB = 16
    CLIPBOARD_GRAB_SERIAL = 17


class AgentReply(IntEnum):
    SUCCESS = 1
    ERROR = 2


class ClipboardSelection(IntEnum):
    CLIPBOARD = 0
    PRIMARY = 1
    SECONDARY = 2


class ClipboardFormat(IntEnum):
    NONE = 0
    TEXT = 1  #: UTF-8
    PNG = 2
    BMP = 3
    TIFF = 4
    JPG = 5
    FILE_LIST = 6  #: "copy" or "cut", then absolute paths in the shared folder, separated by zero bytes


class MonitorsFlags(IntFlag):
    USE_POS = 1
    PHYSICAL_SIZE = 2


class DisplayConfigFlags(IntFlag):
    DISABLE_WALLPAPER = 1
    DISABLE_FONT_SMOOTH = 2
    DISABLE_ANIMATION = 4
    SET_COLOR_DEPTH = 8


class FileXferResult(IntEnum):
    CAN_SEND_DATA = 0
    CANCELLED = 1
    ERROR = 2
    SUCCESS = 3
    NOT_ENOUGH_SPACE = 4
    SESSION_LOCKED = 5
    VDAGENT_NOT_CONNECTED = 6
    DISABLED = 7
