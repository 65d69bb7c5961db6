"""The app with sound, for the bench of sound: audio_app.py TARGET. What plays is in SPICETUI_AUDIO."""

from __future__ import annotations

import argparse
import sys

from spicetui.cli import main, view
from spicetui.devices import audio

show = view.view


async def show_and_play(arguments: argparse.Namespace) -> int:
    arguments.audio = audio.choose()
    try:
        return await show(arguments)
    finally:
        arguments.audio.close()


view.view = show_and_play
sys.exit(main(["view", sys.argv[1]]))
