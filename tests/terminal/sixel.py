"""Sixel pictures, decoded by DEC's manual (VT330/VT340 Programmer Reference, volume 2, chapter 14).

Where the manual leaves it open it is as xterm does it (graphics_sixel.c): registers are each picture's own, numbers
wrap at their count, and what lies beyond the largest size is cut off.
"""

from __future__ import annotations

import colorsys
import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .screen import Pixels

# The VT340's first 16 registers, RGB in percent (figure 2-9 of volume 2).
_VT340 = (
    (0, 0, 0), (20, 20, 80), (80, 13, 13), (20, 80, 20), (80, 20, 80), (20, 80, 80), (80, 80, 20), (53, 53, 53),
    (26, 26, 26), (33, 33, 60), (60, 26, 26), (33, 60, 33), (60, 33, 60), (33, 60, 60), (60, 60, 33), (80, 80, 80),
)  # fmt: skip
# Height of a pixel for each width, by the first parameter (P1).
_ASPECTS = {0: 2, 1: 2, 2: 5, 3: 3, 4: 3, 5: 2, 6: 2, 7: 1, 8: 1, 9: 1}
_REPEATED = re.compile(rb"!(\d*)([?-~])")
_COMMAND = re.compile(rb'([#"])([\d;]*)|\$')
_MEANINGLESS = re.compile(rb'[^?-~#"$\d;\x00-\x20]|(?<![#"\d;])[\d;]|["#](?=[\d;]*")')


@dataclass(frozen=True)
class Sixels:
    pixels: Pixels  #: RGBA; alpha 0 where nothing was painted
    registers: int  #: how many were given a colour
    problems: tuple[str, ...]


def decode(parameters: str, data: bytes, *, registers: int = 256, limit: tuple[int, int] = (4096, 4096)) -> Sixels:
    """*parameters*: between DCS and ``q``; *data*: after it.  *limit*: the largest width and height."""
    return _Decoder(parameters, registers, limit).run(data)


class _Decoder:
    def __init__(self, parameters: str, registers: int, limit: tuple[int, int]) -> None:
        numbers = [int(part) if part.isdecimal() else 0 for part in parameters.split(";")]
        self.aspect = _ASPECTS.get(numbers[0], 1)
        self.opaque = numbers[1] != 1 if len(numbers) > 1 else True
        self.limit = limit
        self.palette = np.zeros((registers, 4), np.uint8)
        self.palette[:, 3] = 255
        for number, color in enumerate(_VT340[:registers]):
            self.palette[number, :3] = [round(part * 255 / 100) for part in color]
        self.defined: set[int] = set()
        self.problems: list[str] = []
        self.declared = (0, 0)
        self.canvas = np.full((limit[1] + 6, 64), -1, np.int32)  # register, or -1
        self.y = self.register = 0
        self.width = self.height = 0
        self.started = False

    def run(self, data: bytes) -> Sixels:
        for band in data.split(b"-"):
            self._band(_REPEATED.sub(lambda match: match[2] * min(int(match[1] or 1) or 1, self.limit[0]), band))
            self.y += 6
        return self._finish()

    def _band(self, band: bytes) -> None:
        """Six rows: all of their sixels at once, each with its place and register."""
        for match in _MEANINGLESS.finditer(band):
            self.problems.append(f"{band[match.start() : match.start() + 10]!r} means nothing")
        codes = np.frombuffer(band, np.uint8)
        is_sixel = (codes >= 63) & (codes <= 126)
        before: npt.NDArray[np.int64] = np.cumsum(is_sixel) - is_sixel  # how many sixels lie before each byte
        registers = np.full(len(codes), self.register, np.int32)
        starts = np.zeros(len(codes), np.int64)
        painted = 0
        for match in _COMMAND.finditer(band):
            place = match.start()
            self.started = self.started or bool(before[place] > painted)
            painted = int(before[place])
            if match[0] == b"$":
                starts[place:] = before[place]
            elif match[1] == b"#":
                self._color([int(part or 0) for part in match[2].split(b";")])
                registers[place:] = self.register
            else:
                self._raster([int(part or 0) for part in match[2].split(b";")])
        self.started = self.started or bool(is_sixel.any())
        self._paint((before - starts)[is_sixel], codes[is_sixel] - 63, registers[is_sixel])

    def _color(self, arguments: list[int]) -> None:
        register = arguments[0] % len(self.palette)
        if register != arguments[0]:
            self.problems.append(f"register {arguments[0]} of {len(self.palette)}")
        self.register = register
        if len(arguments) == 1:
            return
        if len(arguments) != 5:
            self.problems.append(f"colour {arguments}")
            return
        kind, first, second, third = arguments[1:]
        if kind == 1 and first <= 360 and max(second, third) <= 100:
            # Hue 0 is blue, 120 red, 240 green; lightness comes before saturation.
            color = colorsys.hls_to_rgb(((first + 240) % 360) / 360, second / 100, third / 100)
        elif kind == 2 and max(first, second, third) <= 100:
            color = (first / 100, second / 100, third / 100)
        else:
            self.problems.append(f"colour {arguments}")
            return
        self.palette[register, :3] = [round(part * 255) for part in color]
        self.defined.add(register)

    def _raster(self, arguments: list[int]) -> None:
        if self.started:
            self.problems.append("raster attributes after sixels")
            return
        pan, pad, width, height = (*arguments, 0, 0, 0, 0)[:4]
        if pan and pad:
            self.aspect = max(1, round(pan / pad))
        self.declared = (min(width, self.limit[0]), min(height, self.limit[1]))

    def _paint(self, xs: npt.NDArray[np.int64], sixels: Pixels, registers: npt.NDArray[np.int32]) -> None:
        seen = (sixels != 0) & (xs < self.limit[0])
        if self.y >= self.limit[1] or not seen.any():
            return
        xs, sixels, registers = xs[seen], sixels[seen], registers[seen]
        width = int(xs.max()) + 1
        if width > self.canvas.shape[1]:
            grown = np.full(
                (self.canvas.shape[0], min(self.limit[0], max(width, 2 * self.canvas.shape[1]))), -1, np.int32
            )
            grown[:, : self.canvas.shape[1]] = self.canvas
            self.canvas = grown
        self.width = max(self.width, width)
        for bit in range(6):
            here = sixels >> bit & 1 == 1
            if here.any():
                self.canvas[self.y + bit, xs[here]] = registers[here]  # of several at one place the last one stays
                self.height = max(self.height, self.y + bit + 1)

    def _finish(self) -> Sixels:
        width = min(max(self.width, self.declared[0]), self.limit[0])
        height = min(max(self.height, self.declared[1]), self.limit[1])
        result = np.zeros((height, width, 4), np.uint8)
        if self.opaque:
            result[:] = self.palette[0]
        registers = self.canvas[:height, :width]
        if registers.shape[1] < width:
            registers = np.pad(registers, ((0, 0), (0, width - registers.shape[1])), constant_values=-1)
        painted = registers >= 0
        result[painted] = self.palette[registers[painted]]
        if self.aspect > 1:
            result = np.repeat(result, self.aspect, axis=0)[: self.limit[1]]
        return Sixels(result, len(self.defined), tuple(self.problems))
