"""Pictures for the judges: RGB arrays from PPM and PNG files, and what differs between two."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Picture = NDArray[np.uint8]
"""uint8 (H, W, 3), red first."""


def load(path: Path) -> Picture:
    with Image.open(path) as image:
        assert image.mode == "RGB", f"{path.name} is {image.mode}, not plain RGB"
        return np.asarray(image, dtype=np.uint8)


def difference(ours: Picture, truth: Picture) -> str:
    """Empty when both are the same; otherwise where and how much."""
    if ours.shape != truth.shape:
        return f"size {ours.shape[1]}x{ours.shape[0]} instead of {truth.shape[1]}x{truth.shape[0]}"
    wrong = (ours != truth).any(axis=2)
    if not wrong.any():
        return ""
    rows, columns = np.nonzero(wrong)
    most = int(np.abs(ours.astype(int) - truth.astype(int)).max())
    y, x = int(rows[0]), int(columns[0])
    return (
        f"{wrong.sum()} of {wrong.size} pixels differ by up to {most} levels, in x {columns.min()}..{columns.max()}, "
        f"y {rows.min()}..{rows.max()}; first at {x},{y}: {tuple(ours[y, x])} instead of {tuple(truth[y, x])}"
    )


def levels_apart(ours: Picture, truth: Picture) -> int:
    """The largest difference of any sample; the sizes have to be equal."""
    assert ours.shape == truth.shape, difference(ours, truth)
    return int(np.abs(ours.astype(int) - truth.astype(int)).max())
