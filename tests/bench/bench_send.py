"""A file to Debian's guest agent, beside the reference client, in turns.

    python tests/bench/bench_send.py [--rounds N] [--mib N] [--profile]

Server and agent are Xspice, spice-vdagentd and spice-vdagent. *seconds*: the median; *cpu*: processor time of the
client, of the server, and of the agent's two programs. *ratio*: the reference's seconds by ours; above 1 we are faster.
*--profile* prints where our client's time goes instead, by Python's own profiler, which slows it down.
"""

# ruff: noqa: E402

from __future__ import annotations

import argparse
import asyncio
import cProfile
import os
import pstats
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent.parent.parent)]

from live import library
from live.reference import Reference
from live.vdagent import VdAgent
from live.xspice import Xspice

Figures = dict[str, list[tuple[float, ...]]]


def spent(*pids: int) -> float:
    """Seconds of processes' processor time."""
    total = 0
    for pid in pids:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(words[11]) + int(words[12])
    return total / os.sysconf("SC_CLK_TCK")


class Bench:
    def __init__(self, server: Xspice, guest: VdAgent, path: Path) -> None:
        self.server = server
        self.guest = guest
        self.path = path
        self.figures: Figures = defaultdict(list)

    def _cpu(self, client: int) -> tuple[float, float, float]:
        agent = (self.guest.daemon.pid, self.guest.session.pid)
        return spent(client), spent(self.server.process.pid), spent(*agent)

    def _done(self, name: str, began: float, before: tuple[float, float, float], client: int) -> None:
        seconds = time.perf_counter() - began
        after = self._cpu(client)
        assert (self.guest.folder / self.path.name).stat().st_size == self.path.stat().st_size
        (self.guest.folder / self.path.name).unlink()
        self.figures[name].append((seconds, *(b - a for a, b in zip(before, after, strict=True))))

    async def ours(self, profiler: cProfile.Profile | None = None) -> None:
        async with await library.connect(self.server.address()) as client:
            await client.main.wait_agent(60)
            assert client.file_transfer is not None
            before, began = self._cpu(os.getpid()), time.perf_counter()
            if profiler is not None:
                profiler.enable()
            await client.file_transfer.send_file(self.path).wait()
            if profiler is not None:
                profiler.disable()
            self._done("spicetui", began, before, os.getpid())

    def theirs(self) -> None:
        with Reference(self.server.directory, self.server.address()) as peer:
            peer.ask("agent")
            peer.patience = 300.0
            pid = peer.process.pid
            before, began = self._cpu(pid), time.perf_counter()
            peer.ask("send_file", path=str(self.path))
            self._done("spice-gtk", began, before, pid)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mib", type=int, default=100)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        path = folder / "file"
        with path.open("wb") as file:
            for _ in range(options.mib):
                file.write(os.urandom(1 << 20))
        with Xspice(folder, agent=True) as server, VdAgent(server) as guest:
            bench = Bench(server, guest, path)
            if options.profile:
                profiler = cProfile.Profile(time.process_time)
                await bench.ours(profiler)
                pstats.Stats(profiler).sort_stats("tottime").print_stats(30)
                return
            for _ in range(options.rounds):
                await bench.ours()
                await asyncio.to_thread(bench.theirs)
    print("client      seconds  MiB/s client cpu server cpu agent cpu ratio")
    reference = statistics.median(row[0] for row in bench.figures["spice-gtk"])
    for client, rows in bench.figures.items():
        seconds, *cpu = (statistics.median(column) for column in zip(*rows, strict=True))
        print(
            f"{client:<10} {seconds:>8.2f} {options.mib / seconds:>6.1f} {cpu[0]:>10.2f} {cpu[1]:>10.2f} {cpu[2]:>9.2f}"
            f" {reference / seconds:>5.2f}"
        )


if __name__ == "__main__":
    asyncio.run(main())
