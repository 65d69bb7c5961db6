"""Makes data/consoles.zip: pictures of QEMU's text consoles and what they say, for tests without QEMU.

    PYTHONPATH=tests python tests/term/make_consoles.py [--consolefonts FOLDER] [--setfont FILE]

Needs what tests/live needs, the fonts of Debian's console-setup-linux, and kbd.  Each console is NAME.png with
NAME.txt, the text that the guest itself says it shows.
"""

from __future__ import annotations

import argparse
import gzip
import io
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pyte
from live import guest, linux_guest, uefi_guest
from live.guest import Scenes
from live.linux_guest import Shell
from live.qemu import Qemu
from live.test_text_qemu import SIGNS, text_memory
from PIL import Image

TARGET = Path(__file__).with_name("data") / "consoles.zip"
FONTS = ("Lat15-Fixed16", "Lat15-Terminus16", "Lat15-VGA16", "Uni2-TerminusBold28x14", "FullGreek-Fixed18")
SETFONT = "/ld-linux-x86-64.so.2 --library-path / /setfont"
TEXT = (
    "\x1b[2J\x1b[H\x1b[1;37;41m The quick brown fox \x1b[44m jumps over the lazy dog. \x1b[m 0123456789\n"
    "\x1b[33m┌──────┬──┐\n│ {}|~ │@#│ \x1b[7m inverse, gjpqy \x1b[27m\n└──────┴──┘ \x1b[36mTHE QUICK BROWN FOX\n"
    "\x1b[m!\"#$&'()*+,-./:;<=>?[\\]^_` Üß\n\x1b[32mguest $ \x1b[m"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--consolefonts", type=Path, default=Path("/usr/share/consolefonts"))
    parser.add_argument("--setfont", type=Path, default=Path("/bin/setfont"))
    arguments = parser.parse_args()
    TARGET.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(TARGET, "w", zipfile.ZIP_DEFLATED) as archive, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Qemu(folder, disk=guest.build("scenes", folder)) as machine:
            Scenes(machine).draw(Scenes.TEXT, 9)
            memory = text_memory(machine)
            lines = ["".join(SIGNS[code] for code in row) for row in memory[..., 0].tolist()]
            keep(archive, "vga-all-signs", machine.screendump(), lines)
            archive.writestr("vga-all-signs.attributes", memory[..., 1].tobytes())
        with Qemu(folder, extra=uefi_guest.arguments(folder)) as machine:
            terminal = pyte.Screen(100, 31)
            pyte.ByteStream(terminal).feed(uefi_guest.reach_shell(machine))
            keep(archive, "uefi", machine.rest_pictures()[0], terminal.display)
        files = {
            f"{font}.psf": gzip.decompress((arguments.consolefonts / f"{font}.psf.gz").read_bytes()) for font in FONTS
        }
        libraries = (Path("/lib64/ld-linux-x86-64.so.2"), *Path("/lib").glob("*/libc.so.6"))
        files |= {path.name: path.read_bytes() for path in (arguments.setfont, *libraries)}
        for mode, title in (("", "vga"), (linux_guest.VESA_1024_768, "framebuffer")):
            with Qemu(folder, extra=linux_guest.arguments(folder, mode, files)) as machine:
                shell = Shell(machine.com1)
                for font in (None, *FONTS):
                    if font and (title == "vga" and not font.endswith("16")):
                        continue
                    if font:
                        print(shell.run(f"{SETFONT} -C /dev/tty1 /{font}.psf 2>&1").decode(), end="")
                    shell.show(TEXT)
                    columns = int(shell.run("stty -F /dev/tty1 size").split()[1])
                    keep(archive, f"linux-{title}-{font or 'own'}", machine.screendump(), shell.console(columns))
    print(f"{TARGET.name}: {TARGET.stat().st_size} bytes")


def keep(archive: zipfile.ZipFile, name: str, rgb: np.ndarray, lines: list[str]) -> None:
    image = Image.fromarray(rgb).quantize(256, dither=Image.Dither.NONE)
    assert np.array_equal(np.asarray(image.convert("RGB")), rgb)
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    archive.writestr(f"{name}.png", file.getvalue())
    archive.writestr(f"{name}.txt", "\n".join(lines))
    print(name, rgb.shape)


if __name__ == "__main__":
    main()
