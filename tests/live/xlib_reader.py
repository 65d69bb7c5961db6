"""A window with the keyboard that says what is typed into it, as UTF-8, by Xlib's own input method and Compose file.

Usage: python -m live.xlib_reader, in the folder of the tests. It says a line end once the keyboard is its own.
"""

from __future__ import annotations

import ctypes
import locale
import os
from typing import Any

X = ctypes.CDLL("libX11.so.6")
KEY_PRESS, FOCUS_IN, EXPOSE = 2, 9, 12
KEY_PRESS_MASK, EXPOSURE_MASK, FOCUS_CHANGE_MASK = 1 << 0, 1 << 15, 1 << 21
PREEDIT_NOTHING, STATUS_NOTHING = 0x0008, 0x0400
REVERT_TO_PARENT = 2
ulong, uint, int_, pointer, text = ctypes.c_ulong, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p

for _name, _result, *_arguments in (
    ("XOpenDisplay", pointer, text),
    ("XDefaultRootWindow", ulong, pointer),
    ("XCreateSimpleWindow", ulong, pointer, ulong, int_, int_, uint, uint, uint, ulong, ulong),
    ("XSelectInput", int_, pointer, ulong, ctypes.c_long),
    ("XMapWindow", int_, pointer, ulong),
    ("XSetInputFocus", int_, pointer, ulong, int_, ulong),
    ("XNextEvent", int_, pointer, pointer),
    ("XFilterEvent", int_, pointer, ulong),
    ("XSetLocaleModifiers", text, text),
    ("XOpenIM", pointer, pointer, pointer, text, text),
    ("XCreateIC", pointer, pointer, text, ulong, text, ulong, text, ulong, pointer),
    ("XSetICFocus", None, pointer),
    ("Xutf8LookupString", int_, pointer, pointer, pointer, int_, pointer, pointer),
):
    _function: Any = getattr(X, _name)
    _function.restype, _function.argtypes = _result, _arguments


def main() -> None:
    locale.setlocale(locale.LC_ALL, "")
    X.XSetLocaleModifiers(b"@im=none")  # no input method server: Xlib's own
    display = X.XOpenDisplay(None)
    assert display, "no display"
    window = X.XCreateSimpleWindow(display, X.XDefaultRootWindow(display), 0, 0, 80, 60, 0, 0, 0)
    method = X.XOpenIM(display, None, None, None)
    assert method, "no input method"
    style = PREEDIT_NOTHING | STATUS_NOTHING
    context = X.XCreateIC(method, b"inputStyle", style, b"clientWindow", window, b"focusWindow", window, None)
    assert context, "no input context"
    X.XSelectInput(display, window, KEY_PRESS_MASK | EXPOSURE_MASK | FOCUS_CHANGE_MASK)
    X.XMapWindow(display, window)
    X.XSetICFocus(context)
    event = (ctypes.c_long * 24)()
    kind = ctypes.cast(event, ctypes.POINTER(int_))
    buffer = ctypes.create_string_buffer(64)
    while True:
        X.XNextEvent(display, event)
        if X.XFilterEvent(event, 0):
            continue
        if kind[0] == EXPOSE:
            X.XSetInputFocus(display, window, REVERT_TO_PARENT, 0)
        elif kind[0] == FOCUS_IN:
            os.write(1, b"\n")
        elif kind[0] == KEY_PRESS:
            size = X.Xutf8LookupString(context, event, buffer, 64, None, None)
            if size:
                os.write(1, buffer.raw[:size])


if __name__ == "__main__":
    main()
