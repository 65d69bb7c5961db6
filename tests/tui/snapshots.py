"""Pictures of the panels that were looked at: kept as text, which is compared, and as SVG, for the eye.

``SPICETUI_SNAPSHOTS=write`` writes them anew: look at them before they are committed.
"""

from __future__ import annotations

import asyncio
import os
from difflib import unified_diff
from pathlib import Path

from .running import Running

FOLDER = Path(__file__).parent / "snapshots"
SIZES = ((80, 24), (160, 48))  #: terminals in which every panel is looked at


def dock_text(app: Running) -> str:
    """What the terminal shows where the dock is, below the names of the panels, which become more."""
    region = app.app.dock.region
    rows = app.terminal.screen.display[region.y + 1 : region.bottom]
    return "\n".join(row[region.x : region.right].rstrip() for row in rows) + "\n"


async def check_panel(app: Running, name: str) -> None:
    """The open panel looks as it did in *name* on a terminal of this size; the test keeps times and rates still."""
    size = app.app.size
    path = FOLDER / f"{name}-{size.width}x{size.height}.txt"
    if os.environ.get("SPICETUI_SNAPSHOTS") == "write":
        await _write(app, path)
        return
    assert path.exists(), f"no snapshot {path.name}; SPICETUI_SNAPSHOTS=write makes it"
    wanted = path.read_text(encoding="utf-8")
    try:
        await app.until(lambda: dock_text(app) == wanted, f"the dock as in {path.name}")
    except AssertionError:
        shown = dock_text(app)
        if shown == wanted:
            return
        lines = unified_diff(wanted.splitlines(), shown.splitlines(), path.name, "shown", lineterm="")
        raise AssertionError("\n".join(lines)) from None


async def _write(app: Running, path: Path) -> None:
    shown, before = dock_text(app), ""
    while shown != before or not shown.strip():
        await asyncio.sleep(0.5)
        shown, before = dock_text(app), shown
    path.parent.mkdir(exist_ok=True)
    path.write_text(shown, encoding="utf-8")
    path.with_suffix(".svg").write_text(app.app.export_screenshot(title=path.stem), encoding="utf-8")
