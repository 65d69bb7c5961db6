"""What becomes of the choice of a display that cannot be shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .app import SpiceApp

#: Looks, a second apart, at which a display that others are ahead of may still be on its way.
PATIENCE = 2


class DisplayChoice:
    """Looked at once a second."""

    def __init__(self, app: SpiceApp) -> None:
        self.app = app
        self._looks = 0

    def look(self) -> None:
        """Leaves a display that does not exist, and says so; says so too when one has no picture."""
        link, client = self.app.link, self.app.client
        if client is None or link.over:
            return
        lost = [client.session.lost.get(display.key) for display in client.displays.values()]
        if lost and lost[0] is not None and None not in lost:
            self.app.lose(lost[0])
            return
        pictured = [number for number, head in enumerate(link.heads) if link.area_of(head) is not None]
        if link.size is not None or not pictured:
            self._looks = 0
            return
        self._looks += 1
        if self._looks != PATIENCE:
            return
        wanted, count = link.display, len(client.heads)
        if wanted < count:
            self.app.sessions.picture_shown()
            self.app.say(
                f"Display {wanted} has no picture; {self.app.prefix_label} t shows all displays", severity="warning"
            )
        else:
            have = "is only display 0" if count == 1 else f"are displays 0 to {count - 1}"
            self.app.say(
                f"There is no display {wanted}: there {have}. This is display {pictured[0]}.", severity="warning"
            )
            self.app.choose_display(pictured[0])
