"""What real programs said on the wire behind the link, a file for each channel and direction.

A file is one line of JSON (program, channel, header kind, direction) and then the bytes. In the folder of the tests
``python -m recordings.record`` makes them anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from spicetui.protocol.framer import Framer

FOLDER = Path(__file__).parent
PING = 4
LARGE = 1000


@dataclass(frozen=True)
class Recording:
    name: str
    program: str
    channel: str
    from_server: bool
    mini_header: bool
    data: bytes

    def __str__(self) -> str:
        return self.name

    def save(self, limit: int) -> None:
        """Writes whole messages, as many as fit into *limit* bytes; those that measure the network are left out."""
        head = {key: value for key, value in asdict(self).items() if key not in ("name", "data")}
        (FOLDER / f"{self.name}.bin").write_bytes(json.dumps(head).encode() + b"\n" + self._cut(limit))

    def _cut(self, limit: int) -> bytes:
        framer = Framer(self.mini_header)
        header = 6 if self.mini_header else 18
        kept = bytearray()
        at = 0
        for raw in framer.receive(self.data):
            if raw.serial is None:
                continue
            end = at + header + len(raw.body)
            if len(kept) + end - at > limit and raw.number != PING:
                break
            if raw.number != PING or len(raw.body) < LARGE:
                kept += self.data[at:end]
            at = end
        return bytes(kept)


def load(name: str) -> Recording:
    head, data = (FOLDER / f"{name}.bin").read_bytes().split(b"\n", 1)
    return Recording(name=name, data=data, **json.loads(head))


def names() -> Iterator[str]:
    for path in sorted(FOLDER.glob("*.bin")):
        yield path.stem
