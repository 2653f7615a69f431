"""The locked dependencies name no machine, no index and no accelerator."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DECLARED = [*PROJECT["dependencies"], *(name for extra in PROJECT["optional-dependencies"].values() for name in extra)]
LOCK = (ROOT / "requirements.lock").read_text()
HASHES = (ROOT / "requirements.hashes").read_text()
REQUIREMENTS = [line for line in LOCK.splitlines() if line and not line.lstrip().startswith("#")]


def test_the_lock_is_plain() -> None:
    for refused in ("+", "nvidia", "--find-links", "--index-url", "--hash", "://"):
        assert refused not in LOCK, refused


def test_every_line_is_one_exact_version() -> None:
    assert all(re.fullmatch(r"[a-z0-9._-]+==[0-9][A-Za-z0-9.]*", line) for line in REQUIREMENTS), REQUIREMENTS


def test_every_locked_file_has_its_hashes_but_torch() -> None:
    """PyTorch's index and ours have other files of one version, so no list of hashes would fit every machine."""
    entries = re.findall(r"^(\S+==\S+)((?: \\\n    --hash=sha256:[0-9a-f]{64})+)$", HASHES, re.MULTILINE)
    assert sorted(name for name, _ in entries) == sorted(it for it in REQUIREMENTS if not it.startswith("torch=="))
    assert "".join(f"{name}{hashes}\n" for name, hashes in entries) == HASHES, "nothing else is in the file"


def test_every_declared_dependency_is_locked_but_ray() -> None:
    """The nodes of a user's cluster decide the version of Ray; no test but the soak runs it."""
    names = {re.split(r"[><=\[ ]", entry)[0].lower() for entry in DECLARED}
    assert names - {"ray"} <= {line.partition("==")[0] for line in REQUIREMENTS}


def test_every_dependency_earns_its_place_in_one_line() -> None:
    design = (ROOT / "DESIGN.md").read_text()
    cargo = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["dependencies"]
    names = [re.split(r"[><=\[ ]", entry)[0] for entry in DECLARED] + list(cargo)
    missing = [name for name in names if not re.search(rf"^\| `{re.escape(name)}`", design, re.M | re.I)]
    assert missing == []
