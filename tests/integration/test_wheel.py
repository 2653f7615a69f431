"""The built wheel, installed and used far from the source tree: what users get, not what developers have."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
import time
import zipfile
from collections.abc import Iterator
from email.parser import Parser
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from support.container.bases import cpu_wheels

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "scripts" / "container"
PACKAGE = ROOT / "python" / "ktrdr"
EXTRAS = ("", "worker")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, by the script that builds it everywhere; quick where the extension is up to date."""
    folder = tmp_path_factory.mktemp("dist")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run([SCRIPTS / "build_wheel.sh", folder], check=True, env=os.environ | {"PATH": path})
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def inside(wheel: Path) -> dict[str, bytes]:
    """The wheel's files by name."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_wheel_fits_every_python_from_3_11(wheel: Path) -> None:
    assert re.fullmatch(r"ktrdr-\d+\.\d+\.\d+-cp311-abi3-(manylinux|macosx|win|musllinux)\w+\.whl", wheel.name)


def test_the_wheel_is_the_package(inside: dict[str, bytes]) -> None:
    """Every file of the package by its content, one extension, and no tests, caches or sources of the core."""
    files = [path for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    expected = {f"ktrdr/{path.relative_to(PACKAGE).as_posix()}": path for path in files if path.suffix != ".so"}
    found = {name: data for name, data in inside.items() if ".dist-info/" not in name}
    assert [name for name in found if name not in expected] == ["ktrdr/_core.abi3.so"]
    assert {name for name in expected if found.get(name) != expected[name].read_bytes()} == set()
    assert {"ktrdr/py.typed", "ktrdr/_core.pyi", "ktrdr/strategy/builtin/v3_minimal.yaml"} <= set(found)


def test_metadata(inside: dict[str, bytes]) -> None:
    (name,) = (name for name in inside if name.endswith(".dist-info/METADATA"))
    said = Parser().parsestr(inside[name].decode())
    assert said["Requires-Python"] == ">=3.11"
    assert said["License-Expression"] == "MIT"
    assert inside[name.replace("METADATA", "licenses/LICENSE")] == (ROOT / "LICENSE").read_bytes()
    assert str(said.get_payload()).strip() == (ROOT / "README.md").read_text().strip()
    assert {
        "torch",
        "worker",
        "pandas",
        "plot",
        "notebook",
        "report",
        "research",
        "paper",
        "study",
        "cluster",
        "docs",
        "dev",
    } == set(said.get_all("Provides-Extra", []))
    for entry in map(Requirement, said.get_all("Requires-Dist", [])):
        assert {one.operator for one in entry.specifier} <= {">=", "<"}, entry
        # Ray is not locked: the nodes of a user's cluster decide its version.
        assert entry.name == "ray" or entry.specifier.contains(_locked()[entry.name.lower()]), entry
        assert not any(one.version.count(".") > 2 for one in entry.specifier), entry


def _locked() -> dict[str, str]:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    return dict(line.split("==") for line in lines if "==" in line)


@pytest.fixture(scope="module", params=["linked", pytest.param("downloaded", marks=pytest.mark.soak)])
def programs(request: pytest.FixtureRequest, wheel: Path) -> Iterator[Path]:
    """The programs of a fresh environment that holds the wheel and what it declares, and nothing for developers.

    linked: pip installs the wheel alone, and its dependencies are links to those of this environment (seconds).
    downloaded: the image's own script installs both from the index in the locked versions (a minute, 1.3 GB).
    """
    with tempfile.TemporaryDirectory(prefix="ktrdr-wheel-", ignore_cleanup_errors=True) as name:
        venv = Path(name, "venv")
        if request.param == "downloaded":
            env = os.environ | {"PIP_FIND_LINKS": str(cpu_wheels())}
            subprocess.run([SCRIPTS / "install_runtime.sh", wheel.parent, venv], check=True, env=env)
        else:
            _install_linked(wheel, venv, EXTRAS)
        yield venv / "bin"


@pytest.fixture(scope="module")
def plain_python(wheel: Path) -> Iterator[Path]:
    """The Python of a fresh environment with the wheel alone: no extra, so no torch and no pandas."""
    with tempfile.TemporaryDirectory(prefix="ktrdr-plain-", ignore_cleanup_errors=True) as name:
        venv = Path(name, "venv")
        _install_linked(wheel, venv, ("",))
        yield venv / "bin" / "python"


def _install_linked(wheel: Path, venv: Path, extras: tuple[str, ...]) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    python = venv / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check", "install", "--quiet"]
    subprocess.run([*pip, "--no-deps", "--no-index", wheel], check=True)
    (site,) = venv.glob("lib/python*/site-packages")
    tops = {file.parts[0] for found in _runtime(wheel, extras) for file in found.files or []}
    for top in tops - {"..", "__pycache__"}:
        (site / top).symlink_to(Path(sysconfig.get_path("purelib"), top))


def _runtime(wheel: Path, wanted_extras: tuple[str, ...]) -> list[Distribution]:
    """Returns the packages that the wheel needs with those extras, at any depth, as far as they are wanted here."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        said = Parser().parsestr(archive.read(name).decode())
    waiting = [(Requirement(entry), wanted_extras) for entry in said.get_all("Requires-Dist", [])]
    seen: dict[tuple[str, frozenset[str]], Distribution] = {}
    while waiting:
        entry, extras = waiting.pop()
        key = (entry.name.lower(), frozenset(entry.extras))
        wanted = entry.marker is None or any(entry.marker.evaluate({"extra": extra}) for extra in extras)
        if wanted and key not in seen:
            seen[key] = distribution(entry.name)
            below = map(Requirement, seen[key].requires or [])
            waiting += [(one, ("", *entry.extras)) for one in below]
    return list({found.name: found for found in seen.values()}.values())


