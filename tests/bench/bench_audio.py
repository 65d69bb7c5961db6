"""Sound on a sound server: gaps, delay, and what it costs, beside the sound server's own player.

    python tests/bench/bench_audio.py [--seconds S] [--latency MS]

libspice-server plays a sound whose frames are all different; the monitor of a PulseAudio sink that nobody hears says
what came out and when. "delay" is from the moment when the server plays a frame to the moment when the sink does;
"told" is the delay that video is shown by. "busy": a thread of pure Python works beside the sound, in the same process.
"app": the app itself in a terminal (tmux), while it shows a video that fills the machine's screen.
"pacat alone" is fed in time without any SPICE, with the same latency asked for; the ratio is its delay by ours. The
first two seconds are left out: a sink takes its time to start.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from live import needs, tones
from live.pulse import RATE, Monitor, Pulse
from live.scene_server import bitmaps
from live.scene_server.build import build
from live.scene_server.qxl import Copy, Draw, Effect, Image
from live.scene_server.server import SceneServer

from spicetui.devices.audio import LATENCY_MS
from spicetui.geometry import Rect
from spicetui.wire.enums import ChannelType

HERE = Path(__file__).parent
SETTLED = 2.0
COLUMNS = ("frames", "missing", "gaps", "gap ms", "delay ms", "p95", "told", "CPU %", "ratio")
CLIENTS = (
    ("pacat alone", None, False),
    ("miniaudio", "miniaudio", False),
    ("pacat", "pacat", False),
    ("aplay", "aplay", False),
    ("miniaudio, busy", "miniaudio", True),
    ("pacat, busy", "pacat", True),
    ("app, miniaudio", "miniaudio", None),
    ("app, pacat", "pacat", None),
)
APP = (200, 56)
"""Columns and rows of the terminal that the app shows a video of 1024x768 in, at 25 frames a second."""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=float, default=20.0, help="to measure each client")
    options.add_argument("--only", metavar="NAME", default="", help="clients with this in their name")
    options.add_argument("--latency", type=int, default=LATENCY_MS, help="to ask for, in ms; the app has its own")
    arguments = options.parse_args()
    print(f"{'client':<18}" + "".join(f"{column:>12}" for column in COLUMNS))
    alone = 0.0
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        program = build(Path(name))
        for title, player, busy in (client for client in CLIENTS if arguments.only in client[0]):
            with tempfile.TemporaryDirectory(prefix="bench-") as folder:
                try:
                    found = measure(Path(folder), program, player, busy, arguments.seconds, arguments.latency)
                except RuntimeError as error:
                    print(f"{title:<18}{error}")
                    continue
            alone = alone or found["delay"]
            cells = (
                f"{found['frames']:.0f}",
                f"{found['missing']:.0f}",
                f"{found['gaps']:.0f}",
                f"{found['gap_ms']:.1f}",
                f"{found['delay']:.0f}",
                f"{found['p95']:.0f}",
                f"{found['told']:.0f}" if found["told"] else "",
                f"{found['cpu']:.1%}",
                f"{alone / found['delay']:.2f}",
            )
            print(f"{title:<18}" + "".join(f"{cell:>12}" for cell in cells), flush=True)


def measure(
    folder: Path, program: Path, player: str | None, busy: bool | None, seconds: float, latency_ms: int
) -> dict[str, float]:
    sound = tones.counter(round((SETTLED + seconds) * RATE))
    with contextlib.ExitStack() as stack:
        pulse = stack.enter_context(Pulse(folder))
        monitor = stack.enter_context(Monitor(pulse))
        if player is None:
            return heard(monitor, sound, *play_alone(pulse, sound, latency_ms), 0.0)
        server = stack.enter_context(
            SceneServer(program, folder, sound=RATE, streaming="all", video_codecs="spice:mjpeg")
        )
        server.sound("compress", 0)
        if busy is None:
            return in_app(stack, pulse, monitor, server, sound, player)
        words = [sys.executable, str(HERE / "audio_client.py"), server.host, str(server.port), player]
        words += [str(latency_ms), *(["busy"] if busy else [])]
        client = subprocess.Popen(
            words, env=pulse.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        stack.callback(client.wait)
        stack.callback(client.terminate)
        server.wait_channel(ChannelType.PLAYBACK)
        server.play(sound)
        began = time.monotonic()
        used = processor(client.pid)
        server.wait_event(lambda event: event["event"] == "played", SETTLED + seconds + 30)
        cpu = (processor(client.pid) - used) / (time.monotonic() - began)
        assert client.stdin is not None
        assert client.stdout is not None
        client.stdin.write(b"\n")
        client.stdin.flush()
        status = json.loads(client.stdout.readline())
        if status["trouble"]:
            raise RuntimeError(status["trouble"])
        return heard(monitor, sound, began, cpu, status["delay_ms"])


def in_app(
    stack: contextlib.ExitStack, pulse: Pulse, monitor: Monitor, server: SceneServer, sound: tones.Sound, player: str
) -> dict[str, float]:
    """The app in tmux, which has a server of its own for it."""
    tmux = [needs.program("tmux"), "-L", f"bench-{os.getpid()}", "-f", "/dev/null"]
    environment = {**pulse.environment, "TERM": "xterm-256color"}
    server.primary(1024, 768)
    words = [sys.executable, "-m", "spicetui", "view", f"{server.host}:{server.port}", "--audio", player]
    size = ["-x", str(APP[0]), "-y", str(APP[1])]
    subprocess.run([*tmux, "new-session", "-d", *size, shlex.join(words)], env=environment, check=True)
    stack.callback(subprocess.run, [*tmux, "kill-server"], env=environment, check=False)
    asked = [*tmux, "display-message", "-p", "#{pane_pid}"]
    pid = int(subprocess.run(asked, env=environment, check=True, capture_output=True, text=True).stdout)
    server.wait_channel(ChannelType.PLAYBACK)
    server.wait_client()
    draws = video()
    marks = {at * RATE // 25: draws[at % len(draws)] for at in range(len(sound) * 25 // RATE)}
    server.play(sound, marks)
    began = time.monotonic()
    used = processor(pid)
    server.wait_event(lambda event: event["event"] == "played", len(sound) / RATE + 30)
    cpu = (processor(pid) - used) / (time.monotonic() - began)
    shown = subprocess.run([*tmux, "capture-pane", "-p"], env=environment, check=True, capture_output=True, text=True)
    if len(set("".join(shown.stdout.split()))) < 3 or shown.stdout.count("▀") + shown.stdout.count("▄") < 1000:
        print(shown.stdout)
        raise RuntimeError("the app shows no picture")
    return heard(monitor, sound, began, cpu, 0.0)


def video() -> list[Draw]:
    pictures = [np.roll(bitmaps.photo(1024, 768, 5), 40 * at, axis=1) for at in range(16)]
    whole = Rect(0, 0, 1024, 768)
    return [Draw(Copy(Image(bitmaps.true_colour(one)), whole), whole, effect=Effect.OPAQUE) for one in pictures]


def play_alone(pulse: Pulse, sound: tones.Sound, latency_ms: int) -> tuple[float, float]:
    """Gives pacat ten milliseconds after ten milliseconds; when it began, and its share of a processor."""
    words = [needs.program("pacat"), "--raw", "--format=s16le", f"--rate={RATE}", "--channels=2"]
    child = subprocess.Popen(
        [*words, f"--latency-msec={latency_ms // 2}"], env=pulse.environment, stdin=subprocess.PIPE
    )
    assert child.stdin is not None
    began = time.monotonic()
    for at in range(0, len(sound), 480):
        time.sleep(max(0.0, began + at / RATE - time.monotonic()))
        child.stdin.write(sound[at : at + 480].tobytes())
        child.stdin.flush()
    cpu = processor(child.pid) / (time.monotonic() - began)
    child.stdin.close()
    child.wait()
    return began, cpu


def heard(monitor: Monitor, sound: tones.Sound, began: float, cpu: float, told: float) -> dict[str, float]:
    monitor.wait(len(monitor.frames) + RATE)
    numbers = tones.numbers(monitor.frames)
    places = np.flatnonzero(numbers > SETTLED * RATE)
    if not len(places):
        raise RuntimeError("nothing was heard")
    steps = np.diff(numbers[places].astype(np.int64))
    holes = np.diff(places) - 1
    delays = []
    for frame in range(round(SETTLED * RATE) + 480, len(sound) - 480, RATE // 10):
        found = np.flatnonzero(numbers == frame)
        if len(found):
            delays.append((monitor.time_of(int(found[0])) - began - frame / RATE) * 1000)
    return {
        "frames": len(places),
        "missing": float((steps[steps > 1] - 1).sum()),
        "gaps": float((holes > 0).sum()),
        "gap_ms": float(holes.sum() * 1000 / RATE),
        "delay": statistics.median(delays),
        "p95": float(np.percentile(delays, 95)),
        "told": told,
        "cpu": cpu,
    }


def processor(pid: int) -> float:
    """Seconds of processor time of a process and of the children it has waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
