"""The terminal's decoders against encoders that this project did not write: the picture comes out as it went in."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from live import needs
from PIL import Image

from .link import Link
from .personality import ITERM2, KITTY, KITTY_026, XTERM, XTERM_SIXEL, Personality
from .programs import finished
from .sixel import decode

WIDTH, HEIGHT = 160, 96  # 20 by 6 cells
Picture = npt.NDArray[np.uint8]


def gradient() -> Picture:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    return np.stack((x * 255 // (WIDTH - 1), y * 255 // (HEIGHT - 1), (x // 8 % 2 ^ y // 8 % 2) * 200), 2).astype(
        np.uint8
    )


def flags() -> Picture:
    """40 colours that percentages can express, with edges that are on no cell's border."""
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for row in range(5):
        for column in range(8):
            color = [round(part * 255 / 100) for part in (column * 14, row * 25, (row * 8 + column) * 2)]
            picture[3 + row * 19 : 22 + row * 19, column * 20 : column * 20 + 20] = color
    return picture


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    Image.fromarray(gradient()).save(tmp_path / "picture.png")
    return tmp_path / "picture.png"


def error(shown: Picture, wanted: Picture) -> float:
    return float(np.abs(shown.astype(int) - wanted).mean())


@pytest.mark.parametrize(
    ("mode", "personality"), [("file", KITTY_026), ("stream", KITTY_026), ("stream", KITTY)], ids=str
)
async def test_kitty_icat(mode: str, personality: Personality, picture: Path) -> None:
    options = ("+kitten", "icat", "--transfer-mode", mode, "--align", "left", str(picture))
    async with finished(personality, "kitty", *options) as terminal:
        assert np.array_equal(terminal.pixels()[:HEIGHT, :WIDTH], gradient())
        assert not terminal.pixels()[:, WIDTH:].any()
        assert terminal.errors == []


async def test_kitty_icat_asks_whether_there_are_graphics(picture: Path) -> None:
    link = Link(delay=0.05)  # an answer that comes at once is lost: icat asks before it stops the echo
    options = ("+kitten", "icat", "--align", "left", str(picture))
    async with finished(KITTY_026, "kitty", *options, link=link) as terminal:
        assert b"a=q" in terminal.received
        assert np.array_equal(terminal.pixels()[:HEIGHT, :WIDTH], gradient())


@pytest.mark.parametrize("place", ["20x6@3x2", "10x6@7x1", "40x10@0x4"])
async def test_kitty_icat_scales_and_places(place: str, picture: Path) -> None:
    options = ("+kitten", "icat", "--transfer-mode", "stream", "--scale-up", "--place", place, str(picture))
    async with finished(KITTY_026, "kitty", *options) as terminal:
        size, _, corner = place.partition("@")
        columns, rows = map(int, size.split("x"))
        left, top = map(int, corner.split("x"))
        shown = terminal.pixels()
        inside = shown[top * 16 : (top + rows) * 16, left * 8 : (left + columns) * 8]
        ys, xs = np.nonzero(inside.any(axis=2))
        width, height = int(xs.max() - xs.min()) + 1, int(ys.max() - ys.min()) + 1
        scale = min(columns * 8 / WIDTH, rows * 16 / HEIGHT)
        assert abs(width - WIDTH * scale) <= 8
        assert abs(height - HEIGHT * scale) <= 16
        box = inside[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]
        small = Image.fromarray(gradient()).resize((width, height), Image.Resampling.BILINEAR)
        assert error(box, np.asarray(small)) < 8
        inside[:] = 0
        assert not shown.any()


@pytest.mark.parametrize(("option", "personality"), [("-pk", KITTY), ("-pi", ITERM2)], ids=str)
async def test_timg(option: str, personality: Personality, picture: Path) -> None:
    async with finished(personality, "timg", option, "-g40x20", str(picture)) as terminal:
        assert np.array_equal(terminal.pixels()[:HEIGHT, :WIDTH], gradient())
        assert terminal.errors == []


@pytest.mark.parametrize(("form", "personality"), [("kitty", KITTY), ("iterm", ITERM2)], ids=str)
async def test_chafa(form: str, personality: Personality, picture: Path) -> None:
    async with finished(personality, "chafa", "-f", form, "-s", "20x6", str(picture)) as terminal:
        difference = np.abs(terminal.pixels()[:HEIGHT, :WIDTH].astype(int) - gradient())
        assert difference.max() <= 16  # chafa 1.12 makes some pixels a little transparent
        assert difference.mean() < 0.1