@pytest.fixture
def env(programs: Path, tmp_path: Path) -> dict[str, str]:
    """An environment that knows of this installation and of a new data folder, and of no source tree."""
    return {"PATH": f"{programs}:/usr/bin:/bin", "HOME": str(tmp_path), "KTRDR_DATA_DIR": str(tmp_path / "data")}


def _run(line: str, env: dict[str, str], folder: Path) -> str:
    done = subprocess.run(line.split(), env=env, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_imports_from_where_it_was_installed(programs: Path, env: dict[str, str], tmp_path: Path) -> None:
    where, version, dev = subprocess.run(
        [programs / "python", "-c", _WHERE], env=env, cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert Path(where).is_relative_to(programs.parent)
    assert version == "0.1.0"
    assert dev == "[]"


_WHERE = """
from importlib.metadata import version
from importlib.util import find_spec
import ktrdr._core, ktrdr.backtesting.engine
print(ktrdr._core.__file__)
print(version("ktrdr"))
print([name for name in ("pytest", "pandas", "pyarrow", "hypothesis", "talipp", "maturin") if find_spec(name)])
"""


PLAIN = """
import pydoc
import numpy as np
import polars as pl
import ktrdr
from importlib.util import find_spec
from ktrdr.strategy.loader import load_strategy

assert not any(find_spec(name) for name in ("torch", "safetensors", "pandas", "altair", "fastapi"))
stamps = np.arange(1_600, dtype=np.int64) * 3_600 * 10**9
close = 100 + 5 * np.sin(np.arange(1_600) / 20)
bars = pl.DataFrame({"timestamp": stamps, "open": close, "high": close + 1, "low": close - 1, "close": close})
result = ktrdr.simulate(bars, np.tile(np.array([1, 0, -1, 0], np.int8), 400))
assert result.metrics["trades"] > 0
file = load_strategy("v3_minimal").canonical()
assert len(ktrdr.features(file, "EURUSD", "1h", bars={"1h": bars}).frame) == 1_600
assert len(ktrdr.labels(file, "EURUSD", bars={"1h": bars})) == 1_600
pydoc.render_doc(ktrdr)
wants = {
    "torch": [
        lambda: ktrdr.train(file, "EURUSD", bars={"1h": bars}),
        lambda: ktrdr.backtest(file, "EURUSD", "1h", bars={"1h": bars}),
    ],
    "pandas": [result.to_pandas],
    "plot": [result.plot],
}
for extra, calls in wants.items():
    for call in calls:
        try:
            call()
        except ImportError as error:
            assert error.code == "library_missing"
            assert str(error).endswith(f"; pip install 'ktrdr[{extra}]'"), error
        else:
            raise AssertionError(call)
print("plain")
"""


def test_a_plain_wheel_needs_no_torch(plain_python: Path, tmp_path: Path) -> None:
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "KTRDR_DATA_DIR": str(tmp_path / "data")}
    done = subprocess.run(
        [plain_python, "-c", PLAIN], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert (done.stdout, done.stderr) == ("plain\n", "")
    program = f"{plain_python.parent / 'ktrdr'}"
    assert "EURUSD 1h" in _run(f"{program} data sample", env, tmp_path)
    assert "1h_rsi" in _run(f"{program} validate v3_minimal", env, tmp_path)
    span = "--start-date 2024-02-01 --end-date 2024-03-01"
    for line in (f"train v3_minimal EURUSD 1h {span}", f"backtest run v3_minimal EURUSD 1h {span}", "demo", "worker"):
        refused = subprocess.run([program, *line.split()], env=env, cwd=tmp_path, capture_output=True, text=True)
        assert (refused.returncode, refused.stderr[:16]) == (2, "library_missing:"), refused.stderr
        assert "pip install 'ktrdr[" in refused.stderr
    assert json.loads(_run(f"{program} --json operations list", env, tmp_path))["operations"] == []
    assert "torch is not installed" in _run(f"{program} doctor", env, tmp_path)


def test_commands(programs: Path, env: dict[str, str], tmp_path: Path) -> None:
    for command in ("train", "backtest", "doctor", "worker"):
        assert re.search(rf"^\W*{command}\b", _run("ktrdr --help", env, tmp_path), re.M)
    doctor = json.loads(_run("ktrdr --json doctor", env, tmp_path))
    assert [line for line in doctor["missing"] if not line.startswith("no series")] == []
    assert doctor["versions"]["ktrdr"] == "0.1.0"
    strategies = json.loads(_run("ktrdr --json strategies", env, tmp_path))["strategies"]
    built_in = {path.stem for path in (PACKAGE / "strategy" / "builtin").glob("*.yaml")}
    assert {strategy["name"] for strategy in strategies} == built_in


def test_worker(programs: Path, env: dict[str, str], tmp_path: Path) -> None:
    """Serves, brings up its database, and ends soon after SIGTERM."""
    with subprocess.Popen(
        [programs / "ktrdr", "worker", "--port", "0"], env=env, cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as worker:
        try:
            assert worker.stderr is not None
            url = re.search(r"http://127\.0\.0\.1:\d+", worker.stderr.readline())
            assert url is not None
            done = subprocess.run([SCRIPTS / "healthcheck.py", f"{url[0]}/health"], timeout=60, check=True)
            assert done.returncode == 0
            assert (tmp_path / "data" / "ktrdr.db").exists()
            worker.terminate()
            begun = time.monotonic()
            assert worker.wait(20) == 0, worker.stderr.read()
            assert time.monotonic() - begun < 10
        finally:
            worker.kill()
