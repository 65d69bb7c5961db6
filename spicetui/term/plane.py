"""The contract of the backends: what one view of a picture should hold on the terminal, and what brings it there.

A plane covers the cells of one view.  The compositor paints *spans* of it, and so says which cells are the picture's
(*owned*) and not covered by anything else; *updates* are written to owned cells only.  The view calls everything on
one thread; an update that was taken may be encoded on another.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import ClassVar, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from ..geometry import Point, Rect, Size
from .scale import Mapping, Scale


class Shape(Protocol):
    """A pointer's shape that can be drawn; :class:`spicetui.canvas.cursor.Cursor` is one."""

    @property
    def width(self) -> int: ...

    @property
    def height(self) -> int: ...

    @property
    def hot_x(self) -> int: ...

    @property
    def hot_y(self) -> int: ...

    def paint(self, pixels: npt.NDArray[np.uint8], x: int, y: int) -> None:
        """Draws onto *pixels*, uint8 (h, w, 4) BGRX, with the hot spot at (x, y), which may lie outside."""
        ...


class Pointer(NamedTuple):
    """The guest's pointer, to be laid over the picture; (x, y) is its hot spot's place in the picture."""

    shape: Shape
    x: int
    y: int

    @property
    def rect(self) -> Rect:
        shape = self.shape
        return Rect(self.x - shape.hot_x, self.y - shape.hot_y, shape.width, shape.height)


class Patch(NamedTuple):
    """The part of a picture under a pointer, with the pointer: *pixels* begin at (left, top) of the picture.

    *cells* of the view show it; *columns* and *rows* are their sub-cells.
    """

    cells: Rect
    columns: slice
    rows: slice
    pixels: npt.NDArray[np.uint8]
    left: int
    top: int


def patch_under(frame: npt.NDArray[np.uint8], mapping: Mapping, pointer: Pointer) -> Patch | None:
    """None where the pointer lies outside of what is shown."""
    cells = mapping.damaged_cells(pointer.rect)
    if cells.empty:
        return None
    width, height = mapping.sub
    columns = slice(cells.x * width, cells.right * width)
    rows = slice(cells.y * height, cells.bottom * height)
    xs, ys = mapping.xs[:, columns], mapping.ys[:, rows]
    left, top = int(xs[0, 0]), int(ys[0, 0])
    pixels = frame[top : int(ys[1, -1]), left : int(xs[1, -1])].copy()
    pointer.shape.paint(pixels, pointer.x - left, pointer.y - top)
    return Patch(cells, columns, rows, pixels, left, top)


class Frame(NamedTuple):
    """Bytes for the terminal: *upload* shows nothing by itself and may be long; *show* belongs into one
    synchronised update, leaves the pen plain, and the text cursor anywhere."""

    upload: bytes
    show: bytes


class Update(ABC):
    """What a plane wants written now.  It keeps what it needs: the plane may change before it is encoded."""

    heavy: ClassVar[bool] = True  #: encoding takes long enough to be done on another thread

    @abstractmethod
    def encode(self) -> Frame:
        """Called once, on any thread."""


class Plane(ABC):
    """The cells of one view.  Colours are words 0x00RRGGBB, also the *backdrop* beside the picture."""

    quality_steps: ClassVar[int] = 1  #: how many qualities there are; 0 is the best
    graphics: ClassVar[bool] = False  #: pixels of the terminal, not cells with characters
    lossy: bool = False  #: what is sent around a change of the terminal's size may get lost unnoticed
    erased_by_text: ClassVar[bool] = False  #: a character written over the picture takes it away there

    def __init__(self, backdrop: int = 0) -> None:
        self.backdrop = backdrop
        self.quality = 0
        self.wordy = False  #: its first picture may be megabytes on the terminal's line
        self.failure = ""  #: why nothing is sent any more: the terminal refuses it
        self.size = Size(0, 0)  #: in cells
        self.mapping: Mapping | None = None
        #: (rows, columns): cells that the compositor let us paint last
        self.owned: npt.NDArray[np.uint8] = np.zeros((0, 0), np.uint8)

    # geometry

    @property
    @abstractmethod
    def sub(self) -> Size:
        """How many parts of a cell get a colour of their own; a mapping is made with it."""

    @abstractmethod
    def resize(self, size: Size, cell_px: Size) -> None:
        """A view of *size* cells of *cell_px* pixels.  Where that is new, nothing is owned and there is no mapping."""

    def map(self, picture: Size, scale: Scale, cell_px: Size, pan: Point, zoom: float) -> Mapping:
        """How a picture lies in the view; see :class:`Mapping`."""
        return Mapping(picture, self.size, self.sub, scale, cell_px=cell_px, pan=pan, zoom=zoom)

    @abstractmethod
    def place(self, mapping: Mapping) -> None:
        """How the picture lies from now on; all of it is to be drawn again.  Raises ValueError for another view's."""

    @abstractmethod
    def clear(self) -> None:
        """No picture: backdrop."""

    # what is wanted

    @abstractmethod
    def draw(self, pixels: npt.NDArray[np.uint8], damage: Iterable[Rect], pointer: Pointer | None = None) -> None:
        """Brings what is wanted up to date where *damage* says that *pixels* (h, w, 4; BGRX) have changed.

        The pointer is drawn where it is; where it was must be part of the damage.  Raises ValueError for a picture
        that is not of the mapping's size.
        """

    @abstractmethod
    def cells(self, y: int, x0: int, x1: int) -> npt.NDArray[np.uint32]:
        """What cells x0 … x1-1 of a row look like, as characters: (n, 3) of character, foreground, background.

        For whoever must blend them with something else; graphics give an approximation.
        """

    # what the terminal holds

    @abstractmethod
    def disown(self) -> None:
        """Another layout was painted: anything may lie where our cells were.  Nothing is owned."""

    @abstractmethod
    def forget(self) -> None:
        """The terminal may have lost all that it was ever sent, images included.  Nothing is owned."""

    @abstractmethod
    def span(self, y: int, x0: int, x1: int) -> str:
        """What the compositor writes for cells x0 … x1-1 of a row, the text cursor on the first; they are owned then.

        It moves the cursor by x1 - x0 cells and leaves the pen plain.
        """

    @abstractmethod
    def update(self, origin: Point) -> Update | None:
        """What brings the owned cells up to date; None when they are.  *origin*: the view's place, in cells from 0.

        It is taken as written in that order, unless :meth:`dropped` says otherwise.
        """

    def dropped(self, update: Update) -> None:
        """An update was not written after all."""
        self.forget()

    def acknowledged(self, update: Update) -> None:  # noqa: B027 - most planes need not know
        """The terminal has read an update."""

    def refine(self, most: int = 1 << 30) -> bool:
        """Whether anything is held at less than full quality; up to *most* such cells come with the next update."""
        return False

    def answered(self, data: bytes) -> None:  # noqa: B027 - only one protocol answers
        """The terminal answered with a graphics reply (what follows ``_G``)."""

    def enter(self) -> bytes:
        """What must be sent before the first update."""
        return b""

    def leave(self) -> bytes:
        """What takes everything off the terminal that outlives its cells, such as images."""
        return b""

    def close(self) -> None:  # noqa: B027 - most planes have nothing outside
        """Gives back what lies outside this process, such as files; may be called twice."""
