"""The build backend: setuptools, plus the compiled kernels named in pyproject.toml (``[tool.spicetui] kernels``).

A kernel is a Python module in Cython's pure mode.  Compiling it is an optimisation and never a condition:
whatever fails, the module's .py is installed and runs interpreted.  ``SPICETUI_PURE=1`` compiles nothing.
A machine without a C compiler gets one as a build requirement (``ziglang``) where there is one to be had.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import setuptools
from setuptools.build_meta import _BuildMetaBackend
from setuptools.command.build_ext import build_ext
from setuptools.command.sdist import sdist

ROOT = Path(__file__).resolve().parents[2]
SHIM = "spicetui/_cython"  # what every kernel includes; its .pxd counts as a part of each source
FLAGS = ["-O3", "-g0", "-DNDEBUG", "-fwrapv", "-fno-strict-aliasing", "-Wno-unused-function", "-Wno-unreachable-code"]
DIRECTIVES = {
    "language_level": 3,
    "boundscheck": False,
    "wraparound": False,
    "initializedcheck": False,
    "cdivision": True,
    "freethreading_compatible": True,
    "embedsignature": True,
}
ZIG_MACHINES = {"x86_64", "amd64", "aarch64", "arm64", "i686", "armv7l", "ppc64le", "riscv64", "s390x"}


def pure() -> bool:
    return os.environ.get("SPICETUI_PURE", "0") not in ("", "0")


def kernels() -> list[str]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        names: list[str] = tomllib.load(file)["tool"]["spicetui"]["kernels"]
    return names


def c_compiler() -> list[str] | None:
    """The C compiler that setuptools would run, or None when it is not on this machine."""
    command = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()
    return command if command and shutil.which(command[0]) else None


def zig_compiler() -> list[str] | None:
    if importlib.util.find_spec("ziglang") is None:
        return None
    return [sys.executable, "-m", "ziglang", "cc", "-fno-sanitize=undefined"]


def zig_would_help() -> bool:
    """Whether ziglang is for this machine, has Python's headers to work with, and is in the package index.

    When there is no pip to ask the index, assume that it is.
    """
    if platform.machine().lower() not in ZIG_MACHINES or not Path(sysconfig.get_path("include"), "Python.h").exists():
        return False
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    try:
        if subprocess.run([*pip, "--version"], env=environment, capture_output=True, timeout=60).returncode:
            return True
        command = [*pip, "index", "versions", "--retries", "1", "--timeout", "10", "ziglang"]
        return subprocess.run(command, env=environment, capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def source_hash(stem: Path) -> str:
    """Of a kernel's sources (`stem` has no suffix); spicetui/_cython.py computes the same."""
    digest = hashlib.sha256()
    for path in (stem.with_suffix(".py"), stem.with_suffix(".pxd"), ROOT / f"{SHIM}.pxd"):
        digest.update(path.read_bytes() if path.exists() else b"")
        digest.update(b"\0")
    return digest.hexdigest()


