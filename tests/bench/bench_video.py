"""What video costs beside the reference client, decoder by decoder and as a session with Xspice.

    python tests/bench/bench_video.py [--seconds S] [--no-sessions]

The decoders of the reference client are GStreamer's. In the sessions both clients are connected to one server that
plays one video at 25 frames a second, and are measured over the same seconds. Ratios are the reference's processor
time by ours: above 1 we need less. "behind" is how long after its time by the multimedia clock a frame is shown.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import select
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from live import needs, videos
from live.reference import Reference
from live.xspice import Xspice
from video_clips import encode

from spicetui.codecs import video
from spicetui.wire.enums import VideoCodecType

HERE = Path(__file__).parent
SIZES = ((640, 360), (1280, 720), (1920, 1080))
CODED = 60
ROUNDS = 5
GSTREAMER = {
    VideoCodecType.MJPEG: ("image/jpeg", "jpegdec"),
    VideoCodecType.VP8: ("video/x-vp8", "vp8dec"),
    VideoCodecType.VP9: ("video/x-vp9", "vp9dec"),
    VideoCodecType.H264: (
        "video/x-h264,stream-format=byte-stream,alignment=au",
        "h264parse ! avdec_h264 max-threads=1",
    ),
    VideoCodecType.H265: (
        "video/x-h265,stream-format=byte-stream,alignment=au",
        "h265parse ! avdec_h265 max-threads=1",
    ),
}
SERVER = {"mjpeg": "spice:mjpeg", "vp8": "gstreamer:vp8", "vp9": "gstreamer:vp9", "h264": "gstreamer:h264"}
RATE = 25


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=float, default=6.0, help="to measure each session")
    options.add_argument("--no-sessions", action="store_true")
    options.add_argument("--no-decoders", action="store_true")
    arguments = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        if not arguments.no_decoders:
            decoders(Path(name))
        if not arguments.no_sessions:
            sessions(Path(name), arguments.seconds)


# --- decoders


def decoders(folder: Path) -> None:
    print(f"{'decoder, ms a frame':<22}{'size':<11}{'ours':>7}{'GStreamer':>11}{'ratio':>7}")
    for width, height in SIZES:
        frames = [videos.frame(width, height, number) for number in range(CODED)]
        for codec in VideoCodecType:
            packets = encode(codec, frames)
            path = folder / "packets"
            path.write_bytes(b"".join(struct.pack("<I", len(packet)) + packet for packet in packets))
            ours, theirs = [], []
            for _ in range(ROUNDS):
                ours.append(decode(codec, width, height, packets))
                theirs.append(decode_by_gstreamer(codec, path))
            mine, other = (statistics.median(times) * 1000 / CODED for times in (ours, theirs))
            print(
                f"{codec.name:<22}{f'{width}x{height}':<11}{mine:>7.2f}{other:>11.2f}{other / mine:>7.2f}", flush=True
            )


def decode(codec: VideoCodecType, width: int, height: int, packets: list[bytes]) -> float:
    decoder = video.open_decoder(codec, width, height)
    start = time.process_time()
    for packet in packets:
        assert decoder.decode(packet) is not None
    used = time.process_time() - start
    decoder.close()
    return used


def decode_by_gstreamer(codec: VideoCodecType, path: Path) -> float:
    caps, element = GSTREAMER[codec]
    words = [needs.DEBIAN_PYTHON, "-I", str(HERE / "gst_decoder.py"), caps, element, str(path)]
    return float(subprocess.run(words, check=True, capture_output=True, text=True).stdout)


# --- sessions


def sessions(folder: Path, seconds: float) -> None:
    columns = ("arrived", "shown", "late", "dropped", "behind ms", "max", "CPU %", "reference", "ratio")
    print(f"\n{'session':<10}{'size':<11}" + "".join(f"{column:>11}" for column in columns))
    for width, height in ((640, 360), (1280, 720)):
        path = videos.write(folder / "video.mjpeg", width, height)
        for codec in SERVER:
            with tempfile.TemporaryDirectory(prefix="bench-") as name:
                session(Path(name), path, width, height, codec, seconds)


def session(folder: Path, path: Path, width: int, height: int, codec: str, seconds: float) -> None:
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(
            Xspice(folder, streaming="all", video_codecs=SERVER[codec], compression="auto_glz")
        )
        server.run("xrandr", "--output", "qxl-0", "--mode", "1400x1050")
        reference = stack.enter_context(Reference(folder, server.address()))
        words = [sys.executable, str(HERE / "video_client.py"), str(server.host), str(server.port)]
        ours = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        stack.callback(ours.wait)
        assert ours.stdin is not None
        stack.callback(ours.stdin.close)
        stack.enter_context(videos.play(server, path, 40, 40, RATE, again=True))
        before = answer(ours)
        start, used = time.monotonic(), [processor(pid) for pid in (ours.pid, reference.process.pid)]
        time.sleep(seconds)
        took = time.monotonic() - start
        mine, theirs = (processor(pid) - at for pid, at in zip((ours.pid, reference.process.pid), used, strict=True))
        ours.stdin.write("\n")
        ours.stdin.flush()
        after = answer(ours)
    counts = {key: after["played"][codec][key] - before["played"][codec][key] for key in after["played"][codec]}
    behind = sorted(after["late_ms"][len(before["late_ms"]) :])
    cells = (
        f"{counts['arrived'] / took:.1f}/s",
        f"{counts['shown'] / took:.1f}/s",
        counts["late"],
        counts["dropped"],
        f"{statistics.median(behind):.0f}",
        behind[-1],
        f"{mine / took:.1%}",
        f"{theirs / took:.1%}",
        f"{theirs / mine:.2f}",
    )
    print(f"{codec:<10}{f'{width}x{height}':<11}" + "".join(f"{cell:>11}" for cell in cells), flush=True)


def answer(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], 60)
    line = process.stdout.readline() if ready else ""
    if not line:
        raise SystemExit("no stream within a minute, or our client ended")
    found: dict[str, Any] = json.loads(line)
    return found


def processor(pid: int) -> float:
    """Seconds of processor time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
