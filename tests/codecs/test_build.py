"""The kernels: none is stale, and the build backend compiles, or falls back, whatever the machine has."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest

from spicetui import _cython, codecs

ROOT = Path(__file__).parents[2]
KERNELS: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["spicetui"]["kernels"]
EXTENSION = sysconfig.get_config_var("EXT_SUFFIX")

TINY = """
from __future__ import annotations

try:
    from spicetui import _cython as cython
except ImportError:
    import cython

if not cython.compiled:
    from spicetui._cython import clz64

COMPILED: bool = cython.compiled


def zeros(value: int) -> int:
    word: cython.ulonglong = value
    return clz64(word)
"""


def test_every_kernel_is_there() -> None:
    assert set(codecs.KERNELS) <= set(KERNELS)
    for kernel in KERNELS:
        assert ROOT.joinpath(*kernel.split(".")).with_suffix(".py").is_file()


@pytest.mark.parametrize("kernel", KERNELS)
def test_no_binary_is_stale(kernel: str) -> None:
    assert not _cython.stale(kernel), f"{kernel} was edited since: pip install -e . --no-build-isolation"


def test_a_stale_binary_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "kernel.py"
    source.write_text("x = 1\n")
    binary = tmp_path / "kernel.cpython-311-x86_64-linux-gnu.so"
    binary.write_bytes(b"\x7fELF spicetui-source:" + _cython.source_hash(source).encode() + b":0123")
    monkeypatch.setattr(_cython, "binary", lambda module: binary)
    assert not _cython.stale("kernel")
    source.write_text("x = 2\n")
    assert _cython.stale("kernel")


def test_compiled_says_what_runs() -> None:
    code = """
from spicetui import codecs
before = codecs.COMPILED
from spicetui.codecs import quic, lz, glz
print(before, codecs.COMPILED, quic.COMPILED and lz.COMPILED and glz.COMPILED, quic.__file__.endswith(".py"))
"""
    for pure, expected in (
        ("1", "False False False True"),
        ("0", f"{codecs.COMPILED} " * 3 + str(not codecs.COMPILED)),
    ):
        command = [sys.executable, "-c", code]
        environment = os.environ | {"SPICETUI_PURE": pure}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == expected


def test_the_package_is_cheap() -> None:
    code = "import sys; from spicetui import codecs; codecs.COMPILED; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
    assert codecs.limits.MAX_PIXELS > 0
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = codecs.nonsense


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A package with our backend and one small kernel."""
    folder = tmp_path / "project"
    package = folder / "spicetui"
    shutil.copytree(ROOT / "spicetui" / "_build", package / "_build", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("_cython.py", "_cython.pxd"):
        shutil.copy(ROOT / "spicetui" / name, package)
    (package / "__init__.py").write_text("")
    (package / "tiny.py").write_text(TINY)
    (package / "tiny.pxd").write_text("from spicetui._cython cimport clz64\n")
    (folder / "pyproject.toml").write_text("""
[build-system]
requires = []
build-backend = "backend"
backend-path = ["spicetui/_build"]

[project]
name = "tiny"
version = "1"

[tool.setuptools.packages.find]
include = ["spicetui*"]
exclude = ["spicetui._build*"]

[tool.setuptools.package-data]
spicetui = ["*.pxd"]

[tool.spicetui]
kernels = ["spicetui.tiny"]
""")
    return folder


def run_hook(project: Path, code: str, **environment: str) -> str:
    """What `code` prints, run in `project` with the backend at hand."""
    script = f"import sys; sys.path.insert(0, 'spicetui/_build'); import backend\n{code}"
    kept = {name: value for name, value in os.environ.items() if name not in ("CC", "SPICETUI_PURE")}
    command = [sys.executable, "-W", "ignore", "-c", script]
    done = subprocess.run(command, cwd=project, env=kept | environment, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def built(project: Path, **environment: str) -> Path:
    """The folder into which the wheel, built with that environment, has been unpacked."""
    wheels = project.parent / "wheels"
    name = run_hook(project, "print('\\nwheel', backend.build_wheel('../wheels'))", **environment).split()[-1]
    target = project.parent / "installed"
    shutil.rmtree(target, ignore_errors=True)
    with zipfile.ZipFile(wheels / name) as archive:
        archive.extractall(target)
    return target


def runs(target: Path, project: Path) -> str:
    code = "from spicetui import tiny, _cython; print(tiny.COMPILED, tiny.zeros(1), _cython.stale('spicetui.tiny'))"
    command = [sys.executable, "-P", "-c", code]
    environment = os.environ | {"PYTHONPATH": str(target), "SPICETUI_PURE": "0"}
    return subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, check=True
    ).stdout.strip()


needs_tools = pytest.mark.skipif(
    shutil.which((sysconfig.get_config_var("CC") or "cc").split()[0]) is None, reason="there is no C compiler here"
)


def binaries(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.suffix in (".so", ".pyd")]


@needs_tools
def test_with_a_compiler(project: Path) -> None:
    run_hook(project, "backend.build_editable('../wheels')")
    assert binaries(project / "spicetui")
    assert runs(project, project) == "True 63 False"
    # An edited source is compiled anew, also when it is older than the binary.
    source = project / "spicetui" / "tiny.py"
    source.write_text(TINY.replace("return clz64(word)", "return clz64(word) + 100"))
    os.utime(source, (10**9, 10**9))
    assert runs(project, project) == "True 63 True"
    target = built(project)
    assert binaries(target)
    assert runs(target, project) == "True 163 False"


@pytest.mark.parametrize(
    "environment",
    [{"CC": "/nonexistent/cc", "PYTHONPATH": "no-ziglang"}, {"SPICETUI_PURE": "1"}, {"CC": "false"}],
    ids=["no compiler", "SPICETUI_PURE", "compiler fails"],
)
def test_without_a_compiler(project: Path, environment: dict[str, str]) -> None:
    blocked = project / "no-ziglang" / "sitecustomize.py"  # as if ziglang were not installed, wherever this runs
    blocked.parent.mkdir()
    blocked.write_text(
        "import importlib.util as u\nfind = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name == 'ziglang' else find(name, *rest)\n"
    )
    target = built(project, **environment)
    assert not binaries(target)
    assert (target / "spicetui" / "tiny.py").is_file()
    assert runs(target, project) == "False 63 False"


def test_a_kernel_that_does_not_compile(project: Path) -> None:
    """Nor does the binary of an older source stay behind."""
    source = project / "spicetui" / "tiny.py"
    source.write_text(TINY + "\n\ndef wrong() -> None:\n    word: cython.ulonglong = cython.address(clz64)\n")
    old = source.with_suffix(EXTENSION)
    old.write_bytes(b"spicetui-source:0:0")
    run_hook(project, "backend.build_editable('../wheels')")
    assert not old.exists()
    assert runs(project, project) == "False 63 False"


@pytest.mark.parametrize(
    ("compiler", "index", "expected"),
    [("/nonexistent/cc", True, "['ziglang']"), ("/nonexistent/cc", False, "[]"), (sys.executable, True, "[]")],
    ids=["offered", "not to be had", "has a compiler"],
)
def test_requirements(project: Path, compiler: str, index: bool, expected: str) -> None:
    code = f"""
backend.zig_compiler = lambda: None
backend.zig_would_help = lambda: {index}
print('\\nneeded', [name for name in backend.get_requires_for_build_wheel() if name == 'ziglang'])
"""
    assert run_hook(project, code, CC=compiler).endswith(f"needed {expected}\n")
    assert run_hook(project, code, CC=compiler, SPICETUI_PURE="1").endswith("needed []\n")
