"""The reference codecs as a ctypes library, compiled from an unpacked source package or one that apt fetches.

Only benchmarks and the fixture maker use it; the tests run on the fixtures.  Needs a C compiler and the
development files of GLib, pixman and spice-protocol.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

QUIC_TYPES = {"GRAY": 1, "RGB16": 2, "RGB24": 3, "RGB32": 4, "RGBA": 5}
LZ_TYPES = {
    "PLT1_LE": 1,
    "PLT1_BE": 2,
    "PLT4_LE": 3,
    "PLT4_BE": 4,
    "PLT8": 5,
    "RGB16": 6,
    "RGB24": 7,
    "RGB32": 8,
    "RGBA": 9,
    "XXXA": 10,
    "A8": 11,
}
# Stand-ins for headers that pull in the whole client or server; the codecs need these few names of them.
STUBS = {
    "config.h": "",
    "red-common.h": """
        #pragma once
        #include <stdbool.h>
        #include <stdint.h>
        #include <string.h>
        #include <glib.h>
        #include <spice/macros.h>
        #include <common/log.h>
        #include <common/lz_common.h>
        #include <common/verify.h>
        """,
    "gio-coroutine.h": """
        #pragma once
        typedef struct GCoroutine GCoroutine;
        GCoroutine *g_coroutine_self(void);
        int g_coroutine_condition_wait(GCoroutine *self, int (*ready)(void *), void *data);
        """,
    "spice-util.h": """
        #pragma once
        #define SPICE_DEBUG(...) do { } while (0)
        """,
}


class Unavailable(Exception):
    """The reference could not be had; the text says why."""


def fetch(folder: Path) -> None:
    """Unpack Debian's source packages of the client and of the server into `folder`."""
    if not shutil.which("apt-get"):
        raise Unavailable("no apt-get here")
    for package in ("spice-gtk", "spice"):
        done = subprocess.run(["apt-get", "source", package], cwd=folder, capture_output=True, text=True)
        if done.returncode:
            raise Unavailable(f"apt-get source {package}: {done.stderr.strip().splitlines()[-1:]}")


def build(source: Path | None, work: Path) -> Reference:
    """Compile the reference found under `source` (None: fetch it) inside the folder `work`."""
    if source is None:
        source = work / "source"
        source.mkdir(exist_ok=True)
        fetch(source)
    found = sorted(source.glob("**/spice-common/common/quic.c"))
    clients = [path.parent for path in source.glob("**/src/decode-glz.c")]
    servers = [path.parent for path in source.glob("**/server/glz-encoder.c")]
    if not found or not clients:
        raise Unavailable(f"no spice-gtk source under {source}")
    common = found[0].parent
    # Copied so that "x.h" beside them means our stand-ins; a quoted include looks there first.
    for name in ("decode-glz.c", "decode-glz-tmpl.c", "decode.h", "client_sw_canvas.h"):
        shutil.copy(clients[0] / name, work)
    for path in servers[0].glob("glz-enc*") if servers else ():
        shutil.copy(path, work)
    for name, text in STUBS.items():
        (work / name).write_text(text)
    files = [str(common / f"{name}.c") for name in ("quic", "lz", "log", "mem", "canvas_utils")]
    files += [str(Path(__file__).with_suffix(".c")), "decode-glz.c"]
    if servers:
        files += ["-DWITH_GLZ_ENCODER", "glz-encoder.c", "glz-encoder-dict.c"]
    try:
        config = ["pkg-config", "--cflags", "--libs", "glib-2.0", "pixman-1", "spice-protocol"]
        flags = subprocess.run(config, check=True, capture_output=True, text=True).stdout.split()
        command = ["cc", "-O2", "-fPIC", "-shared", "-w", "-I.", f"-I{common.parent}"]
        command += ["-include", "gio-coroutine.h", *files, "-o", "reference.so", *flags, "-lpthread"]
        subprocess.run(command, cwd=work, check=True, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise Unavailable(f"no {error.filename} here") from None
    except subprocess.CalledProcessError as error:
        raise Unavailable(f"{error.cmd[0]} failed: {error.stderr.strip()[:300]}") from None
    return Reference(ctypes.CDLL(str(work / "reference.so")), bool(servers))


class Reference:
    """Encoders and decoders; each call works on bytes and raises ValueError where the C gives up."""

    def __init__(self, library: ctypes.CDLL, has_glz_encoder: bool) -> None:
        self.library = library
        self.has_glz_encoder = has_glz_encoder
        library.ref_glz_reader.restype = ctypes.c_void_p
        if has_glz_encoder:
            library.ref_glz_writer.restype = ctypes.c_void_p

    def quic_encode(self, kind: str, width: int, height: int, pixels: bytes, stride: int) -> bytes:
        room = len(pixels) * 5 + 4096
        out = ctypes.create_string_buffer(room)
        done = self.library.ref_quic_encode(QUIC_TYPES[kind], width, height, pixels, stride, out, room // 4)
        return out.raw[: _good(done)]

    def quic_decode(self, data: bytes, size: int) -> bytes:
        out = ctypes.create_string_buffer(size)
        _good(self.library.ref_quic_decode(data, len(data), out))
        return out.raw

    def lz_encode(self, kind: str, width: int, height: int, pixels: bytes, stride: int, top_down: bool) -> bytes:
        room = len(pixels) * 2 + 4096
        out = ctypes.create_string_buffer(room)
        padded = pixels + bytes(64)
        done = self.library.ref_lz_encode(LZ_TYPES[kind], width, height, top_down, padded, stride, out, room)
        return out.raw[: _good(done)]

    def lz_decode(self, data: bytes, size: int, palette: Sequence[int] = ()) -> bytes:
        out = ctypes.create_string_buffer(size)
        colours = (ctypes.c_uint32 * 256)(*palette)
        _good(self.library.ref_lz_decode(data, len(data), out, colours, len(palette)))
        return out.raw


class GlzWriter:
    """One dictionary with two encoders (`who`), as a server has for a client with two displays."""

    def __init__(self, reference: Reference, window_px: int) -> None:
        self.library = reference.library
        self.handle = ctypes.c_void_p(self.library.ref_glz_writer(window_px))

    def encode(
        self, kind: str, width: int, height: int, pixels: bytes, stride: int, top_down: bool = True, who: int = 0
    ) -> bytes:
        room = len(pixels) * 2 + 4096
        out = ctypes.create_string_buffer(room)
        done = self.library.ref_glz_encode(
            self.handle, who, LZ_TYPES[kind], width, height, top_down, pixels, stride, out, room
        )
        return out.raw[: _good(done)]

    def close(self) -> None:
        self.library.ref_glz_writer_free(self.handle)


class GlzReader:
    def __init__(self, reference: Reference) -> None:
        self.library = reference.library
        self.handle = ctypes.c_void_p(self.library.ref_glz_reader())

    def decode(self, data: bytes, size: int) -> bytes:
        out = ctypes.create_string_buffer(size)
        _good(self.library.ref_glz_decode(self.handle, data, out))
        return out.raw

    def close(self) -> None:
        self.library.ref_glz_reader_free(self.handle)


def _good(result: int) -> int:
    if result < 0:
        raise ValueError("the reference gave up")
    return result
