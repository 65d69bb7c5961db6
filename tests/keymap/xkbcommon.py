"""libxkbcommon, as toolkits use it: what the system's xkeyboard-config makes of keys (Debian libxkbcommon0)."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from functools import cache, lru_cache
from typing import Any

from live import needs

UP, DOWN = 0, 1
EFFECTIVE_MODS = 1 << 3
COMPOSING, COMPOSED, CANCELLED = 1, 2, 3
MODIFIERS = SHIFT, LOCK, *_, ALTGR = ("Shift", "Lock", "Control", "Mod1", "Mod2", "Mod3", "Mod4", "Mod5")
LOCK_MASK = 1 << 1
UNICODE_SYMS = 0x1000000  # from here on a sym is a character's number
FIRST_KEYCODE = 8  # evdev's codes are X's less this

# Where the kernel has another number than the code: what E0 precedes, and keys of Japan and Brazil.
EVDEV = {
    0x73: 89, 0x7D: 124, 0x7E: 121, 0x1CE0: 96, 0x1DE0: 97, 0x35E0: 98, 0x38E0: 100, 0x5BE0: 125, 0x5CE0: 126,
}  # fmt: skip


class _RuleNames(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_char_p) for name in ("rules", "model", "layout", "variant", "options"))


@cache
def library() -> Any:
    """The test ends here where it is not installed."""
    try:
        xkb = ctypes.CDLL("libxkbcommon.so.0")
    except OSError:
        needs.missing("libxkbcommon", "libxkbcommon0, xkb-data and libx11-data")
    pointer, number = ctypes.c_void_p, ctypes.c_uint32
    for name, result, *arguments in (
        ("xkb_context_new", pointer, ctypes.c_int),
        ("xkb_context_set_log_level", None, pointer, ctypes.c_int),
        ("xkb_keymap_new_from_names", pointer, pointer, pointer, ctypes.c_int),
        ("xkb_keymap_unref", None, pointer),
        ("xkb_state_new", pointer, pointer),
        ("xkb_state_unref", None, pointer),
        ("xkb_state_update_key", ctypes.c_int, pointer, number, ctypes.c_int),
        ("xkb_state_update_mask", ctypes.c_int, pointer, *(number,) * 6),
        ("xkb_state_key_get_one_sym", number, pointer, number),
        ("xkb_state_mod_name_is_active", ctypes.c_int, pointer, ctypes.c_char_p, ctypes.c_int),
        ("xkb_keysym_to_utf32", number, number),
        ("xkb_utf32_to_keysym", number, number),
        ("xkb_keysym_get_name", ctypes.c_int, number, ctypes.c_char_p, ctypes.c_size_t),
        ("xkb_keysym_from_name", number, ctypes.c_char_p, ctypes.c_int),
        ("xkb_compose_table_new_from_locale", pointer, pointer, ctypes.c_char_p, ctypes.c_int),
        ("xkb_compose_state_new", pointer, pointer, ctypes.c_int),
        ("xkb_compose_state_feed", ctypes.c_int, pointer, number),
        ("xkb_compose_state_reset", None, pointer),
        ("xkb_compose_state_get_status", ctypes.c_int, pointer),
        ("xkb_compose_state_get_utf8", ctypes.c_int, pointer, ctypes.c_char_p, ctypes.c_size_t),
    ):
        function = getattr(xkb, name)
        function.restype, function.argtypes = result, arguments
    return xkb


@cache
def _context() -> Any:
    context = library().xkb_context_new(0)
    library().xkb_context_set_log_level(context, 10)  # critical; the data has its own small faults
    return context


class LayoutMissing(Exception):
    """The data has no such layout."""


class _Keymap:
    def __init__(self, layout: str, variant: str, options: str) -> None:
        names = _RuleNames(b"evdev", b"pc105", layout.encode(), variant.encode(), options.encode())
        self.pointer = library().xkb_keymap_new_from_names(_context(), ctypes.byref(names), 0)
        if not self.pointer:
            raise LayoutMissing(f"{layout}({variant})")

    def __del__(self) -> None:
        if self.pointer:
            library().xkb_keymap_unref(self.pointer)


_keymap = lru_cache(maxsize=4)(_Keymap)  # a keyboard refers to its keymap, so it may go before


class Keyboard:
    """A keyboard of a layout: keys go down and up, *sym* tells what one would give."""

    def __init__(self, layout: str, variant: str = "", options: str = "") -> None:
        self._state = library().xkb_state_new(_keymap(layout, variant, options).pointer)

    def close(self) -> None:
        library().xkb_state_unref(self._state)

    def switch(self, key: int, down: bool) -> None:
        library().xkb_state_update_key(self._state, keycode(key), DOWN if down else UP)

    def press(self, keys: Iterable[int]) -> None:
        for key in keys:
            self.switch(key, True)

    def release(self, keys: Iterable[int]) -> None:
        for key in keys:
            self.switch(key, False)

    def lock_caps(self) -> None:
        """Locks capitals, whatever key does it on this layout."""
        library().xkb_state_update_mask(self._state, 0, 0, LOCK_MASK, 0, 0, 0)

    def sym(self, key: int) -> int:
        found: int = library().xkb_state_key_get_one_sym(self._state, keycode(key))
        return found

    def modifiers(self) -> set[str]:
        active = library().xkb_state_mod_name_is_active
        return {name for name in MODIFIERS if active(self._state, name.encode(), EFFECTIVE_MODS) > 0}


def keycode(key: int) -> int:
    """X's number of a key that SPICE numbers so."""
    return EVDEV.get(key, key) + FIRST_KEYCODE


@cache
def name(sym: int) -> str:
    buffer = ctypes.create_string_buffer(64)
    library().xkb_keysym_get_name(sym, buffer, 64)
    return buffer.value.decode()


@cache
def character(sym: int) -> str:
    """What the sym types of itself, empty for nothing."""
    code = library().xkb_keysym_to_utf32(sym)
    return chr(code) if code else ""


def sym_of(text: str) -> int:
    """The usual one of several syms for a character."""
    found: int = library().xkb_utf32_to_keysym(ord(text))
    return found


def sym_named(text: str) -> int:
    found: int = library().xkb_keysym_from_name(text.encode(), 0)
    return found


class Composer:
    """Dead keys and what follows them, by a locale's Compose file."""

    def __init__(self, locale: str = "en_US.UTF-8") -> None:
        self._table = library().xkb_compose_table_new_from_locale(_context(), locale.encode(), 0)
        if not self._table:
            needs.missing(f"the Compose file of {locale}", "libx11-data")
        self._state = library().xkb_compose_state_new(self._table, 0)

    def feed(self, sym: int) -> tuple[int, str]:
        """Status of the sequence, and its text where it is complete."""
        library().xkb_compose_state_feed(self._state, sym)
        status = library().xkb_compose_state_get_status(self._state)
        if status != COMPOSED:
            return status, ""
        buffer = ctypes.create_string_buffer(64)
        library().xkb_compose_state_get_utf8(self._state, buffer, 64)
        return status, buffer.value.decode()

    def reset(self) -> None:
        library().xkb_compose_state_reset(self._state)
