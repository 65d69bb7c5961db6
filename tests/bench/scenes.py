"""Pictures for benchmarks and fixtures, drawn the same on every run: BGRX arrays of shape (height, width, 4)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

Pixels = npt.NDArray[np.uint8]

WORDS = ["the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "while", "channels", "carry", "damage"]


def desktop(width: int, height: int, seed: int = 0) -> Pixels:
    """Wallpaper with a gradient, windows with title bars, lines of text, buttons."""
    rng = np.random.default_rng(seed)
    picture = Image.new("RGB", (width, height))
    rows = np.linspace(40, 120, height).astype(np.uint8)
    blue = np.repeat(rows[:, None], width, 1)
    picture = Image.fromarray(np.dstack([blue // 3, blue // 2, blue]))
    draw = ImageDraw.Draw(picture)
    for _ in range(max(1, width * height // 200_000)):
        w, h = (int(rng.integers(size // 4 + 1, size // 2 + 2)) for size in (width, height))
        x, y = int(rng.integers(0, width - w + 1)), int(rng.integers(0, height - h + 1))
        paper, ink = ((252, 252, 250), (20, 20, 24)) if rng.random() < 0.7 else ((30, 32, 36), (200, 210, 200))
        draw.rectangle((x, y, x + w, y + h), fill=paper, outline=(90, 90, 90))
        draw.rectangle((x, y, x + w, y + 18), fill=(70, 110, 170))
        draw.text((x + 6, y + 3), " ".join(rng.choice(WORDS, 3)), fill=(255, 255, 255))
        for line in range(y + 24, y + h - 14, 14):
            text = " ".join(rng.choice(WORDS, int(rng.integers(1, max(2, w // 40)))))
            draw.text((x + 8, line), text[: (w - 16) // 6], fill=ink)
        draw.rounded_rectangle(
            (x + w - 60, y + h - 26, x + w - 8, y + h - 6), 5, fill=(225, 225, 225), outline=(120,) * 3
        )
    return from_rgb(np.asarray(picture))


def photo(width: int, height: int, seed: int = 1) -> Pixels:
    """Smooth shapes at several scales with the noise of a camera."""
    rng = np.random.default_rng(seed)
    out = np.zeros((height, width, 3), np.float32)
    for cells, weight in ((3, 90.0), (9, 50.0), (40, 25.0)):
        coarse = rng.random((cells, cells, 3), dtype=np.float32)
        layers = [
            np.asarray(Image.fromarray(coarse[:, :, plane]).resize((width, height), Image.Resampling.BICUBIC))
            for plane in range(3)
        ]
        out += np.dstack(layers) * weight
    out += rng.normal(40, 3, out.shape).astype(np.float32)
    return from_rgb(np.clip(out, 0, 255).astype(np.uint8))


def noise(width: int, height: int, seed: int = 2) -> Pixels:
    return from_rgb(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def solid(width: int, height: int, seed: int = 3) -> Pixels:
    colour = np.random.default_rng(seed).integers(0, 256, 3, dtype=np.uint8)
    return from_rgb(np.broadcast_to(colour, (height, width, 3)))


def gradient(width: int, height: int, seed: int = 4) -> Pixels:
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    return from_rgb(np.dstack([x * 3 + y, x + y * 2, (x ^ y) + seed]).astype(np.uint8))


def with_alpha(pixels: Pixels) -> Pixels:
    """A window's shadow: opaque inside, fading out to the border."""
    height, width = pixels.shape[:2]
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    border = np.minimum(np.minimum(x, width - 1 - x), np.minimum(y, height - 1 - y))
    out = pixels.copy()
    out[:, :, 3] = np.minimum(border * 24, 255)
    return out


def from_rgb(rgb: Pixels) -> Pixels:
    out = np.zeros((*rgb.shape[:2], 4), np.uint8)
    out[:, :, :3] = rgb[:, :, ::-1]
    return out


def packed(pixels: Pixels, kind: str) -> tuple[bytes, int]:
    """The bytes that an encoder takes for `kind` (a name of the LZ types or GRAY), and the stride."""
    width = pixels.shape[1]
    if kind in ("RGB32", "RGBA", "XXXA"):
        return pixels.tobytes(), width * 4
    if kind == "RGB24":
        return pixels[:, :, :3].tobytes(), width * 3
    if kind == "RGB16":
        five = pixels.astype(np.uint16) >> 3
        return (five[:, :, 0] | five[:, :, 1] << 5 | five[:, :, 2] << 10).astype("<u2").tobytes(), width * 2
    if kind in ("GRAY", "A8", "PLT8"):
        return pixels[:, :, 1].tobytes(), width
    if kind in ("PLT4_LE", "PLT4_BE"):
        nibbles = pixels[:, :, 1] >> 4
        if width % 2:
            nibbles = np.pad(nibbles, ((0, 0), (0, 1)))
        first, second = nibbles[:, ::2], nibbles[:, 1::2]
        rows = (first | second << 4 if kind == "PLT4_LE" else first << 4 | second).astype(np.uint8)
    else:
        bits = pixels[:, :, 1] > 128
        little = kind == "PLT1_LE"
        rows = np.packbits(bits, axis=1, bitorder="little") if little else np.packbits(bits, axis=1)
    return rows.tobytes(), rows.shape[1]
