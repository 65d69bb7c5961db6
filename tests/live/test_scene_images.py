"""Images in every compression that libspice-server has: our picture equals the reference's, cell by cell.

With JPEG the two decoders may be one level apart; everything else is exact.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from . import picture
from .conftest import Row
from .library import ImageCount
from .scene_server.server import SceneServer
from .scene_server.viewers import VIEWERS, OurViewer, ReferenceViewer
from .scenes import MARK, PRIMARY, SIZE, Page, images, mark, pages
from .test_scenes import draw_page, scene_program

__all__ = ["scene_program"]

WAYS: dict[str, tuple[dict[str, str], set[str]]] = {
    "off": ({"compression": "off"}, {"BITMAP"}),
    "quic": ({"compression": "quic"}, {"QUIC"}),
    "lz": ({"compression": "lz"}, {"LZ_RGB", "LZ_PLT"}),
    "lz4": ({"compression": "lz4"}, {"LZ4"}),
    "glz": ({"compression": "glz"}, {"GLZ_RGB"}),
    "auto_lz": ({"compression": "auto_lz"}, {"QUIC", "LZ_RGB"}),
    "auto_glz": ({"compression": "auto_glz"}, {"QUIC", "GLZ_RGB"}),
    "glz, zlib": ({"compression": "glz", "zlib_wan": "always"}, {"ZLIB_GLZ_RGB"}),
    "auto_lz, jpeg": ({"compression": "auto_lz", "jpeg_wan": "always"}, {"JPEG"}),
    "auto_glz, jpeg, zlib": (
        {"compression": "auto_glz", "jpeg_wan": "always", "zlib_wan": "always"},
        {"JPEG", "ZLIB_GLZ_RGB"},
    ),
}


def draw(
    program: Path, directory: Path, options: dict[str, Any], kind: type[ReferenceViewer] | type[OurViewer], late: bool
) -> tuple[list[Page], list[picture.Picture], picture.Picture]:
    """The pages, what a viewer shows of them, and the last one as the server itself has it.

    With `late` the viewer comes when the pages are drawn, so that the server sends its own rendering.
    """
    made = pages(images.scenes(), PRIMARY, *images.CELL)
    shown: list[picture.Picture] = []
    with SceneServer(program, directory, **options) as server:
        server.primary(*SIZE)
        if late:
            for number, page in enumerate(made, 1):
                end, colour = mark(*SIZE, number)
                server.draw([*PRIMARY.clear(), *page.commands(PRIMARY), end])
                with kind(directory, server.address()) as viewer:
                    shown.append(viewer.until(*MARK, colour))
                server.wait_no_client()
        else:
            with kind(directory, server.address()) as viewer:
                server.wait_client()
                shown += [
                    draw_page(server, viewer, PRIMARY, page.commands(PRIMARY), number)
                    for number, page in enumerate(made, 1)
                ]
        return made, shown, server.rendered()


@pytest.mark.parametrize("late", [False, True], ids=["connected", "late"])
@pytest.mark.parametrize("way", WAYS)
def test_images_equal_the_references(
    way: str, late: bool, scene_program: Path, private: Path, row: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    options, expected = WAYS[way]
    lossy = "jpeg_wan" in options
    counted = ImageCount(monkeypatch)
    made, reference, rendered = draw(scene_program, private, options, VIEWERS[0], late)
    _, ours, own = draw(scene_program, private, options, VIEWERS[1], late)
    assert not picture.difference(own, rendered), "the two servers themselves differ"
    wrong: list[str] = []
    scenes = worst = 0
    for page, truth, shown in zip(made, reference, ours, strict=True):
        for scene, area in zip(page.scenes, page.cells, strict=True):
            scenes += 1
            found = picture.difference(shown[area.slices()], truth[area.slices()])
            if found:
                levels = picture.levels_apart(shown[area.slices()], truth[area.slices()])
                worst = max(worst, levels)
                if not lossy or levels > 1:
                    wrong.append(f"{scene.name}: {found}")
                    row("images that differ", way=way, late=late, scene=scene.name, difference=found)
    row("images", way=way, late=late, scenes=scenes, differing=len(wrong), levels=worst, types=str(counted))
    assert not wrong, f"{len(wrong)} of {scenes} images differ: " + "; ".join(wrong[:8])
    if not lossy:
        assert not picture.difference(ours[-1], rendered), "not what the server itself has"
    assert late or expected <= set(counted.types), f"{way} sent only {counted}"
    assert late or counted.types["FROM_CACHE"] > 0, f"nothing came from the cache: {counted}"
