"""The kernels of codecs and canvas compiled with ASan and UBSan, in a copy of the package."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FLAGS = (
    "-O1", "-g", "-fwrapv", "-fno-strict-aliasing", "-fno-omit-frame-pointer", "-Wno-unused-function",
    "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined",
)  # fmt: skip
BUILD = """
import importlib.util, sys
from pathlib import Path
import setuptools
spec = importlib.util.spec_from_file_location("backend", Path("spicetui/_build/backend.py").absolute())
backend = importlib.util.module_from_spec(spec)
spec.loader.exec_module(backend)
backend.FLAGS[:] = sys.argv[1:]
names = [name for name in backend.kernels() if name.startswith(("spicetui.codecs.", "spicetui.canvas."))]
setuptools.setup(
    name="sanitized",
    packages=[],
    cmdclass={"build_ext": backend.BuildKernels},
    ext_modules=[setuptools.Extension(name, [name.replace(".", "/") + ".py"]) for name in names],
    script_args=["-q", "build_ext", "--inplace", "--force"],
)
missing = [name for name in names if not backend.beside(name).exists()]
sys.exit(f"not compiled: {missing}" if missing else 0)
"""


def build(folder: Path) -> None:
    """Copies package and tests into *folder* and compiles the kernels there."""
    ignored = shutil.ignore_patterns("__pycache__", "*.so", "*.pyd")
    for name in ("spicetui", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored, dirs_exist_ok=True)
    shutil.copy2(ROOT / "pyproject.toml", folder)
    link = {"LDSHARED": "gcc -shared -fsanitize=address,undefined"}
    subprocess.run([sys.executable, "-c", BUILD, *FLAGS], cwd=folder, env={**os.environ, **link}, check=True)


def environment(folder: Path) -> dict[str, str]:
    """In which a Python loads that build: every object lies in memory of its own, which the sanitizer watches."""
    libraries = []
    for name in ("libasan.so", "libubsan.so"):
        found = subprocess.run(["gcc", f"-print-file-name={name}"], capture_output=True, text=True, check=True)
        libraries.append(found.stdout.strip())
    return {
        **os.environ,
        "LD_PRELOAD": " ".join(libraries),
        "PYTHONPATH": str(folder),
        "PYTHONMALLOC": "malloc",
        "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1:allocator_may_return_null=1:quarantine_size_mb=64",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    }
