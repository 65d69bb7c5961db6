"""GLZ, the LZ of SPICE whose copies may come from earlier images of the same session.

Images keep the order of their stream in the window, since references count pixels in that order; they are words of
0xAARRGGBB.  Decoding holds no lock: a decoding that needs another image stops, asks the window for it and goes on.
"""

from __future__ import annotations

import struct
import sys
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from spicetui.codecs.limits import GLZ_MAX_WINDOW_PIXELS, GLZ_WINDOW_PIXELS, MAX_PIXELS, check_size
from spicetui.errors import CodecError

if TYPE_CHECKING:
    from spicetui.codecs.limits import Buffer

try:
    from spicetui import _cython as cython
except ImportError:
    import cython  # type: ignore[no-redef]

if not cython.compiled:
    from spicetui._cython import (
        Held,
        copy_between,
        copy_words,
        hold,
        length_of,
        load32,
        load64,
        new_bytes,
        release,
        unpack24,
        words_in,
        words_of,
    )

COMPILED: bool = cython.compiled
MAGIC = 0x20205A4C
VERSION = 0x00010001
RGB16, RGB24, RGB32, RGBA = range(6, 10)
_HEADER = struct.Struct(">2IB3IQI")
_empty = np.empty
_ndarray = np.ndarray
_BYTE = np.dtype(np.uint8)
_LARGE = 1 << 18  # pixels of an image that is worth numpy's large pages
_BIG_ENDIAN = sys.byteorder == "big"
_BYTES_A_PIXEL = {RGB16: 2, RGB24: 3, RGB32: 4, RGBA: 4}


class MissingImage(CodecError):
    """The image refers to one that has not come yet, perhaps on its way in another channel; try again then."""

    def __init__(self, id: int) -> None:
        super().__init__(f"GLZ image refers to image {id}, which has not come")
        self.id = id


class Header(NamedTuple):
    """What a stream says about itself; later images never refer to ids below `id - head_distance`."""

    type: int
    width: int
    height: int
    top_down: bool
    id: int
    head_distance: int


@cython.final
@cython.no_gc
@cython.cclass
class Picture:
    """An image in the window; it refers to nothing that could refer to it."""

    head: int  # no later image refers to an id below
    memory: object
    pixels: cython.p_uint
    count: cython.Py_ssize_t


@cython.cclass
class References:
    """Images that a decoding has asked for, at the low bits of their distance; its arrays are in the .pxd."""

    def __init__(self) -> None:
        if not cython.compiled:
            self.distances = [0] * 64  # 0: a free place
            self.places = [memoryview(b"")] * 64
            self.counts = [0] * 64


@cython.final
@cython.cclass
class Decoding:
    """One image being decoded, and where it stands."""

    data: cython.p_uchar
    at: cython.Py_ssize_t
    size: cython.Py_ssize_t
    pixels: cython.p_uint
    count: cython.Py_ssize_t
    done: cython.Py_ssize_t
    wanted: cython.ulonglong  # the distance of the image that is needed to go on
    known: References
    used: list[Picture]  # keeps their memory

    def __init__(self) -> None:
        self.known = References()
        self.used = []

    @cython.cfunc
    def begin(self, data: cython.p_uchar, size: cython.Py_ssize_t, target: Picture) -> None:
        self.data = data
        self.at = 33
        self.size = size
        self.pixels = target.pixels
        self.count = target.count
        self.done = 0

    @cython.cfunc
    def forget(self) -> None:
        """Let go of other images, whose places are not valid from here on."""
        index: cython.int
        if self.used:
            self.used.clear()
            for index in range(64):
                self.known.distances[index] = 0

    @cython.cfunc
    def give(self, picture: Picture) -> None:
        """Answer what was wanted."""
        self.used.append(picture)
        self.known.distances[self.wanted & 63] = self.wanted
        self.known.places[self.wanted & 63] = picture.pixels
        self.known.counts[self.wanted & 63] = picture.count

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def run(self, sample: cython.int) -> cython.int:
        """Go on to the end (1), to an image that is wanted (0), or to an error (-1).

        `sample` is the bytes of a pixel in the stream: 3 or 2 for colours, 1 for alpha.
        """
        data: cython.p_uchar = self.data
        pixels: cython.p_uint = self.pixels
        at: cython.Py_ssize_t = self.at
        size: cython.Py_ssize_t = self.size
        done: cython.Py_ssize_t = self.done
        count: cython.Py_ssize_t = self.count
        length: cython.Py_ssize_t
        offset: cython.Py_ssize_t
        index: cython.Py_ssize_t
        distance: cython.ulonglong
        token: cython.uint
        word: cython.uint
        extra: cython.int
        shift: cython.int
        while done < count:
            if at >= size:
                return -1
            self.at = at
            token = data[at]
            at += 1
            if token < 32:
                length = token + 1
                if length > count - done or length * sample > size - at:
                    return -1
                if sample == 3:
                    unpack24(pixels, done, data, at, length)
                elif sample == 2:
                    for index in range(length):
                        word = data[at + index * 2] << 8 | data[at + index * 2 + 1]
                        word = (word & 31) | (word << 3 & 0x1F00) | (word << 6 & 0x1F0000)
                        pixels[done + index] = word << 3 | (word >> 2 & 0x070707)
                else:
                    for index in range(length):
                        word = data[at + index]
                        pixels[done + index] = (pixels[done + index] & 0xFFFFFF) | word << 24
                at += length * sample
                done += length
                continue
            length = token >> 5
            if length == 7:
                while True:
                    if at >= size:
                        return -1
                    length += data[at]
                    at += 1
                    if data[at - 1] != 255:
                        break
            length += 3 - sample
            if size - at < 2:
                return -1
            offset = (token & 15) | data[at] << 4
            word = data[at + 1]
            at += 2
            extra = word >> 6
            if size - at < extra + (token >> 4 & word >> 5 & 1):
                return -1
            if token & 16:
                offset |= (word & 31) << 12
                distance = 0
                shift = 0
            else:
                distance = word & 63
                shift = 6
            while extra:
                distance |= data[at] << shift
                at += 1
                shift += 8
                extra -= 1
            if token & 16 and word & 32:
                offset |= data[at] << 17
                at += 1
            if length > count - done:
                return -1
            if distance == 0:
                offset += 1
                if offset > done:
                    return -1
                if sample == 1:
                    for index in range(done, done + length):
                        pixels[index] = (pixels[index] & 0xFFFFFF) | (pixels[index - offset] >> 24 << 24)
                else:
                    copy_words(pixels, done, done - offset, length, count - done)
            else:
                extra = distance & 63
                if self.known.distances[extra] != distance:
                    self.done = done
                    self.wanted = distance
                    return 0
                if offset + length > self.known.counts[extra]:
                    return -1
                if sample == 1:
                    for index in range(length):
                        word = self.known.places[extra][offset + index]
                        pixels[done + index] = (pixels[done + index] & 0xFFFFFF) | (word >> 24 << 24)
                else:
                    copy_between(pixels, done, self.known.places[extra], offset, length)
            done += length
        self.at = at
        self.done = 0
        return 1


