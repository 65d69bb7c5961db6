"""Every drawing operation with all that it can be combined with, sent by libspice-server: the pictures are equal.

A scene is one cell of a page; the server sends its commands to a connected client, whose own canvas draws them. The
reference client sees the same pages from a server of the same sort; a scene that differs is a row of the table.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from spicetui.canvas.canvas import Canvas

from . import picture
from .conftest import Row
from .scene_server import bitmaps
from .scene_server.build import build
from .scene_server.qxl import CreateSurface, DestroySurface, Draw, QxlCommand, SurfaceFormat
from .scene_server.server import SceneServer
from .scene_server.viewers import VIEWERS, OurViewer, ReferenceViewer
from .scenes import (
    MARGIN,
    MARK,
    PRIMARY,
    SIZE,
    TARGETS,
    Scene,
    Target,
    alphas,
    composites,
    computed,
    copies,
    fills,
    mark,
    pages,
    rop3,
    strokes,
    surfaces,
    texts,
)

GROUPS: dict[str, tuple[Sequence[Scene], tuple[int, int]]] = {
    "fill, blackness, whiteness, invers": (fills.SCENES, (64, 48)),
    "copy, blend, opaque, transparent, copy bits": (copies.SCENES, (64, 48)),
    "rop3": (rop3.SCENES, rop3.CELL),
    "stroke": (strokes.SCENES, (64, 48)),
    "text": (texts.SCENES, (64, 48)),
    "alpha blend": (alphas.SCENES, (64, 48)),
    "composite": (composites.SCENES, (64, 48)),
    "surfaces": (surfaces.SCENES, (64, 48)),
}
SHOWN = 12
"""Scenes that differ named in a failure; all are in the table."""

KNOWN: dict[str, str] = {}
"""Scenes that may differ from the reference, by their names, and why; a reason that no longer holds fails too."""


def known_reason(scene: str) -> str:
    return next((reason for pattern, reason in KNOWN.items() if re.match(pattern, scene)), "")


@pytest.fixture(scope="session")
def scene_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("scene-server"))


Pictures = dict[str, list[picture.Picture]]


def draw_page(
    server: SceneServer,
    viewer: ReferenceViewer | OurViewer,
    target: Target,
    commands: Sequence[QxlCommand],
    number: int,
) -> picture.Picture:
    """A page as the viewer shows it."""
    end, colour = mark(*SIZE, number)
    server.draw([*target.clear(), *commands, *target.show(), end])
    return viewer.until(*MARK, colour)


def clean_up(server: SceneServer, commands: Sequence[QxlCommand]) -> None:
    """Takes the page's own surfaces away, so that the next page may have their numbers."""
    made = [command.surface for command in commands if isinstance(command, CreateSurface)]
    server.draw([DestroySurface(surface) for surface in made])
    for surface in made:
        server.wait_released(surface)


def draw_pages(
    program: Path, directory: Path, target: Target, kind: type[ReferenceViewer] | type[OurViewer]
) -> Pictures:
    """Each group's pages as a viewer shows them that was there before they were drawn."""
    seen: Pictures = {}
    number = 0
    with SceneServer(program, directory) as server:
        server.primary(*SIZE, target.format if target.primary else SurfaceFormat.XRGB)
        with kind(directory, server.address()) as viewer:
            server.wait_client()
            server.draw(target.begin())
            for name, (scenes, size) in GROUPS.items():
                seen[name] = []
                for page in pages(scenes, target, *size):
                    number += 1
                    commands = page.commands(target)
                    seen[name].append(draw_page(server, viewer, target, commands, number))
                    clean_up(server, commands)
    return seen


@pytest.fixture
def received(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts the drawing commands that this project's canvas gets, by the messages' names."""
    counted: Counter[str] = Counter()
    draw = Canvas.draw

    def counting(canvas: Canvas, message: Any, pixmaps: Any) -> Any:
        counted[type(message).__name__.removeprefix("Draw")] += 1
        return draw(canvas, message, pixmaps)

    monkeypatch.setattr(Canvas, "draw", counting)
    return counted


def sent(target: Target) -> Counter[str]:
    """The scenes' drawing commands by the operations' names."""
    return Counter(
        type(command.op).__name__
        for scenes, size in GROUPS.values()
        for page in pages(scenes, target, *size)
        for command in page.commands(target)
        if isinstance(command, Draw)
    )


@pytest.mark.parametrize("target", TARGETS, ids=[target.name for target in TARGETS])
def test_a_connected_client_draws_what_the_reference_draws(
    target: Target, scene_program: Path, private: Path, row: Row, received: Counter[str]
) -> None:
    reference, ours = (draw_pages(scene_program, private, target, kind) for kind in VIEWERS)
    for name, count in sent(target).items():
        # A few have nothing to draw (an empty clip, a move by nothing), and the server leaves them out.
        assert received[name] > 0.85 * count, (
            f"{count} {name} were sent as {received[name]}: the server drew them itself"
        )
    wrong: list[str] = []
    met: set[str] = set()
    for name, (scenes, size) in GROUPS.items():
        count = known = differing = worst = 0
        for page, truth, shown in zip(pages(scenes, target, *size), reference[name], ours[name], strict=True):
            for scene, area in zip(page.scenes, page.cells, strict=True):
                count += 1
                found = picture.difference(shown[area.slices()], truth[area.slices()])
                if not found:
                    continue
                reason = known_reason(scene.name)
                met.add(reason)
                row("scenes that differ", target=target.name, scene=scene.name, difference=found, reason=reason)
                if reason:
                    known += 1
                else:
                    differing += 1
                    worst = max(worst, picture.levels_apart(shown[area.slices()], truth[area.slices()]))
                    wrong.append(f"{scene.name}: {found}")
        row("scenes", group=name, target=target.name, scenes=count, differing=differing, levels=worst, known=known)
    assert not wrong, f"{len(wrong)} scenes differ on {target.name}: " + "; ".join(wrong[:SHOWN])
    assert set(KNOWN.values()) <= met, f"no longer true: {set(KNOWN.values()) - met}"


def test_what_the_reference_cannot_draw(scene_program: Path, private: Path, row: Row) -> None:
    (page,) = pages(computed.SCENES, PRIMARY, *computed.CELL)
    wrong: list[str] = []
    with SceneServer(scene_program, private) as server:
        server.primary(*SIZE)
        with OurViewer(private, server.address()) as viewer:
            server.wait_client()
            shown = draw_page(server, viewer, PRIMARY, page.commands(PRIMARY), 1)
    for scene, area in zip(page.scenes, page.cells, strict=True):
        assert isinstance(scene, computed.Computed)
        expected = bitmaps.photo(*SIZE, 11)[area.slices()].copy()
        box = expected[MARGIN:-MARGIN, MARGIN:-MARGIN]
        box[:] = scene.expected(box.copy())
        found = picture.difference(shown[area.slices()], expected)
        if found:
            wrong.append(f"{scene.name}: {found}")
            row("scenes that differ", target="computed", scene=scene.name, difference=found)
    row(
        "scenes",
        group="what the reference cannot draw",
        target="computed",
        scenes=len(page.scenes),
        differing=len(wrong),
    )
    assert not wrong, f"{len(wrong)} scenes are not as computed: " + "; ".join(wrong[:SHOWN])
