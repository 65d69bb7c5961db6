"""``spicetui info TARGET``."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

from ..errors import SpiceError
from .exits import OK
from .options import add_common, add_target, start_log
from .run import run_async

if TYPE_CHECKING:
    from ..channels.base import Channel
    from ..channels.usbredir import UsbredirChannel
    from ..client import Client

USAGE = "TARGET [options]"
FRAME_SECONDS = 1.0  #: how long the displays may take to show something
AGENT_SECONDS = 1.0  #: how long the guest agent may take to tell what it can do


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_target(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object on one line")
    add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    start_log(arguments)
    return run_async(info(arguments))


async def info(arguments: argparse.Namespace) -> int:
    from .session import session

    async with session(arguments) as client:
        await asyncio.gather(_first_frames(client), _agent(client))
        facts = collect(client)
    print(json.dumps(facts, ensure_ascii=False) if arguments.json else describe(facts))
    return OK


async def _first_frames(client: Client) -> None:
    waiting = [asyncio.ensure_future(client.wait_frame(display)) for display in client.displays]
    if waiting:
        await asyncio.wait(waiting, timeout=FRAME_SECONDS)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def _agent(client: Client) -> None:
    if client.agent_connected:
        with contextlib.suppress(SpiceError):
            await client.main.wait_agent(AGENT_SECONDS)


def collect(client: Client) -> dict[str, Any]:
    """What is known of the session, ready for JSON."""
    from ..features import GL_SCANOUT_MISSING
    from ..wire.enums import AgentCap, DisplayCap, ImageType, MouseMode

    modes = client.main.supported_mouse_modes
    takes_textures = any(DisplayCap.GL_SCANOUT in display.announced() for display in client.displays.values())
    return {
        "name": client.name or None,
        "uuid": str(client.uuid) if client.uuid is not None else None,
        "session_id": client.session_id,
        "round_trip_ms": round(client.round_trip * 1000, 3) if client.round_trip is not None else None,
        "mouse_mode": "client" if client.mouse_mode_client else "server",
        "mouse_modes": [str(mode.name).lower() for mode in (MouseMode.SERVER, MouseMode.CLIENT) if mode in modes],
        "agent_connected": client.agent_connected,
        "agent_capabilities": _names(AgentCap, sorted(client.main.agent_caps)),
        "card_reader": client.smartcard is not None,
        "displays": [
            {
                "id": display.key.id,
                "width": display.surface.width if display.surface is not None else None,
                "height": display.surface.height if display.surface is not None else None,
                "format": display.surface.format.name.removeprefix("FMT_") if display.surface is not None else None,
                "marked": display.marked,
                "images": {ImageType(kind).name.lower(): count for kind, count in sorted(display.decoder.seen.items())},
                "videos": {codec: played.arrived for codec, played in sorted(display.streams.played().items())},
                "monitors": [
                    {"id": head.monitor_id, "x": head.x, "y": head.y, "width": head.width, "height": head.height}
                    for head in display.monitors
                ],
            }
            for _, display in sorted(client.displays.items())
        ],
        "gl_scanout": {
            "announced": takes_textures,
            "reason": None if takes_textures else GL_SCANOUT_MISSING,
        },
        "channels": [_channel(channel) for _, channel in sorted(client.channels.items())],
        "usb_slots": [_usb_slot(slot) for slot in client.usb.slots] if client.usb is not None else [],
        "server_channels": [str(key) for key in client.session.server_channels],
        "unsupported": dict(sorted(client.unsupported.items())),
    }


def _channel(channel: Channel) -> dict[str, Any]:
    from ..wire.enums import CommonCap

    caps = sorted(channel.channel_caps)
    return {
        "type": channel.key.type.name.lower(),
        "id": channel.key.id,
        "secure": getattr(channel.stream, "ssl_object", None) is not None,
        "common_capabilities": _names(CommonCap, sorted(channel.linked.common_caps)),
        "capabilities": _names(_capability_enum(channel), caps),
        "used": _names(_capability_enum(channel), [cap for cap in caps if cap in channel.announced()]),
        "bytes_in": channel.bytes_in,
        "bytes_out": channel.bytes_out,
        "messages_in": channel.messages_in,
    }


def _usb_slot(slot: UsbredirChannel) -> dict[str, Any]:
    from ..wire.usbredir import Cap

    return {
        "id": slot.key.id,
        "answers": slot.ready,
        "guest": slot.host.peer_version or None,
        "capabilities": _names(Cap, sorted(slot.host.caps)),
        "filter": slot.guest_filter,
    }


def _capability_enum(channel: Channel) -> Any:
    from ..wire import enums

    kind = channel.key.type
    if kind in (enums.ChannelType.USBREDIR, enums.ChannelType.PORT, enums.ChannelType.WEBDAV):
        return enums.SpicevmcCap
    return getattr(enums, f"{kind.name.title()}Cap", None)


def _names(enum: Any, numbers: list[int]) -> list[str]:
    def name(number: int) -> str:
        try:
            return str(enum(number).name).lower()
        except (TypeError, ValueError):
            return str(number)

    return [name(number) for number in numbers]


def describe(facts: dict[str, Any]) -> str:
    """The same for people."""
    from ..diagnostics import printable

    lines = [
        f"name        {printable(facts['name'] or 'not told')}",
        f"uuid        {facts['uuid'] or 'not told'}",
        f"round trip  {'not known' if facts['round_trip_ms'] is None else str(facts['round_trip_ms']) + ' ms'}",
        f"mouse       {facts['mouse_mode']} mode (offered: {', '.join(facts['mouse_modes'])})",
        f"agent       {'connected' if facts['agent_connected'] else 'not connected'}",
    ]
    if facts["agent_capabilities"]:
        lines.append(f"  {'offers':<10}{' '.join(facts['agent_capabilities'])}")
    if facts["card_reader"]:
        lines.append("card reader offered (spicetui smartcard attach)")
    for display in facts["displays"]:
        if display["width"] is None:
            lines.append(f"display {display['id']}   shows nothing yet")
            continue
        lines.append(f"display {display['id']}   {display['width']}x{display['height']} {display['format']}")
        for title in ("images", "videos"):
            if display[title]:
                lines.append(f"  {title:<10}{' '.join(f'{name} ({n})' for name, n in display[title].items())}")
        if len(display["monitors"]) > 1:
            lines += [f"  monitor {m['id']} {m['width']}x{m['height']}+{m['x']}+{m['y']}" for m in display["monitors"]]
    if not facts["gl_scanout"]["announced"]:
        lines.append(f"GL scanout  not announced: {facts['gl_scanout']['reason']}")
    for channel in facts["channels"]:
        secure = " (TLS)" if channel["secure"] else ""
        lines.append(f"channel     {channel['type']}:{channel['id']}{secure}")
        for title, key in (("offers", "capabilities"), ("in use", "used")):
            if channel[key]:
                lines.append(f"  {title:<10}{' '.join(channel[key])}")
    for slot in facts["usb_slots"]:
        said = printable(slot["guest"] or "") if slot["answers"] else "does not answer (yet)"
        lines.append(f"USB slot    {slot['id']}  {said}")
        if slot["filter"]:
            lines.append(f"  filter    {printable(slot['filter'])}")
    opened = {f"{channel['type']}:{channel['id']}" for channel in facts["channels"]}
    if others := [name for name in facts["server_channels"] if name not in opened]:
        lines.append(f"not opened  {' '.join(others)}")
    if facts["unsupported"]:
        lines.append(f"unsupported {' '.join(facts['unsupported'])}")
    return "\n".join(lines)
