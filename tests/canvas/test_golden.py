"""Every draw operation against what the reference canvas painted, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from spicetui.geometry import Rect
from spicetui.wire import display as wire
from spicetui.wire.core import read

from .golden import NAMES, Player, digest, scenes


def test_the_scenes_hold_every_draw_operation() -> None:
    numbers = {number for name in NAMES for scene in scenes(name) for number, _, _ in scene}
    kinds = {wire.MESSAGES.from_server[number] for number in numbers}
    drawing = {kind for kind in wire.MESSAGES.server_number if kind.__name__.startswith("Draw")}
    assert kinds == drawing | {wire.CopyBits, wire.SurfaceCreate}


@pytest.mark.parametrize("name", NAMES)
def test_scenes(name: str) -> None:
    for at, scene in enumerate(scenes(name)):
        player = Player()
        for step, (number, body, expected) in enumerate(scene):
            surface = player.play(number, body)
            if surface is not None and digest(surface) != expected:
                message: Any = read(wire.MESSAGES.from_server[number], body)
                pytest.fail(f"scene {at}, step {step}, {surface!r}: {str(message)[:2000]}")


@pytest.mark.parametrize("name", NAMES)
def test_nothing_changes_outside_the_damage(name: str) -> None:
    for scene in list(scenes(name))[::4]:
        player = Player()
        for number, body, _ in scene:
            message: Any = read(wire.MESSAGES.from_server[number], body)
            if isinstance(message, wire.SurfaceCreate):
                player.canvas.surface_create(message)
                continue
            before = {id: surface.copy() for id, surface in player.canvas.surfaces.items()}
            pixmaps = {id(image): player.decoder.decode(image) for image in player.canvas.images(message)}
            surface_id, damage = player.canvas.draw(message, pixmaps)
            for id_, surface in player.canvas.surfaces.items():
                if id_ == surface_id:
                    whole = Rect(0, 0, surface.width, surface.height)
                    for rect in damage:
                        assert whole.contains(rect)
                        surface_part = before[id_].data[rect.slices()]
                        surface_part[...] = surface.data[rect.slices()]
                assert np.array_equal(before[id_].data, surface.data)