def peek(data: Buffer) -> Header:
    """The header, without decoding."""
    try:
        magic, version, kind, width, height, stride, id, head_distance = _HEADER.unpack_from(data)
    except struct.error:
        raise CodecError("GLZ image shorter than its header") from None
    if magic != MAGIC or version != VERSION:
        raise CodecError(f"not a GLZ image: magic {magic:#x}, version {version:#x}")
    top_down = kind >> 4 != 0
    kind &= 15
    if kind not in _BYTES_A_PIXEL:
        raise CodecError(f"GLZ image of unknown type {kind}")
    if stride != width * _BYTES_A_PIXEL[kind]:
        raise CodecError(f"GLZ image of type {kind} and width {width} has a stride of {stride} bytes")
    return Header(kind, width, height, top_down, id, head_distance)


_idle: list[Decoding] = []  # those that no thread is using


@cython.cclass
class Window:
    """The images that later ones may refer to: one window for all display channels of a session.

    `max_pixels` is what the client announces in DISPLAY_INIT.  Decoding may run in several threads at once.  Twice as
    many pixels are kept at most, because images of several channels come out of order; beyond that the oldest go.
    """

    _max_pixels: cython.Py_ssize_t
    _pixels: cython.Py_ssize_t
    _epoch: cython.Py_ssize_t  # counts how often the window was cleared
    _pictures: dict[int, Picture]
    _oldest: int  # no id below is kept
    _next: int  # the first id that has not come; -1: nothing has come yet

    def __init__(self, max_pixels: int = GLZ_WINDOW_PIXELS) -> None:
        self._epoch = 0
        self._pictures = {}
        self.max_pixels = max_pixels
        self.clear()

    @property
    def max_pixels(self) -> int:
        return self._max_pixels

    @max_pixels.setter
    def max_pixels(self, value: int) -> None:
        if not 0 < value <= GLZ_MAX_WINDOW_PIXELS:
            raise ValueError(f"a GLZ window holds 1 to {GLZ_MAX_WINDOW_PIXELS} pixels, not {value}")
        self._max_pixels = value

    def __contains__(self, id: object) -> bool:
        return id in self._pictures

    def __len__(self) -> int:
        return len(self._pictures)

    @property
    def pixels(self) -> int:
        """How many pixels are kept, 4 bytes each."""
        return self._pixels

    def clear(self) -> None:
        """Forget all images, as a reset or a migration asks for; decodings under way will leave nothing behind."""
        with cython.critical_section(self):
            self._pictures.clear()
            self._pixels = 0
            self._oldest = 0
            self._next = -1
            self._epoch += 1

    def decode(
        self, data: Buffer, *, size: tuple[int, int] | None = None, max_pixels: int = MAX_PIXELS
    ) -> npt.NDArray[np.uint8]:
        """Pixels of shape (height, width, 4), BGRX or BGRA, top row first; X is 0.  The array is read-only.

        `size`, where given, is the (width, height) that the stream must have.  Raises CodecError for bad data, and of
        it MissingImage, without any effect, when the data is to be tried again once that image has come.
        """
        held: Held
        if not cython.compiled:
            held = Held()
        source: cython.p_uchar = hold(held, data)
        try:
            return self._decode(data, source, length_of(held), size, min(max_pixels, self._max_pixels))
        finally:
            release(held)

    @cython.cfunc
    def _decode(
        self,
        data: Buffer,
        source: cython.p_uchar,
        length: cython.Py_ssize_t,
        size: tuple[int, int] | None,
        most: cython.Py_ssize_t,
    ) -> npt.NDArray[np.uint8]:
        kind: cython.uint = 0
        width: cython.Py_ssize_t = 0
        height: cython.Py_ssize_t = 0
        good: cython.bint = length >= 33 and load32(source, 0) == 0x20205A4C and load32(source, 4) == 0x00010001
        if good:
            kind = source[8] & 15
            width = load32(source, 9)
            height = load32(source, 13)
            good = 6 <= kind <= 9 and 0 < width <= most and 0 < height <= most // width
            good = good and load32(source, 17) == width * (4 if kind == 9 else kind - 4)
        if not good or (size is not None and size != (width, height)):
            header = peek(data)
            check_size("GLZ", header.width, header.height, size, most)
            raise CodecError("GLZ image with a bad header")
        id: int = load64(source, 21)
        epoch: cython.Py_ssize_t = self._epoch
        count: cython.Py_ssize_t = width * height
        picture: Picture = Picture()
        picture.head = max(id - load32(source, 29), 0)
        picture.count = count
        image = None
        large: cython.bint = count >= _LARGE
        if not large:
            picture.memory = new_bytes(cython.NULL, count * 4)
            picture.pixels = words_in(picture.memory)
        else:
            picture.memory = image = _empty((height, width, 4), _BYTE)
            picture.pixels = words_of(image)
        try:
            decoding: Decoding = _idle.pop()
        except IndexError:
            decoding = Decoding()
        decoding.begin(source, length, picture)
        self._run(decoding, id, 2 if kind == 6 else 3)
        if kind == 9:
            self._run(decoding, id, 1)
        decoding.forget()
        if len(_idle) < 4:
            _idle.append(decoding)
        if image is None:
            image = _ndarray((height, width, 4), _BYTE, picture.memory)
        if large or not cython.compiled:
            image.setflags(write=False)
        with cython.critical_section(self):
            if epoch == self._epoch:
                self._keep(id, picture)
        if source[8] < 16:  # bottom row first
            image = np.ascontiguousarray(image[::-1])
            image.setflags(write=False)
        if _BIG_ENDIAN:
            image = image.view(np.uint32).byteswap().view(np.uint8)
        return image

    @cython.cfunc
    def _run(self, decoding: Decoding, id: int, sample: cython.int) -> None:
        """Decode all colours or all alpha, and fetch the images that this needs."""
        state: cython.int
        while True:
            if decoding.count < 4096:
                state = decoding.run(sample)
            else:
                with cython.nogil:
                    state = decoding.run(sample)
            if state > 0:
                return
            if state < 0:
                raise CodecError("GLZ image is corrupt or truncated")
            wanted = id - decoding.wanted
            with cython.critical_section(self):
                picture: Picture | None = self._pictures.get(wanted)
                kept: cython.bint = wanted >= self._oldest
            if picture is not None:
                decoding.give(picture)
            elif kept:
                raise MissingImage(wanted)
            else:
                raise CodecError(f"GLZ image {id} refers to image {wanted}, which is no longer kept")

    @cython.cfunc
    def _keep(self, id: int, picture: Picture) -> None:
        """Enter a complete image and let go of those that nothing can refer to any more."""
        if self._next < 0:
            # What comes first need not be the first image, but no image before its head is ever needed.
            self._next = self._oldest = picture.head
        if id < self._oldest:
            return
        if id != self._next:
            self._forget(id)
        self._pictures[id] = picture
        self._pixels += picture.count
        head = self._oldest
        newest: Picture | None = self._pictures.get(self._next)
        while newest is not None:
            head = newest.head
            self._next += 1
            newest = self._pictures.get(self._next)
        # Only the images up to the first gap tell what is needed: one that is still to come may refer further back.
        while self._oldest < head:
            self._forget(self._oldest)
            self._oldest += 1
        while self._pixels > 2 * self._max_pixels or len(self._pictures) > 1 << 18:  # tiny ones cost more than pixels
            oldest = self._oldest if self._oldest in self._pictures else min(self._pictures)
            self._forget(oldest)
            self._oldest = oldest + 1
            self._next = max(self._next, self._oldest)

    @cython.cfunc
    def _forget(self, id: int) -> None:
        picture: Picture | None = self._pictures.pop(id, None)
        if picture is not None:
            self._pixels -= picture.count
