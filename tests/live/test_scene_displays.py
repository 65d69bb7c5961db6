"""Several displays, changing primary surfaces, and surfaces that were there before the client."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from spicetui import ChannelKey, ChannelType, Rect

from . import picture
from .conftest import Row
from .scene_server import bitmaps
from .scene_server.bitmaps import Format
from .scene_server.qxl import (
    AlphaBlend,
    Composite,
    Copy,
    CreateSurface,
    Draw,
    Fill,
    Head,
    Image,
    Invers,
    QxlCommand,
    Ropd,
    Solid,
    SurfaceFormat,
    SurfaceImage,
)
from .scene_server.server import SceneServer
from .scene_server.viewers import VIEWERS, OurViewer, ReferenceViewer
from .scenes import MARK, PRIMARY, SIZE, in_format, mark
from .test_scenes import scene_program

__all__ = ["scene_program"]

Kind = type[ReferenceViewer] | type[OurViewer]


# --- two devices


def noises(seed: int) -> Iterator[QxlCommand]:
    """Pictures that nothing compresses but the memory of the same pictures."""
    for number in range(12):
        bits = bitmaps.true_colour(bitmaps.noise(150, 120, seed + number % 6))
        place = Rect(160 * (number % 6), 130 * (number // 6), 150, 120)
        yield Draw(Copy(Image(bits), Rect(0, 0, 150, 120)), place)


def on_two_devices(program: Path, directory: Path, kind: Kind, zlib: str) -> tuple[list[picture.Picture], list[int]]:
    """After each round the picture of the first and the second display; and what each channel had received."""
    seen: list[picture.Picture] = []
    taken: list[int] = []
    with SceneServer(program, directory, compression="glz", zlib_wan=zlib, devices=2) as server:
        for device in (0, 1):
            server.primary(*SIZE, device=device)
        with kind(directory, server.address()) as viewer:
            for device in (0, 1):
                server.wait_client(device)
            # Once after each other, so that the second finds everything in the first's images; then at once.
            for number in (1, 2, 3):
                end, colour = mark(*SIZE, number)
                seed = 50 if number == 1 else 10 * number
                for device in (0, 1):
                    server.draw([*noises(seed), end], device)
                    if number == 1:
                        viewer.until(*MARK, colour, device)
                seen += [viewer.until(*MARK, colour, device) for device in (0, 1)]
                if number == 1 and isinstance(viewer, OurViewer):
                    channels = viewer.client.channels
                    taken = [channels[ChannelKey(ChannelType.DISPLAY, device)].bytes_in for device in (0, 1)]
        for device, last in enumerate(seen[-2:]):
            assert not picture.difference(last, server.rendered(device)), f"display {device} is not what the server has"
    return seen, taken


@pytest.mark.parametrize("zlib", ["never", "always"])
def test_glz_images_refer_to_those_of_the_other_display(
    zlib: str, scene_program: Path, private: Path, row: Row
) -> None:
    truth, _ = on_two_devices(scene_program, private, ReferenceViewer, zlib)
    shown, taken = on_two_devices(scene_program, private, OurViewer, zlib)
    for ours, theirs in zip(shown, truth, strict=True):
        assert not picture.difference(ours, theirs)
    row("displays", what=f"GLZ on two displays, zlib {zlib}", first_bytes=taken[0], second_bytes=taken[1])
    assert taken[1] < taken[0] / 4, "the second display's images did not refer to the first's"


# --- primaries

PRIMARIES: Sequence[tuple[int, int, SurfaceFormat, bool]] = (
    (640, 480, SurfaceFormat.XRGB, True),
    (800, 600, SurfaceFormat.XRGB, False),
    (333, 77, SurfaceFormat.RGB555, True),
    (1023, 13, SurfaceFormat.RGB555, False),
    (64, 1000, SurfaceFormat.ARGB, True),
    (1, 1, SurfaceFormat.XRGB, True),
    (1920, 1080, SurfaceFormat.XRGB, True),
)


def on_primaries(program: Path, directory: Path, kind: Kind) -> list[picture.Picture]:
    seen = []
    with SceneServer(program, directory, compression="auto_glz") as server:
        server.primary(320, 200)
        with kind(directory, server.address()) as viewer:
            server.wait_client()
            for number, (width, height, format, upright) in enumerate(PRIMARIES):
                server.primary(width, height, format, upright=upright)
                whole = Rect(0, 0, width, height)
                end, colour = mark(width, height, number)
                photo = Image(bitmaps.true_colour(bitmaps.photo(width, height, number)))
                server.draw([Draw(Copy(photo, whole), whole), Draw(Invers(), Rect(0, 0, (width + 1) // 2, 1)), end])
                seen.append(viewer.until(width - 1, height - 1, colour))
                assert not picture.difference(seen[-1], server.rendered()), f"{width}x{height} {format.name}"
    return seen


def test_primary_surfaces_come_and_go(scene_program: Path, private: Path) -> None:
    truth, shown = (on_primaries(scene_program, private, kind) for kind in VIEWERS)
    for ours, theirs, (width, height, format, upright) in zip(shown, truth, PRIMARIES, strict=True):
        assert not picture.difference(ours, theirs), f"{width}x{height} {format.name} upright {upright}"


# --- surfaces

SURFACES = (SurfaceFormat.XRGB, SurfaceFormat.ARGB, SurfaceFormat.RGB555, SurfaceFormat.A8)


def surfaces() -> Iterator[QxlCommand]:
    """One of each format with something on it."""
    whole = Rect(0, 0, 200, 150)
    for number, format in enumerate(SURFACES, 1):
        yield CreateSurface(number, format, 200, 150)
        picture_format = {SurfaceFormat.A8: Format.A8, SurfaceFormat.RGB555: Format.RGB16}.get(format, Format.RGBA)
        yield Draw(Copy(Image(in_format(picture_format, 200, 150, number)), whole), whole, surface=number)
        yield Draw(Fill(Solid(0x40FF80), Ropd.XOR), Rect(20, 30, 90, 60), surface=number)


def uses() -> Iterator[QxlCommand]:
    whole = Rect(0, 0, 200, 150)
    photo = Image(in_format(Format.RGB32, 200, 150, 9))
    for number, format in enumerate(SURFACES, 1):
        source = SurfaceImage(number, 200, 150)
        x = 210 * (number - 1)
        yield Draw(Composite(1, source), Rect(x, 0, 200, 150))
        yield Draw(Composite(3, photo, mask=source), Rect(x, 160, 200, 150))
        if format in (SurfaceFormat.XRGB, SurfaceFormat.ARGB):
            yield Draw(AlphaBlend(source, whole, 200, surface_has_alpha=True), Rect(x, 320, 200, 150))
            yield Draw(Copy(source, Rect(10, 10, 100, 50)), Rect(x, 480, 190, 140))
        yield Draw(Fill(Solid(0x103070), Ropd.XOR), Rect(50, 40, 90, 60), surface=number)
        yield Draw(Composite(3, source), Rect(x, 600, 200, 150))


def with_surfaces_before(
    program: Path, directory: Path, kind: Kind, compression: str
) -> tuple[picture.Picture, picture.Picture]:
    with SceneServer(program, directory, compression=compression) as server:
        server.primary(*SIZE)
        server.draw([*PRIMARY.clear(), *surfaces()])
        with kind(directory, server.address()) as viewer:
            server.wait_client()
            end, colour = mark(*SIZE, 1)
            server.draw([*uses(), end])
            return viewer.until(*MARK, colour), server.rendered()


@pytest.mark.parametrize("compression", ["off", "auto_glz", "lz4"])
def test_surfaces_from_before_the_connection(compression: str, scene_program: Path, private: Path) -> None:
    shown, rendered = with_surfaces_before(scene_program, private, OurViewer, compression)
    assert not picture.difference(shown, rendered)
    if compression != "lz4":  # the reference does not know pictures of alpha in LZ4 and aborts
        truth, _ = with_surfaces_before(scene_program, private, ReferenceViewer, compression)
        assert not picture.difference(shown, truth)


def test_heads_of_one_surface_and_a_second_device(scene_program: Path, private: Path) -> None:
    heads = [Head(0, 0, 0, 500, 400), Head(1, 500, 0, 524, 400), Head(2, 0, 400, 1024, 368)]
    small = (300, 200)
    with SceneServer(scene_program, private, devices=2) as server:
        server.primary(*SIZE)
        server.primary(*small, device=1)
        server.monitors(heads)
        with OurViewer(private, server.address()) as viewer:
            wholes = []
            for device, (width, height) in enumerate((SIZE, small)):
                server.wait_client(device)
                whole = Rect(0, 0, width, height)
                end, colour = mark(width, height, 1)
                photo = Image(bitmaps.true_colour(bitmaps.photo(width, height, device)))
                server.draw([Draw(Copy(photo, whole), whole), end], device)
                wholes.append(viewer.until(width - 1, height - 1, colour, device))
            areas = [Rect(head.x, head.y, head.width, head.height) for head in heads]
            truth = [wholes[0][area.slices()] for area in areas] + [wholes[1]]
            assert [(head.display, head.area) for head in viewer.client.heads] == [
                *((0, area) for area in areas),
                (1, Rect(0, 0, *small)),
            ]
            for number, expected in enumerate(truth):
                shown = viewer.client.screenshot(number).pixels[:, :, 2::-1]
                assert not picture.difference(shown, expected), f"monitor {number}"
            server.monitors(heads[:1])
            end, colour = mark(*SIZE, 2)
            server.draw([end])
            viewer.until(*MARK, colour)
            assert [head.area for head in viewer.client.heads] == [areas[0], Rect(0, 0, *small)]
