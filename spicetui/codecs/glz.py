"""GLZ, the LZ of SPICE whose copies may come from earlier images of the same session.

Images keep the order of their stream in the window, since references count pixels in that order; they are words of
0xAARRGGBB.  Decoding holds no lock: a decoding that needs another image stops, asks the window for it and goes on.
"""

from __future__ import annotations

import struct
import sys
from _thread import allocate_lock
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
    from spicetui._cython import copy_between, copy_words, pointer, pointer32, unpack24

COMPILED: bool = cython.compiled
MAGIC = 0x20205A4C
VERSION = 0x00010001
RGB16, RGB24, RGB32, RGBA = range(6, 10)
_HEADER = struct.Struct(">2IB3IQI")
_MAX_IMAGES = 1 << 18  # in a window: many tiny images cost more than their pixels
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
@cython.cclass
class Picture:
    """An image in the window."""

    head: int  # no later image refers to an id below
    count: cython.Py_ssize_t
    pixels: cython.p_uint
    memory: npt.NDArray[np.uint8]

    def __init__(self, head: int, memory: npt.NDArray[np.uint8]) -> None:
        self.head = head
        self.memory = memory
        self.count = memory.size // 4
        self.pixels = pointer32(memory.data)


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
                    copy_words(pixels, done, done - offset, length)
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


class Window:
    """The images that later ones may refer to: one window for all display channels of a session.

    `max_pixels` is what the client announces in DISPLAY_INIT.  Decoding may run in several threads at once.  Twice as
    many pixels are kept at most, because images of several channels come out of order; beyond that the oldest go.
    """

    def __init__(self, max_pixels: int = GLZ_WINDOW_PIXELS) -> None:
        if not 0 < max_pixels <= GLZ_MAX_WINDOW_PIXELS:
            raise ValueError(f"a GLZ window holds 1 to {GLZ_MAX_WINDOW_PIXELS} pixels, not {max_pixels}")
        self.max_pixels = max_pixels
        self._lock = allocate_lock()  # around the bookkeeping below, never around decoding
        self._pictures: dict[int, Picture] = {}
        self._pixels = 0
        self._oldest = 0  # no id below is kept
        self._next = -1  # the first id that has not come; -1: nothing has come yet
        self._epoch = 0

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
        with self._lock:
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
        kind, width, height, top_down, id, head_distance = peek(data)
        check_size("GLZ", width, height, size, min(max_pixels, self.max_pixels))
        epoch = self._epoch
        view = memoryview(data)
        if not view.c_contiguous:
            view = memoryview(view.tobytes())
        image = np.empty((height, width, 4), np.uint8)
        picture = Picture(max(id - head_distance, 0), image)
        decoding = Decoding()
        decoding.begin(pointer(view), view.nbytes, picture)
        self._run(decoding, id, 2 if kind == RGB16 else 3)
        if kind == RGBA:
            self._run(decoding, id, 1)
        image.setflags(write=False)
        with self._lock:
            if epoch == self._epoch:
                self._keep(id, picture)
        if not top_down:
            image = np.ascontiguousarray(image[::-1])
        if sys.byteorder == "big":
            image = image.view(np.uint32).byteswap().view(np.uint8)
        image.setflags(write=False)
        return image

    def _run(self, decoding: Decoding, id: int, sample: int) -> None:
        c_sample: cython.int = sample
        state: cython.int
        while True:
            with cython.nogil:
                state = decoding.run(c_sample)
            if state > 0:
                return
            if state < 0:
                raise CodecError("GLZ image is corrupt or truncated")
            wanted = id - decoding.wanted
            with self._lock:
                picture = self._pictures.get(wanted)
                oldest = self._oldest
            if picture is not None:
                decoding.give(picture)
            elif wanted < oldest:
                raise CodecError(f"GLZ image {id} refers to image {wanted}, which is no longer kept")
            else:
                raise MissingImage(wanted)

    def _keep(self, id: int, picture: Picture) -> None:
        """Enter a complete image and let go of those that nothing can refer to any more."""
        if self._next < 0:
            # What comes first need not be the first image, but no image before its head is ever needed.
            self._next = self._oldest = picture.head
        if id < self._oldest:
            return
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
        while self._pixels > 2 * self.max_pixels or len(self._pictures) > _MAX_IMAGES:
            oldest = self._oldest if self._oldest in self._pictures else min(self._pictures)
            self._forget(oldest)
            self._oldest = oldest + 1
            self._next = max(self._next, self._oldest)

    def _forget(self, id: int) -> None:
        picture: Picture | None = self._pictures.pop(id, None)
        if picture is not None:
            self._pixels -= picture.count
