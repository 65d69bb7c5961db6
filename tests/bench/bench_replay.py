"""How fast a recorded desktop session is shown, end to end, beside the reference client; and what memory it takes.

    python tests/bench/bench_replay.py [--rounds N] [--quick]

Xspice is recorded while X clients print, scroll, draw and move windows; then a server says the same bytes to our
client and to the reference client, in turn, as fast as they take them. The time runs from the first byte until the
client answers a ping behind the last one. Both show the same picture at the end, or the row says so. Ratios are the
reference's figure by ours: above 1 we are faster, or need less.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from live import needs, xscenes
from live.xspice import Xspice
from replay import Recorded, ReplayServer, record

from spicetui.wire.enums import ImageCompression

HERE = Path(__file__).parent
WAYS = ("auto_glz", "auto_lz", "quic", "lz4", "off")
SCROLLS = "for i in $(seq 1500); do printf 'line %d of a long listing, %*d\\n' $i $((i % 60 + 1)) $i; done"
DEADLINE = 120.0
CLIENTS = (
    [sys.executable, str(HERE / "replay_client.py")],
    [needs.reference_python(), "-I", str(HERE / "replay_reference.py")],
)


class Run(NamedTuple):
    seconds: float
    cpu: float
    peak: int  #: resident bytes at most
    grown: int  #: of them since the client waited for the first byte
    told: dict[str, Any]


def play(desktop: xscenes.Desktop) -> None:
    """Somebody at work: everything the scenes have, and long listings in two terminals."""
    for draw in xscenes.SCENES.values():
        draw(desktop)
    for place, font in (("90x40+20+20", xscenes.CORE_FONT), ("80x30+300+200", xscenes.SCALED_FONT)):
        window = desktop.terminal(SCROLLS, place, *font)
        desktop.move(window, *((20 + 30 * i, 20 + 17 * i) for i in range(12)))


def recorded(compression: str) -> Recorded:
    with tempfile.TemporaryDirectory(prefix="bench-") as name, ExitStack() as stack:
        server = stack.enter_context(
            Xspice(Path(name), compression="auto_glz" if compression == "lz4" else compression)
        )
        desktop = stack.enter_context(xscenes.desktop(server))
        assert server.port is not None
        way = ImageCompression[compression.upper()]
        return asyncio.run(record(f"Xspice {compression}", server.port, way, lambda: play(desktop)))


async def run(words: list[str], one: Recorded) -> Run:
    """A client from its start to its end."""
    server = ReplayServer(one)
    await server.start()
    process = subprocess.Popen(
        [*words, "127.0.0.1", str(server.port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        async with asyncio.timeout(DEADLINE):
            await server.ready.wait()
            before, held = processor(process.pid), memory(process.pid, "VmRSS")
            server.go.set()
            seconds = await server.went
            cpu, peak = processor(process.pid) - before, memory(process.pid, "VmHWM")
        process.stdin.write("\n")
        process.stdin.flush()
        told = json.loads(await asyncio.to_thread(process.stdout.readline))
    finally:
        process.stdin.close()
        await asyncio.to_thread(process.wait)
        await server.close()
    return Run(seconds, cpu, peak, peak - held, told)


def processor(pid: int) -> float:
    """Seconds of processor time of all threads of a process so far; one that has ended counts no longer."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(path.read_text().split()[0]) for path in threads) / 1e9


def memory(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) << 10
    raise SystemExit(f"no {name}")


def mb(size: float) -> str:
    return f"{size / 1e6:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one compression only")
    options = parser.parse_args()
    columns = ("messages", "MB", "msg/s", "reference", "ratio", "CPU s", "reference", "ratio", "updates", "picture")
    print(f"{'session':<18}" + "".join(f"{column:>10}" for column in columns))
    memories = []
    for way in WAYS[: 1 if options.quick else None]:
        one = recorded(way)
        rounds = [[asyncio.run(run(words, one)) for words in CLIENTS] for _ in range(options.rounds)]
        ours, theirs = ([each[which] for each in rounds] for which in (0, 1))
        seconds, other = (statistics.median(each.seconds for each in runs) for runs in (ours, theirs))
        cpu, other_cpu = (statistics.median(each.cpu for each in runs) for runs in (ours, theirs))
        same = {each.told["sha256"] for each in ours + theirs}
        cells = (
            one.messages, mb(len(one.data)),
            f"{one.messages / seconds:.0f}", f"{one.messages / other:.0f}", f"{other / seconds:.2f}",
            f"{cpu:.2f}", f"{other_cpu:.2f}", f"{other_cpu / cpu:.2f}",
            ours[0].told["updates"], "same" if len(same) == 1 else "DIFFERENT",
        )  # fmt: skip
        print(f"{one.name:<18}" + "".join(f"{cell:>10}" for cell in cells), flush=True)
        if ours[0].told["unsupported"]:
            print(f"{'':18}not supported: {ours[0].told['unsupported']}")
        memories.append((one, ours[0], theirs[0]))
    parts_of = ("peak MB", "reference", "ratio", "grown MB", "reference", "surfaces", "pixmaps", "GLZ")
    print(f"\n{'memory':<18}" + "".join(f"{column:>14}" for column in parts_of))
    for one, mine, reference in memories:
        parts = (mine.told[part] for part in ("surfaces", "pixmaps", "glz"))
        figures = [mb(mine.peak), mb(reference.peak), f"{reference.peak / mine.peak:.2f}"]
        figures += [mb(mine.grown), mb(reference.grown), *(f"{count}: {mb(size)} MB" for count, size in parts)]
        print(f"{one.name:<18}" + "".join(f"{figure:>14}" for figure in figures))
    kinds = memories[0][0].kinds
    print("\nmessages of the first: " + ", ".join(f"{count} {kind}" for kind, count in kinds.most_common()))


if __name__ == "__main__":
    main()
