"""Windows of the demo desktop: a picture of their own, parts that react, and ways to change both picture and screen."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PIL import Image, ImageChops

from ..geometry import Point, Rect
from . import draw
from .screen import Colour, Colours, Picture, box

if TYPE_CHECKING:
    from .desktop import Desktop

CLOSE = Rect(8, 4, 22, 22)  # the close button in the title bar


class Window:
    """Subclasses paint `image` (title bar included) and answer events; all places are inside the window."""

    name = ""
    title = ""
    size = (200, 100)  # of the content
    place = (0, 0)  # where it is first

    def __init__(self, desktop: Desktop) -> None:
        self.desktop = desktop
        width, height = self.size[0], self.size[1] + draw.TITLE_HEIGHT
        self.rect = Rect(*self.place, width, height)
        self.content = Rect(0, draw.TITLE_HEIGHT, width, self.size[1])
        self.image = Image.new("RGB", (width, height), draw.PANE)
        self.mask = draw.rounded(width, height, draw.RADIUS)
        self.shadow = draw.shadow(width, height)
        self.open = True
        self.active = False
        self.buttons: list[Button] = []
        self._hovered: Button | None = None
        self._close_hovered = False

    @property
    def outer(self) -> Rect:
        """The part of the screen that the window and its shadow touch."""
        x, y, width, height = self.rect
        reach = draw.SHADOW
        return Rect(x - reach, y - reach, width + 2 * reach, height + 2 * reach + draw.SHADOW_DROP)

    # --- for subclasses

    def paint(self) -> None:
        """Draws the whole content into `image`."""

    def tick(self, now: float) -> None:
        """Time has passed; *now* in seconds."""

    def update(self) -> None:
        """Brings `image` up to date with what events have changed; before each picture."""

    def pressed(self, at: Point) -> None:
        """The left button went down outside all buttons."""

    def dragged(self, at: Point) -> None:
        """The pointer moved while the left button was down."""

    def released(self) -> None:
        """The left button went up."""

    def typed(self, text: str) -> None:
        """A key typed *text*."""

    def scrolled(self, by: int) -> None:
        """The wheel was turned, -1 is up."""

    def shape_at(self, at: Point) -> str:
        """The pointer over the content."""
        return "arrow"

    # --- painting

    def paint_all(self) -> None:
        self.paint()
        for button in self.buttons:
            self._paint_button(button)
        self.paint_frame()

    def paint_frame(self) -> None:
        draw.frame(self.image, self.title, self.active, self._close_hovered)

    def changed(self, rect: Rect) -> None:
        """`image` was changed in *rect*."""
        self.desktop.damage(rect.translate(self.rect.x, self.rect.y).intersect(self.rect))

    def fill(self, rect: Rect, colour: Colour) -> None:
        self.image.paste(colour, box(rect))
        self._directly(rect, lambda at: self.desktop.screen.fill(at, colour))

    def show(self, rect: Rect, picture: Picture, source: Point = Point(0, 0)) -> None:
        part = picture.image.crop(box(Rect(source.x, source.y, rect.width, rect.height)))
        self.image.paste(part, box(rect))
        self._directly(rect, lambda at: self.desktop.screen.show(at, picture, source))

    def indexed(self, rect: Rect, pixels: bytes, colours: Colours) -> None:
        part = Image.frombytes("P", (rect.width, rect.height), pixels)
        part.putpalette([sample for colour in colours.entries for sample in colour])
        self.image.paste(part.convert("RGB"), box(rect))
        self._directly(rect, lambda at: self.desktop.screen.indexed(at, pixels, colours), whole=True)

    def invert(self, rect: Rect) -> None:
        part = self.image.crop(box(rect))
        self.image.paste(ImageChops.invert(part), box(rect))
        self._directly(rect, self.desktop.screen.invert)

    def scroll(self, rect: Rect, dx: int, dy: int) -> None:
        """Moves what is in *rect*; what moves beyond its edge is lost, what is left behind stays."""
        target = rect.translate(dx, dy).intersect(rect)
        source = target.translate(-dx, -dy)
        self.image.paste(self.image.crop(box(source)), box(target))
        at = source.translate(self.rect.x, self.rect.y)
        if self._visible(rect) and self.desktop.is_current(at):
            self.desktop.screen.move(at, dx, dy)
        else:
            self.changed(target)

    def _directly(self, rect: Rect, operation: Callable[[Rect], None], *, whole: bool = False) -> None:
        """By *operation* when the place is visible, else by painting it anew."""
        at = rect.translate(self.rect.x, self.rect.y)
        if self._visible(rect) and (not whole or self.desktop.screen.rect.contains(at)):
            operation(at)
        else:
            self.changed(rect)

    def _visible(self, rect: Rect) -> bool:
        """Whether the screen shows *rect* as `image` has it: nothing lies above, and the corners are not touched."""
        _, _, width, height = self.rect
        corner = draw.RADIUS
        if (rect.y < corner or rect.bottom > height - corner) and (rect.x < corner or rect.right > width - corner):
            return False
        return self.open and self.desktop.clear_above(self, rect.translate(self.rect.x, self.rect.y))

    # --- events

    def hover(self, at: Point | None) -> str:
        """The pointer is at that place, or has left; the pointer's shape."""
        over = next((b for b in self.buttons if at is not None and _inside(at, b.rect)), None)
        if over is not self._hovered:
            before, self._hovered = self._hovered, over
            for button in (before, over):
                if button is not None:
                    self._button_changed(button)
        close = at is not None and _inside(at, CLOSE)
        if close != self._close_hovered:
            self._close_hovered = close
            self.paint_frame()
            self.changed(CLOSE)
        if at is None:
            return "arrow"
        if close or over is not None:
            return "hand"
        return self.shape_at(at) if _inside(at, self.content) else "arrow"

    def press(self, at: Point) -> None:
        if self._hovered is not None:
            self._hovered.pressed = True
            self._button_changed(self._hovered)
        else:
            self.pressed(at)

    def release(self) -> None:
        for button in self.buttons:
            if button.pressed:
                button.pressed = False
                self._button_changed(button)
                if button is self._hovered:
                    button.action()
        self.released()

    def close_at(self, at: Point) -> bool:
        return _inside(at, CLOSE)

    def activate(self, active: bool) -> None:
        if active != self.active:
            self.active = active
            self.paint_frame()
            self.changed(Rect(0, 0, self.rect.width, draw.TITLE_HEIGHT))

    def add_button(self, rect: Rect, label: str, action: Callable[[], None]) -> None:
        self.buttons.append(Button(rect, label, action))

    def _button_changed(self, button: Button) -> None:
        self.image.paste(draw.PANE, box(button.rect))
        self._paint_button(button)
        self.changed(button.rect)

    def _paint_button(self, button: Button) -> None:
        draw.button(self.image, box(button.rect), button.label, button is self._hovered, button.pressed)


class Button:
    def __init__(self, rect: Rect, label: str, action: Callable[[], None]) -> None:
        self.rect = rect
        self.label = label
        self.action = action
        self.pressed = False


def _inside(at: Point, rect: Rect) -> bool:
    return rect.x <= at.x < rect.right and rect.y <= at.y < rect.bottom
