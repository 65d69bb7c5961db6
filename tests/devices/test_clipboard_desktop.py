"""The desktop's clipboard through its tools; these are scripts that keep what they get in files."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from spicetui.devices import clipboard_tmux, clipboard_tool
from spicetui.devices.clipboard_desktop import Desktop, find
from spicetui.devices.clipboard_tool import ToolError
from spicetui.interfaces import ClipboardFormat, ClipboardSelection

CLIPBOARD, PRIMARY, SECONDARY = ClipboardSelection
TEXT, PNG, JPG = ClipboardFormat.TEXT, ClipboardFormat.PNG, ClipboardFormat.JPG

# Keeps one file for each selection and type: its words say which.
KEEPER = r"""#!@PYTHON@
import pathlib, sys
words = sys.argv[1:]
here = pathlib.Path(__file__).parent
def after(*names):
    return next((words[words.index(name) + 1] for name in names if name in words), "")
selection = "primary" if {"primary", "--primary", "-p"} & set(words) else "clipboard"
kind = after("-t", "--type") or "text"
path = lambda kind: here / (selection + "-" + kind.replace("/", "_"))
if kind == "TARGETS" or "--list-types" in words:
    found = sorted(here.glob(selection + "-*"))
    if not found:
        sys.exit(1)
    kinds = [one.name.partition("-")[2] for one in found]
    print("\n".join(["TARGETS", *(one if one.isupper() else one.replace("_", "/", 1) for one in kinds)]))
elif "-i" in words or pathlib.Path(sys.argv[0]).name in ("wl-copy",):
    for one in here.glob(selection + "-*"):
        one.unlink()
    path(kind).write_bytes(sys.stdin.buffer.read())
elif path(kind).exists():
    sys.stdout.buffer.write(path(kind).read_bytes())
else:
    sys.exit(1)