async def test_chafa_sixels(picture: Path) -> None:
    async with finished(XTERM_SIXEL, "chafa", "-f", "sixels", "-s", "20x6", str(picture)) as terminal:
        assert terminal.sixels == 1
        assert terminal.errors == []
        assert error(terminal.pixels()[:HEIGHT, :WIDTH], gradient()) < 8  # 256 colours, dithered


async def test_img2sixel_in_the_terminal(tmp_path: Path) -> None:
    Image.fromarray(flags()).save(tmp_path / "flags.png")
    async with finished(XTERM_SIXEL, "img2sixel", str(tmp_path / "flags.png")) as terminal:
        shown = terminal.pixels()[:HEIGHT, :WIDTH]
        assert np.abs(shown.astype(int) - flags()).max() <= 8  # its palette has 5 bits a colour
        assert not terminal.pixels()[HEIGHT:].any()


@pytest.mark.parametrize("options", [[], ["-p", "16"], ["-p", "2"], ["-I"], ["-d", "none"], ["-C", "6"]], ids=str)
def test_sixels_as_sixel2png_reads_them(options: list[str], picture: Path, tmp_path: Path) -> None:
    if "-C" in options:
        options = [*options, "-w", "77", "-h", "41"]
    data = subprocess.run([needs.program("img2sixel"), *options, str(picture)], capture_output=True, check=True).stdout
    (tmp_path / "in.six").write_bytes(data)
    command = [needs.program("sixel2png"), "-i", str(tmp_path / "in.six"), "-o", str(tmp_path / "out.png")]
    subprocess.run(command, check=True)
    body = data[data.index(b"\x1bP") + 2 : data.rindex(b"\x1b\\")]
    parameters, _, sixels = body.partition(b"q")
    decoded = decode(parameters.decode(), sixels)
    assert decoded.problems == ()
    with Image.open(tmp_path / "out.png") as image:
        wanted = np.asarray(image.convert("RGB")).astype(int)
    assert decoded.pixels.shape[:2] == wanted.shape[:2]
    assert np.abs(decoded.pixels[..., :3] - wanted).max() <= 1  # percent to bytes is rounded either way


def _reduced(rows: int, columns: int) -> Picture:
    size = (columns, rows)
    return np.asarray(Image.fromarray(gradient()).resize(size, Image.Resampling.BOX))


@pytest.mark.parametrize("option", ["-ph", "-pq"])
async def test_timg_blocks(option: str, picture: Path) -> None:
    async with finished(XTERM, "timg", option, "-g20x6", str(picture)) as terminal:
        shown = terminal.pixels()
        rows, columns = (int(axis.max()) + 1 for axis in np.nonzero(shown.any(axis=2)))
        size = (-(-columns // 8) * 8, -(-rows // 16) * 16)
        wanted = np.asarray(Image.fromarray(gradient()).resize(size, Image.Resampling.BOX))
        assert error(shown[: size[1], : size[0]], wanted) < 20


@pytest.mark.parametrize("symbols", ["vhalf", "quad", "sextant"])
async def test_chafa_symbols(symbols: str, tmp_path: Path) -> None:
    """One dark and one bright part a cell, cut where the symbols can cut: shown to the pixel."""
    across, down = {"vhalf": (1, 2), "quad": (2, 2), "sextant": (2, 3)}[symbols]
    random = np.random.default_rng(across * down)
    parts = random.integers(0, 2, (6 * down, 20 * across)).astype(bool)
    colors = np.where(parts[..., None], (250, 220, 30), (10, 20, 90)).astype(np.uint8)
    ys = np.concatenate([[cell * 16 + round(16 * part / down) for part in range(down)] for cell in range(6)] + [[96]])
    source = np.repeat(np.repeat(colors, np.diff(ys), 0), 8 // across, 1)
    Image.fromarray(source).save(tmp_path / "parts.png")
    options = ("-f", "symbols", "--symbols", f"space+solid+half+{symbols}", "-c", "full", "-w", "9", "-s", "20x6")
    async with finished(XTERM, "chafa", *options, str(tmp_path / "parts.png")) as terminal:
        shown = terminal.pixels()[:HEIGHT, :WIDTH]
        assert error(shown, source) < (12 if symbols == "sextant" else 1)  # chafa cuts thirds of 8 rows, not of 16
