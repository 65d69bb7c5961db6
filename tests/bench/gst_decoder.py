"""GStreamer's decoder as the reference client uses it, for the bench of video; run by Debian's own Python.

Usage: gst_decoder.py CAPS DECODER FILE. The file holds packets, each after its length in four bytes. Decodes them to
BGRx and writes the seconds of processor time from the first to the last.
"""

from __future__ import annotations

import resource
import struct
import sys
from pathlib import Path

import gi  # type: ignore[import-not-found]

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # type: ignore[import-not-found]  # noqa: E402


def processor() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main(caps: str, decoder: str, path: str) -> None:
    Gst.init(None)
    data = Path(path).read_bytes()
    packets = []
    at = 0
    while at < len(data):
        (size,) = struct.unpack_from("<I", data, at)
        packets.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    line = f"appsrc name=source format=time caps={caps} ! {decoder} ! videoconvert n-threads=1"
    pipeline = Gst.parse_launch(
        f"{line} ! video/x-raw,format=BGRx ! fakesink name=sink sync=false signal-handoffs=true"
    )
    source, sink = pipeline.get_by_name("source"), pipeline.get_by_name("sink")
    frames = 0

    def count(*_: object) -> None:
        nonlocal frames
        frames += 1

    sink.connect("handoff", count)
    pipeline.set_state(Gst.State.PLAYING)
    start = processor()
    for number, packet in enumerate(packets):
        buffer = Gst.Buffer.new_wrapped(packet)
        buffer.pts = number * Gst.SECOND // 25
        source.emit("push-buffer", buffer)
    source.emit("end-of-stream")
    message = pipeline.get_bus().timed_pop_filtered(60 * Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR)
    used = processor() - start
    pipeline.set_state(Gst.State.NULL)
    if message is None or message.type != Gst.MessageType.EOS or frames != len(packets):
        raise SystemExit(f"{frames} of {len(packets)} frames: {message.parse_error() if message else 'no end'}")
    print(used)


if __name__ == "__main__":
    main(*sys.argv[1:])