"""


def tool(folder: Path, name: str, text: str = KEEPER) -> None:
    path = folder / name
    path.write_text(text.replace("@PYTHON@", sys.executable))
    path.chmod(0o755)


def desktop(folder: Path, *names: str, **environment: str) -> Desktop:
    for name in names:
        tool(folder, name)
    found = find({"PATH": str(folder)} | environment)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("names", "environment", "images"),
    [
        (("xclip",), {"DISPLAY": ":0"}, True),
        (("wl-copy", "wl-paste"), {"WAYLAND_DISPLAY": "wayland-0"}, True),
        (("xsel",), {"DISPLAY": ":0"}, False),
    ],
    ids=["xclip", "wl-clipboard", "xsel"],
)
async def test_there_and_back(
    names: tuple[str, ...], environment: dict[str, str], images: bool, tmp_path: Path
) -> None:
    here = desktop(tmp_path, *names, **environment)
    assert here.images is images
    for selection in (CLIPBOARD, PRIMARY):
        assert await here.formats(selection) == ()
        with pytest.raises(ToolError, match="empty"):
            await here.read(selection, TEXT)
    for data in ("Grüße\r\n\x1b[31m 🎈".encode(), b"x" * 300_000):
        await here.write(CLIPBOARD, TEXT, data)
        assert await here.formats(CLIPBOARD) == (TEXT,)
        assert await here.read(CLIPBOARD, TEXT) == data
    with pytest.raises(ToolError, match="more than 1000 bytes"):
        await here.read(CLIPBOARD, TEXT, 1000)
    await here.write(PRIMARY, TEXT, b"other")
    assert (await here.read(PRIMARY, TEXT), len(await here.read(CLIPBOARD, TEXT))) == (b"other", 300_000)
    with pytest.raises(ToolError, match="secondary"):
        await here.read(SECONDARY, TEXT)
    if images:
        await here.write(CLIPBOARD, PNG, bytes(range(256)) * 1000)
        assert await here.formats(CLIPBOARD) == (PNG,)
        assert await here.read(CLIPBOARD, PNG) == bytes(range(256)) * 1000
        with pytest.raises(ToolError, match="empty"):
            await here.read(CLIPBOARD, JPG)
    else:
        with pytest.raises(ToolError, match="takes text only"):
            await here.write(CLIPBOARD, PNG, b"1")


def test_where_there_is_none(tmp_path: Path) -> None:
    path = {"PATH": str(tmp_path)}
    assert find(path | {"DISPLAY": ":0"}) is None
    tool(tmp_path, "xclip")
    tool(tmp_path, "wl-copy")
    assert find(path) is None
    for variable in ("SSH_CONNECTION", "SSH_TTY"):
        assert find(path | {"DISPLAY": ":0", variable: "1 2 3 4"}) is None
    both = find(path | {"DISPLAY": ":0", "WAYLAND_DISPLAY": "wayland-0"})
    assert both is not None
    assert both.name == "xclip"  # wl-paste is missing
    tool(tmp_path, "wl-paste")
    both = find(path | {"DISPLAY": ":0", "WAYLAND_DISPLAY": "wayland-0"})
    assert both is not None
    assert both.name == "wl-clipboard"


async def test_windows_beside_linux(tmp_path: Path) -> None:
    tool(tmp_path, "clip.exe", '#!/bin/sh\n/bin/cat > "${0%/*}/clip"\n')
    tool(tmp_path, "powershell.exe", "#!/bin/sh\nprintf 'one\\r\\ntwo\\r\\n'\n")
    here = desktop(tmp_path, WSL_DISTRO_NAME="Debian")
    await here.write(CLIPBOARD, TEXT, "Grüße 🎈".encode())
    assert (tmp_path / "clip").read_bytes().decode("utf-16") == "Grüße 🎈"
    assert await here.read(CLIPBOARD, TEXT) == b"one\ntwo\n"
    assert not here.has(PRIMARY)


async def test_tools_that_do_not_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool(tmp_path, "xclip", "#!/bin/sh\nexit 1\n")
    here = desktop(tmp_path, DISPLAY=":0")
    with pytest.raises(ToolError, match="cannot reach the desktop"):
        await here.write(CLIPBOARD, TEXT, b"x" * 1_000_000)
    tool(tmp_path, "xclip", "#!/bin/sh\nexec /bin/cat /dev/zero\n")
    with pytest.raises(ToolError, match="more than 100 bytes"):
        await here.read(CLIPBOARD, TEXT, 100)
    monkeypatch.setattr(clipboard_tool, "SECONDS", 0.2)
    tool(tmp_path, "xclip", "#!/bin/sh\nexec /bin/sleep 100\n")
    with pytest.raises(ToolError, match="does not answer"):
        await here.read(CLIPBOARD, TEXT)
    with pytest.raises(ToolError, match="does not answer"):
        await here.write(CLIPBOARD, TEXT, b"x" * 1_000_000)
    (tmp_path / "xclip").unlink()
    with pytest.raises(ToolError, match="cannot start xclip"):
        await here.read(CLIPBOARD, TEXT)


async def test_tmux_is_asked_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = '#!/bin/sh\ncase $1 in load-buffer) echo "$@" > "${0%/*}/words"; /bin/cat > "${0%/*}/buffer";; '
    tool(tmp_path, "tmux", script + 'save-buffer) /bin/cat "${0%/*}/buffer";; esac\n')
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not clipboard_tmux.available({})
    assert clipboard_tmux.available({"TMUX": "/tmp/tmux,1,0"})
    assert await clipboard_tmux.show(100) == b""
    await clipboard_tmux.load(b"\x1b]0;x\x07")
    assert (tmp_path / "words").read_text() == "load-buffer -w -\n"
    assert await clipboard_tmux.show(100) == b"\x1b]0;x\x07"
    with pytest.raises(ToolError, match="more than 3 bytes"):
        await clipboard_tmux.show(3)
    tool(tmp_path, "tmux", "#!/bin/sh\nexit 1\n")
    with pytest.raises(ToolError, match="did not take it"):
        await clipboard_tmux.load(b"x")
