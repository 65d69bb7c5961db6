"""`usb`: what is refused before anything is connected, and how its drives are told of and changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from spicetui.cli.exits import UsageError
from spicetui.cli.usb import Control, Events
from spicetui.devices.usb_storage import MassStorage
from spicetui.errors import UsbError

from .conftest import Run


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(4096))
    return path


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "the following arguments are required: action; see spicetui usb --help"),
        (("attach",), "attach needs a TARGET; see spicetui usb --help"),
        (("attach", "demo"), "attach what? name a DEVICE of spicetui usb list, --disk IMAGE or --cd ISO"),
        (("attach", "demo", "--cd", "x", "--writable"), "--writable is for --disk"),
        (("attach", "demo", "1-1", "--control"), "--control is for --disk and --cd"),
        (("attach", "demo", "--cd", "x", "--read-only"), "--read-only keeps devices from being attached; leave it out"),
        (("list", "demo"), "list tells of this computer's devices; it takes no TARGET"),
        (("attach", "demo", "--cd", "x", "--seconds", "0"), "argument --seconds: '0' is not a number of seconds"),
    ],
)
def test_what_makes_no_sense(run: Run, words: tuple[str, ...], sentence: str) -> None:
    result = run("usb", *words)
    assert result.status == 2
    assert result.error.startswith(sentence)


def test_images_are_checked_before_anything_is_connected(run: Run, image: Path) -> None:
    unreachable = "127.0.0.1:1"
    result = run("usb", "attach", unreachable, "--cd", str(image), "--disk", str(image.with_name("absent")))
    assert (result.status, result.error) == (1, f"{image.with_name('absent')}: no such file or directory")
    image.write_bytes(b"QFI\xfb".ljust(4096))
    result = run("usb", "attach", unreachable, "--disk", str(image))
    assert result.status == 1
    assert "a qcow2 image, not a raw one; convert it: qemu-img convert -O raw" in result.error


def test_the_same_image_cannot_be_written_twice(run: Run, image: Path) -> None:
    result = run("usb", "attach", "127.0.0.1:1", "--disk", str(image), "--disk", str(image), "--writable")
    assert (result.status, result.error) == (1, f"{image}: in use by another program; end that, or attach a copy")
    result = run("usb", "attach", "127.0.0.1:1", "--disk", str(image), "--disk", str(image))
    assert result.status == 3  # read-only it may


def test_a_server_without_slots(run: Run, image: Path) -> None:
    result = run("usb", "attach", "demo", "--disk", str(image))
    assert (result.status, result.error) == (6, "the server offers no USB redirection (no usbredir channel)")


@pytest.fixture
def drive(image: Path) -> MassStorage:
    return MassStorage.cd(image)


def test_events_of_a_drive(drive: MassStorage, image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Events(True, [drive])
    drive.ejected_by_guest = True
    drive.on_change()
    told = json.loads(capsys.readouterr().out)
    assert (told["event"], told["number"], told["kind"], told["image"]) == ("ejected", 0, "cd", str(image))
    Events(False, [drive])
    drive.on_change()
    assert capsys.readouterr().out == f"ejected: cd {image}\n"


async def test_lines_that_change_media(drive: MassStorage, image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    events = Events(False, [drive])
    control = Control(True, events)
    for line in ("eject", "eject 1", "eject x", "eject 0 now", "insert 0", "load 0", f"insert -1 {image}"):
        with pytest.raises(UsageError, match="is neither 'eject N' nor 'insert N FILE'"):
            await control.obey(line)
    await control.obey("")
    await control.obey("eject 0")
    assert drive.medium is None
    with pytest.raises(UsbError, match="no such file"):
        await control.obey("insert 0 absent.iso")
    spaced = image.with_name("a disc.iso")
    image.rename(spaced)
    await control.obey(f"insert 0 {spaced}")
    assert capsys.readouterr().out.splitlines() == [f"removed: cd {image}", f"inserted: cd {spaced}"]
    await drive.close()
