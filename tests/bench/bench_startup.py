"""How long `spicetui screenshot` of a screen at rest takes beside `spicy-screenshot`, in one interleaved run.

    python tests/bench/bench_startup.py [--rounds N]

The ratio is the reference's time by ours. spicy-screenshot writes its file at the first picture; ours waits until the
screen has rested, 250 ms by default, so the row with --settle 0 is the like for like. The rows without a server show
what Python itself and the imports take of it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from live import guest, needs
from live.qemu import Qemu

SPICETUI = [sys.executable, "-m", "spicetui"]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=11)
    rounds = options.parse_args().rounds
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        disk = guest.build("scenes", folder)
        with Qemu(folder, disk=disk) as machine:
            scenes = guest.Scenes(machine)
            scenes.draw(guest.Scenes.SMOOTH)
            port = str(machine.port)
            shot = str(folder / "shot")
            target = f"{machine.host}:{port}"
            spicy = [needs.program("spicy-screenshot"), f"--out-file={shot}.ppm", "-h", machine.host, "-p", port]
            rows = {
                "spicy-screenshot": spicy,
                "spicetui screenshot": [*SPICETUI, "screenshot", target, f"{shot}.png"],
                "  --settle 0": [*SPICETUI, "screenshot", target, f"{shot}.png", "--settle", "0"],
                "  --settle 0, PPM": [*SPICETUI, "screenshot", target, f"{shot}.ppm", "--settle", "0"],
                "spicetui key": [*SPICETUI, "key", target, "a"],
                "spicetui --version": [*SPICETUI, "--version"],
                "python, asyncio and numpy": [sys.executable, "-c", "import asyncio, numpy"],
                "python": [sys.executable, "-c", ""],
            }
            report(rows, measure(rows, rounds))


def measure(rows: dict[str, list[str]], rounds: int) -> dict[str, tuple[list[float], list[float]]]:
    """Seconds on the clock and seconds of processor time."""
    found: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in rows}
    environment = {k: v for k, v in os.environ.items() if k != "SPICETUI_PASSWORD"}
    for round_ in range(rounds + 1):
        for name, words in rows.items():
            clock, before = time.perf_counter(), os.times()
            done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
            seconds, after = time.perf_counter() - clock, os.times()
            if done.returncode:
                raise SystemExit(f"{name.strip()} failed: {done.stderr}")
            if round_:  # the first one warms the caches
                cpu = after.children_user + after.children_system - before.children_user - before.children_system
                found[name][0].append(seconds)
                found[name][1].append(cpu)
    return found


def report(rows: dict[str, list[str]], found: dict[str, tuple[list[float], list[float]]]) -> None:
    middle: Callable[[list[float]], float] = statistics.median
    reference = middle(found["spicy-screenshot"][0])
    print(f"{'':28}{'median ms':>10}{'best ms':>10}{'cpu ms':>10}{'ratio':>8}")
    for name in rows:
        wall, cpu = found[name]
        ratio = f"{reference / middle(wall):.2f}" if "python" not in name and "--version" not in name else ""
        print(f"{name:28}{middle(wall) * 1e3:10.0f}{min(wall) * 1e3:10.0f}{middle(cpu) * 1e3:10.0f}{ratio:>8}")


if __name__ == "__main__":
    main()
