"""The streams in data/*.zip with what the reference decodes them to, and the run over all of them.

As a program it checks them with the interpreted kernels: SPICETUI_PURE=1 python codec_corpus.py --max-pixels N.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spicetui.codecs import glz, lz, quic

DATA = Path(__file__).parent / "data"
PALETTE = [(index * 0x010305 + 0x203040) & 0xFFFFFF for index in range(256)]


@dataclass(frozen=True)
class Stream:
    """One image; `sha256` is that of the pixels, BGRX or BGRA, top row first."""

    name: str
    data: bytes
    width: int
    height: int
    sha256: str
    colours: int = 0  # of PALETTE

    @property
    def palette(self) -> list[int] | None:
        return PALETTE[: self.colours] if self.colours else None

    def wrong(self, pixels: npt.NDArray[np.uint8]) -> str:
        """What is wrong with decoded pixels; empty when nothing is."""
        if pixels.shape != (self.height, self.width, 4) or pixels.dtype != np.uint8:
            return f"{self.name}: shape {pixels.shape} of {pixels.dtype}"
        if not pixels.flags.c_contiguous:
            return f"{self.name}: not contiguous"
        if hashlib.sha256(pixels.tobytes()).hexdigest() != self.sha256:
            return f"{self.name}: other pixels than the reference's"
        return ""


def streams(codec: str) -> list[Stream]:
    """Those of quic, lz or glz; GLZ's names begin with the sequence that an image belongs to, in order."""
    with zipfile.ZipFile(DATA / f"{codec}.zip") as archive:
        index = json.loads(archive.read("index.json"))
        return [Stream(name, archive.read(name), *rest) for name, *rest in index]


def malformed() -> list[tuple[str, bytes]]:
    """Damaged streams that must not decode; a name begins with the codec."""
    with zipfile.ZipFile(DATA / "malformed.zip") as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def mistakes(max_pixels: int) -> Iterator[str]:
    """Decode everything up to that size, whole GLZ sequences included, and tell what is wrong."""
    for stream in streams("quic"):
        if stream.width * stream.height <= max_pixels:
            yield stream.wrong(quic.decode(stream.data))
    for stream in streams("lz"):
        if stream.width * stream.height <= max_pixels:
            yield stream.wrong(lz.decode(stream.data, stream.palette))
    windows: dict[str, glz.Window] = {}
    for stream in streams("glz"):
        sequence = stream.name.partition("/")[0]
        yield stream.wrong(windows.setdefault(sequence, glz.Window()).decode(stream.data))


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--max-pixels", type=int, required=True)
    results = list(mistakes(parser.parse_args().max_pixels))
    found = [text for text in results if text]
    print(*found, sep="\n")
    modes = (quic.COMPILED, lz.COMPILED, glz.COMPILED)
    print(f"{len(results)} streams, compiled {modes}, Cython {'Cython' in sys.modules}")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
