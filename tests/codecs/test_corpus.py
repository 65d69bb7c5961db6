"""Every stream of the corpus decodes to the reference's pixels, compiled and interpreted, alone and in threads."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from codec_corpus import Stream, malformed, streams

from spicetui import codecs
from spicetui.codecs import glz, lz, quic
from spicetui.errors import CodecError

HERE = Path(__file__).parent
PURE_PIXELS = 30_000  # interpreted, an image of a megapixel takes seconds


@pytest.mark.parametrize("stream", streams("quic"), ids=lambda stream: stream.name)
def test_quic(stream: Stream) -> None:
    assert quic.peek(stream.data)[1:] == (stream.width, stream.height)
    assert not stream.wrong(quic.decode(stream.data))


@pytest.mark.parametrize("stream", streams("lz"), ids=lambda stream: stream.name)
def test_lz(stream: Stream) -> None:
    assert lz.peek(stream.data)[1:3] == (stream.width, stream.height)
    assert not stream.wrong(lz.decode(stream.data, stream.palette))


def sequences() -> dict[str, list[Stream]]:
    out: dict[str, list[Stream]] = {}
    for stream in streams("glz"):
        out.setdefault(stream.name.partition("/")[0], []).append(stream)
    return out


@pytest.mark.parametrize("name", sequences())
def test_glz(name: str) -> None:
    window = glz.Window(40_000)
    for stream in sequences()[name]:
        assert glz.peek(stream.data)[1:3] == (stream.width, stream.height)
        assert not stream.wrong(window.decode(stream.data))
    assert window.pixels <= 40_000  # the encoder's window had as many, and tells what left it


def test_glz_twice_in_step() -> None:
    """Two windows do not disturb each other."""
    windows = glz.Window(), glz.Window()
    for one, two in zip(sequences()["RGBA"], sequences()["RGB32"], strict=True):
        assert not one.wrong(windows[0].decode(one.data))
        assert not two.wrong(windows[1].decode(two.data))


@pytest.mark.parametrize(("name", "data"), malformed(), ids=lambda value: value if isinstance(value, str) else "")
def test_damaged(name: str, data: bytes) -> None:
    decode: dict[str, Callable[[bytes], object]] = {
        "quic": quic.decode,
        "lz": partial(lz.decode, palette=range(256)),
        "glz": glz.Window().decode,
    }
    with pytest.raises(CodecError):
        decode[name.split()[0]](data)


def test_in_threads() -> None:
    """Decoders keep their tables between calls; no two threads may share them."""
    limit = 1 << 26 if codecs.COMPILED else 3000

    def check(stream: Stream) -> str:
        lz_kind = stream.name.endswith((" up", " down"))
        return stream.wrong(lz.decode(stream.data, stream.palette) if lz_kind else quic.decode(stream.data))

    work = [stream for stream in streams("quic") + streams("lz") if stream.width * stream.height < limit]
    with ThreadPoolExecutor(max_workers=8) as pool:
        results = list(pool.map(check, work * 3))
    assert not any(results), [text for text in results if text]


def test_interpreted() -> None:
    environment = os.environ | {"SPICETUI_PURE": "1"}
    command = [sys.executable, str(HERE / "codec_corpus.py"), "--max-pixels", str(PURE_PIXELS)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.rstrip().endswith("streams, compiled (False, False, False), Cython False"), done.stdout


def test_by_hand_interpreted() -> None:
    """The tests of this folder that need no large images, with the interpreted kernels."""
    files = [str(HERE / name) for name in ("test_quic.py", "test_lz.py", "test_glz.py")]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files]
    environment = os.environ | {"SPICETUI_PURE": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
