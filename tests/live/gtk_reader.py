"""A GTK 3 text entry with the keyboard: says a line end once it has it, and its text at every Enter.

Usage: python -m live.gtk_reader, in the folder of the tests.
"""

from __future__ import annotations

import ctypes
import os
from typing import Any

pointer, text, ulong = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_ulong
CALLBACK = ctypes.CFUNCTYPE(None, pointer, pointer)
EVENT_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, pointer, pointer, pointer)
REVERT_TO_PARENT = 2


def declare(where: Any, name: str, result: Any, *arguments: Any) -> Any:
    function = getattr(where, name)
    function.restype, function.argtypes = result, arguments
    return function


def main() -> None:
    gtk, gdk, gobject, x = map(ctypes.CDLL, ("libgtk-3.so.0", "libgdk-3.so.0", "libgobject-2.0.so.0", "libX11.so.6"))
    connect = declare(gobject, "g_signal_connect_data", ulong, pointer, text, pointer, pointer, pointer, ctypes.c_int)
    entry_text = declare(gtk, "gtk_entry_get_text", text, pointer)
    set_text = declare(gtk, "gtk_entry_set_text", None, pointer, text)
    declare(gtk, "gtk_init", None, pointer, pointer)(None, None)
    window = declare(gtk, "gtk_window_new", pointer, ctypes.c_int)(0)
    entry = declare(gtk, "gtk_entry_new", pointer)()
    declare(gtk, "gtk_container_add", None, pointer, pointer)(window, entry)

    def activated(entry: int, _: int) -> None:
        os.write(1, entry_text(entry) + b"\r")
        set_text(entry, b"")

    def mapped(window: int, event: int, _: int) -> int:
        """Without a window manager nobody else gives the keyboard to a window."""
        surface = declare(gtk, "gtk_widget_get_window", pointer, pointer)(window)
        display = declare(gdk, "gdk_x11_get_default_xdisplay", pointer)()
        number = declare(gdk, "gdk_x11_window_get_xid", ulong, pointer)(surface)
        declare(x, "XSetInputFocus", ctypes.c_int, pointer, ulong, ctypes.c_int, ulong)(
            display, number, REVERT_TO_PARENT, 0
        )
        return 0

    def focused(window: int, event: int, _: int) -> int:
        os.write(1, b"\n")
        return 0

    kept = CALLBACK(activated), EVENT_CALLBACK(mapped), EVENT_CALLBACK(focused)
    connect(entry, b"activate", ctypes.cast(kept[0], pointer), None, None, 0)
    connect(window, b"map-event", ctypes.cast(kept[1], pointer), None, None, 0)
    connect(window, b"focus-in-event", ctypes.cast(kept[2], pointer), None, None, 0)
    declare(gtk, "gtk_widget_show_all", None, pointer)(window)
    declare(gtk, "gtk_main", None)()


if __name__ == "__main__":
    main()