def build_hash(compiler: list[str]) -> str:
    """Of everything else that a binary depends on."""
    import Cython

    parts = [Path(__file__).read_bytes(), Cython.__version__.encode(), sys.version.encode(), repr(compiler).encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def beside(name: str) -> Path:
    """Where an editable install keeps the binary of a kernel."""
    return ROOT.joinpath(*name.split(".")).with_suffix(str(sysconfig.get_config_var("EXT_SUFFIX")))


def stamp(source: str, build: str = "") -> bytes:
    """The bytes by which a binary tells what it was compiled from."""
    return f"spicetui-source:{source}:{build}".encode()


class BuildKernels(build_ext):
    """Compiles what it can; a kernel that cannot be compiled leaves the list and stays a .py."""

    def run(self) -> None:
        try:
            super().run()
        except Exception as error:  # such as no compiler that setuptools knows how to set up
            self.announce(f"the kernels stay interpreted: {type(error).__name__}: {error}", level=4)
            self._drop(list(self.extensions))

    def build_extensions(self) -> None:
        compiler = c_compiler() or zig_compiler()
        if compiler is None:
            self.announce("no C compiler: the kernels stay interpreted", level=4)
            self._drop(list(self.extensions))
            return
        if c_compiler() is None:
            link = ["-shared", "-undefined", "dynamic_lookup"] if sys.platform == "darwin" else ["-shared"]
            self.compiler.set_executables(compiler_so=[*compiler, "-fPIC"], linker_so=[*compiler, *link])
        with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
            built = list(pool.map(lambda ext: self._try(ext, compiler), list(self.extensions)))
        self._drop([ext for ext, good in zip(list(self.extensions), built, strict=True) if not good])

    def _try(self, ext: setuptools.Extension, compiler: list[str]) -> bool:
        try:
            self._build(ext, compiler)
        except Exception as error:  # anything at all: a missing header, an old Cython, a full disk
            self.announce(f"{ext.name} stays interpreted: {type(error).__name__}: {error}", level=4)
            return False
        return True

    def _build(self, ext: setuptools.Extension, compiler: list[str]) -> None:
        stem = ROOT.joinpath(*ext.name.split("."))
        mark = stamp(source_hash(stem), build_hash(compiler))
        target = Path(self.get_ext_fullpath(ext.name))
        target.parent.mkdir(parents=True, exist_ok=True)
        kept = beside(ext.name)
        if not self.force and kept.exists() and mark in kept.read_bytes():
            shutil.copy2(kept, target)
            return
        c_file = Path(self.build_temp, *ext.name.split(".")).with_suffix(".c")
        c_file.parent.mkdir(parents=True, exist_ok=True)
        options = [f"--directive={name}={value}" for name, value in DIRECTIVES.items()]
        command = [sys.executable, "-m", "cython", "-3", *options, "-o", str(c_file.absolute())]
        source = stem.with_suffix(".py").relative_to(ROOT)
        subprocess.run([*command, str(source)], cwd=ROOT, check=True)
        with c_file.open("a") as file:
            file.write(f'\nconst char spicetui_stamp_{ext.name.replace(".", "_")}[] = "{mark.decode()}";\n')
        objects = self.compiler.compile(
            [str(c_file)], output_dir=self.build_temp, include_dirs=self.compiler.include_dirs, extra_postargs=FLAGS
        )
        self.compiler.link_shared_object(objects, str(target), build_temp=self.build_temp, target_lang="c")

    def _drop(self, failed: list[setuptools.Extension]) -> None:
        """Forget `failed`, binaries of older sources included: they would win over the .py."""
        for ext in failed:
            if self.inplace or self.editable_mode:
                beside(ext.name).unlink(missing_ok=True)
        self.extensions = [ext for ext in self.extensions if ext not in failed]


class Sdist(sdist):
    """A source distribution has the backend and the tests too."""

    def make_release_tree(self, base_dir: str, files: list[str]) -> None:
        folders = [ROOT / name for name in ("spicetui/_build", "tests", "demos")]
        found = [path.relative_to(ROOT) for folder in folders for path in folder.rglob("*") if path.is_file()]
        more = [str(path) for path in found if "__pycache__" not in path.parts]
        super().make_release_tree(base_dir, [*files, *more])


class Backend(_BuildMetaBackend):
    def run_setup(self, setup_script: str = "setup.py") -> None:
        commands: dict[str, Any] = {"build_ext": BuildKernels, "sdist": Sdist}
        names = [] if pure() else kernels()
        extensions = [setuptools.Extension(name, [f"{name.replace('.', '/')}.py"], optional=True) for name in names]
        with tempfile.TemporaryDirectory() as base:  # what an earlier build left can be older or newer than the sources
            setuptools.setup(cmdclass=commands, ext_modules=extensions, options={"build": {"build_base": base}})

    def get_requires_for_build_wheel(self, config_settings: Any = None) -> list[str]:
        needed: list[str] = super().get_requires_for_build_wheel(config_settings)
        if not pure() and c_compiler() is None and zig_compiler() is None and zig_would_help():
            needed.append("ziglang")
        return needed

    def build_editable(self, wheel_directory: Any, config_settings: Any = None, metadata_directory: Any = None) -> str:
        if pure():
            for name in kernels():
                beside(name).unlink(missing_ok=True)
        basename: str = super().build_editable(wheel_directory, config_settings, metadata_directory)
        return basename


_backend = Backend()
get_requires_for_build_wheel = _backend.get_requires_for_build_wheel
get_requires_for_build_sdist = _backend.get_requires_for_build_sdist
get_requires_for_build_editable = _backend.get_requires_for_build_editable
prepare_metadata_for_build_wheel = _backend.prepare_metadata_for_build_wheel
prepare_metadata_for_build_editable = _backend.prepare_metadata_for_build_editable
build_wheel = _backend.build_wheel
build_sdist = _backend.build_sdist
build_editable = _backend.build_editable
