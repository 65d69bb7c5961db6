"""How the app is to be run."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Settings:
    """*title* is shown until the machine has told its name.  *password* was given beforehand, None if not."""

    title: str
    graphics: str = "auto"
    scale: str = "fit"
    display: int = 0
    fps: int = 30
    view_only: bool = False
    prefix: str = "ctrl+]"
    layout: str = "us"
    ask_password: bool = True
    password: str | None = field(default=None, repr=False)
