"""The commands of the app, in one list: the menu behind the prefix key, the palette and the help are made from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..keymap.keys import parse_combo
from ..term.scale import Scale
from .panels import PANELS

if TYPE_CHECKING:
    from .app import SpiceApp


@dataclass(frozen=True, slots=True)
class Command:
    """*keys* are Textual's names of the keys that run it in the menu; *label* is how they are shown."""

    id: str
    title: str
    keys: tuple[str, ...]
    run: Callable[[SpiceApp], object]
    group: str = "App"
    label: str = ""
    listed: bool = True  #: in the menu; the palette and the help have them all
    enabled: Callable[[SpiceApp], bool] = lambda app: True

    @property
    def key_label(self) -> str:
        return self.label or self.keys[0]


def _send(combo: str) -> Callable[[SpiceApp], object]:
    keys = parse_combo(combo)
    return lambda app: app.guest.press([keys])


def _scale(scale: Scale) -> Callable[[SpiceApp], object]:
    return lambda app: app.choose_scale(scale)


def _pan(columns: int, rows: int) -> Callable[[SpiceApp], object]:
    return lambda app: app.view.pan_by(columns, rows)


def _panel(panel_id: str) -> Callable[[SpiceApp], object]:
    return lambda app: app.show_panel(panel_id)


def _sends(app: SpiceApp) -> bool:
    return app.guest.live


def _pans(app: SpiceApp) -> bool:
    mapping = app.view.mapping
    return mapping is not None and (mapping.shown.width, mapping.shown.height) != mapping.picture


COMMANDS: tuple[Command, ...] = (
    Command(
        "send-prefix", "the prefix key itself", (), lambda app: app.send_prefix(), "Send", "prefix", enabled=_sends
    ),
    Command("send-cad", "Ctrl+Alt+Delete", ("d", "delete"), _send("ctrl+alt+delete"), "Send", enabled=_sends),
    *(
        Command(
            f"send-caf{number}",
            f"Ctrl+Alt+F{number}",
            (f"f{number}",),
            _send(f"ctrl+alt+f{number}"),
            "Send",
            f"F{number}",
            listed=False,
            enabled=_sends,
        )
        for number in range(1, 13)
    ),
    Command("send-super", "Super (Windows key)", ("w",), _send("super"), "Send", enabled=_sends),
    Command("send-print", "Print Screen", ("k",), _send("print"), "Send", listed=False, enabled=_sends),
    Command("send-more", "SysRq, macros, more keys", ("o",), lambda app: app.choose_keys(), "Send", enabled=_sends),
    Command("mouse-mode", "mouse: places / moves", ("a",), lambda app: app.toggle_mouse_mode(), "Send", enabled=_sends),
    Command("release", "release everything", ("r",), lambda app: app.release_guest(), "Send", enabled=_sends),
    Command("scale-fit", "fit the window", ("f",), _scale(Scale.FIT), "Picture"),
    Command("scale-integer", "whole-number scale", ("i",), _scale(Scale.INTEGER), "Picture"),
    Command("scale-native", "monitor size", ("n",), _scale(Scale.NATIVE), "Picture"),
    Command("scale-pixel", "every pixel (1:1)", ("1",), _scale(Scale.PIXEL), "Picture"),
    Command("pan-left", "pan left", ("left", "h"), _pan(-8, 0), "Picture", "←", listed=False, enabled=_pans),
    Command("pan-right", "pan right", ("right", "l"), _pan(8, 0), "Picture", "→", listed=False, enabled=_pans),
    Command("pan-up", "pan up", ("up",), _pan(0, -4), "Picture", "↑", listed=False, enabled=_pans),
    Command("pan-down", "pan down", ("down", "j"), _pan(0, 4), "Picture", "↓", listed=False, enabled=_pans),
    Command("graphics", "next way to draw", ("c",), lambda app: app.next_backend(), "Picture"),
    Command("zoom-in", "zoom in", ("+", "="), lambda app: app.zoom(1.5), "Picture", "+", listed=False),
    Command("zoom-out", "zoom out", ("-",), lambda app: app.zoom(1 / 1.5), "Picture", "-", listed=False),
    Command("zoom-region", "zoom to a region", ("x",), lambda app: app.choose_region(), "Picture"),
    Command("displays", "all displays", ("t",), lambda app: app.show_displays(), "Picture"),
    Command("display", "next display", ("tab",), lambda app: app.next_display(), "Picture", "Tab", listed=False),
    Command("redraw", "redraw", ("ctrl+l",), lambda app: app.redraw(), "Picture", "Ctrl+L", listed=False),
    *(Command(f"panel-{entry.id}", entry.title.lower(), (entry.key,), _panel(entry.id), "Panels") for entry in PANELS),
    Command("screenshot", "screenshot to file", ("s",), lambda app: app.save_picture(), "App"),
    Command(
        "mute",
        "sound on / off",
        ("m",),
        lambda app: app.sound.toggle_mute(),
        "App",
        enabled=lambda app: app.sound.has_device,
    ),
    Command("text", "text: search and copy", ("y",), lambda app: app.show_text(), "App"),
    Command("view-only", "view only on / off", ("v",), lambda app: app.toggle_view_only(), "App"),
    Command("suspend", "suspend to shell", ("z", "ctrl+z"), lambda app: app.action_suspend_process(), "App"),
    Command("palette", "find a command", ("p", "/"), lambda app: app.action_command_palette(), "App", listed=False),
    Command("help", "help", ("?",), lambda app: app.show_help(), "App", "?"),
    Command("quit", "quit", ("q",), lambda app: app.ask_to_leave(), "App"),
)

# Commands after which the menu stays, so that the key can be pressed again.
STAYS = frozenset(command.id for command in COMMANDS if command.id.startswith(("pan-", "zoom-in", "zoom-out")))

BY_KEY: dict[str, Command] = {}
for _command in COMMANDS:
    for _key in _command.keys:
        assert _key not in BY_KEY, _key
        BY_KEY[_key] = _command
