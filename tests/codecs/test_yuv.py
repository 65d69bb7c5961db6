"""YUV to BGRX: GStreamer's arithmetic, compiled, interpreted and with numpy; and GStreamer itself where it is here."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from live import needs

from spicetui.codecs import _yuv, yuv

# (Y, U, V) to (B, G, R), from GStreamer 1.22's videoconvert.
GOLDEN_601 = {
    (16, 128, 128): (0, 0, 0),
    (19, 128, 128): (1, 1, 1),
    (128, 128, 128): (128, 128, 128),
    (235, 128, 128): (253, 253, 253),
    (81, 90, 240): (0, 0, 253),
    (145, 54, 34): (0, 250, 0),
    (41, 240, 110): (253, 0, 0),
}


def planes(width: int, height: int, halved: tuple[bool, bool], padding: int = 0) -> tuple[yuv.Samples, ...]:
    rng = np.random.default_rng(width * 1000 + height)
    half_width, half_height = (width + 1) // 2, (height + 1) // 2
    size = (half_height if halved[1] else height, half_width if halved[0] else width)
    found = []
    for rows, columns in ((height, width), size, size):
        whole = rng.integers(0, 256, (rows, columns + padding), np.uint8)
        found.append(whole[:, :columns])
    return tuple(found)


def exact(samples: tuple[yuv.Samples, ...], halved: tuple[bool, bool], by: tuple[int, ...]) -> np.ndarray:
    """Written from the description, pixel by pixel."""

    def spread(sample: int) -> int:
        low = (sample - 128) & 0xFF
        word = low << 8 | low
        return word - 0x10000 if word & 0x8000 else word

    luma, us, vs = samples
    height, width = luma.shape
    out = np.empty((height, width, 4), np.uint8)
    for row in range(height):
        for column in range(width):
            at = row // 2 if halved[1] else row, column // 2 if halved[0] else column
            y, u, v = spread(int(luma[row, column])), spread(int(us[at])), spread(int(vs[at]))
            bright = y * by[0] >> 16
            channels = (
                bright + (u * by[2] >> 16),
                bright + (u * by[3] >> 16) + (v * by[4] >> 16),
                bright + (v * by[1] >> 16),
            )
            out[row, column] = [*(max(-128, min(127, channel)) + 128 for channel in channels), 255]
    return out


@pytest.fixture(scope="module")
def interpreted() -> ModuleType:
    spec = importlib.util.spec_from_file_location("interpreted_yuv", Path(yuv.__file__).with_name("_yuv.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert not module.COMPILED
    return module


WAYS = ["as installed", "interpreted", "numpy"]


@pytest.fixture(params=WAYS)
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, interpreted: ModuleType) -> None:
    if request.param == "interpreted":
        monkeypatch.setattr(interpreted, "COMPILED", True)
        monkeypatch.setattr(yuv, "_yuv", interpreted)
    elif request.param == "numpy":
        monkeypatch.setattr(yuv, "_with_numpy", yuv._with_numpy)
        monkeypatch.setattr(_yuv, "COMPILED", False)


def test_factors_are_those_of_the_matrices() -> None:
    assert yuv.factors(yuv.BT601, False) == (298, 409, 516, -100, -208)
    assert yuv.factors(yuv.BT709, False) == (298, 459, 541, -55, -136)
    assert yuv.factors(yuv.BT601, True) == (256, 359, 454, -88, -183)


@pytest.mark.usefixtures("_way")
def test_golden_colours() -> None:
    triples = np.array(list(GOLDEN_601), np.uint8)
    y, u, v = (np.ascontiguousarray(triples[None, :, n]) for n in range(3))
    assert yuv.to_bgrx((y, u, v), yuv.BT601, False)[0, :, :3].tolist() == [list(bgr) for bgr in GOLDEN_601.values()]


@pytest.mark.usefixtures("_way")
@pytest.mark.parametrize("halved", [(False, False), (True, False), (True, True), (False, True)])
@pytest.mark.parametrize(("width", "height"), [(1, 1), (2, 2), (17, 5), (33, 3), (40, 4)])
def test_every_size_and_sampling(width: int, height: int, halved: tuple[bool, bool]) -> None:
    if (halved[0] and width == 1) or (halved[1] and height == 1):
        halved = (halved[0] and width > 1, halved[1] and height > 1)
    samples = planes(width, height, halved, padding=3)
    by = yuv.factors(yuv.BT709, False)
    y, u, v = samples
    assert (yuv.to_bgrx((y, u, v), yuv.BT709, False) == exact(samples, halved, by)).all()


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("matrix", [yuv.BT601, yuv.BT709, yuv.BT2020])
def test_numpy_gives_the_same_for_all_triples(matrix: yuv.Matrix, full_range: bool) -> None:
    """Luma by columns, chroma by rows: 2^24 of them."""
    y = np.tile(np.arange(256, dtype=np.uint8), (65536, 1))
    chroma = np.arange(65536, dtype=np.uint32)[:, None]
    u = np.broadcast_to((chroma & 255).astype(np.uint8), y.shape).copy()
    v = np.broadcast_to((chroma >> 8).astype(np.uint8), y.shape).copy()
    by = yuv.factors(matrix, full_range)
    for part in range(0, 65536, 8192):
        cut = slice(part, part + 8192)
        found = yuv.to_bgrx((y[cut], u[cut], v[cut]), matrix, full_range)
        assert (found == yuv._with_numpy((y[cut], u[cut], v[cut]), (False, False), by)).all()


def test_chroma_of_another_size_is_refused() -> None:
    y, u, v = planes(16, 16, (True, True))
    with pytest.raises(ValueError, match="chroma"):
        yuv.to_bgrx((y, u[:7], v), yuv.BT601, False)
    with pytest.raises(ValueError, match="chroma"):
        yuv.to_bgrx((y, u, v[:, :3]), yuv.BT601, False)


def test_rows_that_are_not_rows_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    y, u, v = planes(16, 16, (False, False))
    monkeypatch.setattr(_yuv, "COMPILED", True)
    with pytest.raises(ValueError, match="side by side"):
        yuv.to_bgrx((y.T, u, v), yuv.BT601, False)


@pytest.mark.live
@pytest.mark.parametrize("colours", ["bt601", "bt709"])
@pytest.mark.parametrize("layout", ["I420", "Y444"])
def test_gstreamer_gives_the_same(layout: str, colours: str, tmp_path: Path) -> None:
    needs.program("gst-launch-1.0")
    width, height = 64, 48
    halved = (layout == "I420", layout == "I420")
    y, u, v = planes(width, height, halved)
    (tmp_path / "in").write_bytes(b"".join(plane.tobytes() for plane in (y, u, v)))
    size = sum(plane.size for plane in (y, u, v))
    line = (
        f"gst-launch-1.0 -q filesrc location={tmp_path}/in blocksize={size} ! "
        f"video/x-raw,format={layout},width={width},height={height},framerate=1/1,colorimetry={colours} ! "
        f"videoconvert ! video/x-raw,format=BGRx ! filesink location={tmp_path}/out"
    )
    subprocess.run(line.split(), check=True, timeout=60)
    theirs = np.fromfile(tmp_path / "out", np.uint8).reshape(height, width, 4)
    matrix = yuv.BT601 if colours == "bt601" else yuv.BT709
    assert (yuv.to_bgrx((y, u, v), matrix, False) == theirs).all()
