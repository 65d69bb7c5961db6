"""Two guests: a client's machine with USB devices, where this program runs, and the machine that it gives them to.

The client's machine has a kernel of Debian; its root is this one's, read only over 9p, with what it writes in memory.
So the same Python runs there with the same packages, on a real kernel's usbfs, and QEMU plays the hardware.
"""

from __future__ import annotations

import sys
from pathlib import Path

from . import linux_guest
from .linux_guest import Shell
from .qemu import Qemu

BOOT_SECONDS = 180.0
SECONDS = 120.0

ROOT = "/root-of-host"
REPOSITORY = Path(__file__).parents[2]

#: In the client's machine.
CLIENT_MODULES = (
    *("virtio_pci", "9pnet_virtio", "9p", "overlay", "virtio_net", "xhci_pci", "usb_storage", "sd_mod", "vhci_hcd"),
)
HID_MODULES = ("usbhid", "hid_generic", "evdev")
#: In the machine that the devices are given to.
SERVER_MODULES = ("xhci_pci", "usb_storage", "sd_mod", *HID_MODULES, "ftdi_sio", "snd_usb_audio", "snd_pcm_oss")

#: What the devices are called, ``VID:PID``.
STORAGE, KEYBOARD, SERIAL, SOUND = "46f4:0001", "0627:0001", "0403:6001", "46f4:0002"

QUIET = "quiet loglevel=0"

#: Of an image that another drive takes when the first one was unplugged.
SPARE = ("second", "third")
RAW = "format=raw,file.locking=off,cache=writethrough"


def boot(folder: Path, megabytes: int, modules: tuple[str, ...]) -> list[str]:
    """QEMU's words for a Linux guest with these modules in its root."""
    processor = ["-cpu", "max"]  # NumPy wants more than the least of processors
    memory = ["-m", str(megabytes)]
    return [*linux_guest.arguments(folder, QUIET, linux_guest.modules(*modules)), *memory, *processor]


def load(shell: Shell, modules: tuple[str, ...]) -> None:
    for name in linux_guest.modules(*modules):
        said = shell.run(f"insmod /{name} 2>&1").strip()
        assert not said or b"exists" in said, (name, said)
    shell.run("mkdir -p /sys; mount -t sysfs sys /sys")


class ClientMachine:
    """*stick*: the image behind its USB storage; *directory* is private to it."""

    def __init__(self, directory: Path, stick: Path) -> None:
        self.directory = directory
        self._spare = list(SPARE)
        self.serial_path = directory / "serial.sock"
        self.sound_path = directory / "sound.wav"
        share = "local,id=host,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap"
        self.qemu = Qemu(
            directory,
            extra=[
                *boot(directory, 1024, CLIENT_MODULES + HID_MODULES),
                "-virtfs", share,
                "-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net",
                "-device", "qemu-xhci,id=usb",
                "-machine", "i8042=off",  # what is typed comes by USB
                *(word for id in ("stick", *SPARE) for word in ("-drive", f"if=none,id={id},file={stick},{RAW}")),
                "-device", "usb-storage,id=storage,drive=stick,bus=usb.0",
                "-device", "usb-kbd,id=keyboard,bus=usb.0",
                "-chardev", f"socket,id=line,path={self.serial_path},server=on,wait=off",
                "-device", "usb-serial,chardev=line,always-plugged=on,bus=usb.0",
                "-audiodev", f"wav,id=sound,path={self.sound_path}",
                "-device", "usb-audio,audiodev=sound,bus=usb.0",
            ],
        )  # fmt: skip

    def start(self) -> None:
        """Its shell answers when :meth:`settle` returns."""
        self.qemu.__enter__()

    def settle(self) -> None:
        shell = self.shell = Shell(self.qemu.com1, BOOT_SECONDS)
        load(shell, CLIENT_MODULES)
        load(shell, HID_MODULES)
        mounts = (
            f"mkdir -p /host /up {ROOT}",
            "mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=524288 host /host",
            "mount -t tmpfs up /up && mkdir /up/files /up/work",
            f"mount -t overlay -o lowerdir=/host,upperdir=/up/files,workdir=/up/work over {ROOT}",
            f"mount -t proc proc {ROOT}/proc",
            f"mount -t sysfs sys {ROOT}/sys",
            f"mount -t devtmpfs dev {ROOT}/dev",
            "ifconfig lo up && ifconfig eth0 10.0.2.15 up && route add default gw 10.0.2.2",
        )
        for command in mounts:
            said = shell.run(f"{command} 2>&1")
            assert not said.strip(), (command, said)

    def stop(self) -> None:
        self.qemu.__exit__(None, None, None)

    def unplug_stick(self) -> None:
        self.qemu.qmp("device_del", id="storage")

    def plug_stick(self) -> None:
        """QEMU throws a drive away with the device that had it."""
        self.qemu.qmp("device_add", driver="usb-storage", drive=self._spare.pop(0), bus="usb.0", id="storage")

    def python(self, words: str) -> str:
        """For the shell: this Python with *words*, in the repository."""
        return f"chroot {ROOT} /bin/sh -c 'cd {REPOSITORY} && exec {sys.executable} {words}'"

    def spicetui(self, words: str) -> str:
        return self.python(f"-m spicetui {words}")

    def text(self, command: str, seconds: float = BOOT_SECONDS) -> str:
        """What a command prints, errors too."""
        self.qemu.com1.send(f"({command}) 2>&1; printf '\\nended\\n'\n".encode())
        return self.qemu.com1.read_through(b"\nended\n", seconds).removesuffix(b"\nended\n").decode(errors="replace")


class ServerMachine:
    """A machine with places for redirected devices, whose kernel has drivers for them."""

    def __init__(self, directory: Path, slots: int = 2) -> None:
        places = [
            word
            for number in range(slots)
            for word in (
                "-chardev", f"spicevmc,id=slot{number},name=usbredir",
                "-device", f"usb-redir,id=usb{number},chardev=slot{number},bus=usb.0",
            )
        ]  # fmt: skip
        self.qemu = Qemu(
            directory, extra=[*boot(directory, 256, SERVER_MODULES), "-device", "qemu-xhci,id=usb", *places]
        )

    def start(self) -> None:
        self.qemu.__enter__()

    def settle(self) -> None:
        self.shell = Shell(self.qemu.com1, BOOT_SECONDS)
        load(self.shell, SERVER_MODULES)

    def stop(self) -> None:
        self.qemu.__exit__(None, None, None)
