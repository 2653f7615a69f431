"""Base images from nothing but Debian's packages and this machine's Rust, and the way to the package registries."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from support.container.dockerfile import ROOT

PYTHON = ("ca-certificates", "python3", "python3-venv")
"""Debian's packages in the slim base image."""
COMPILER = ("gcc", "libc6-dev")
"""Debian's packages that the large base image has besides."""
_NETWORK = re.compile(r"PIP_(?!FIND_LINKS)|CARGO_HTTP|SSL_CERT|\w+_proxy", re.IGNORECASE)
_OF_PIP = re.compile(r"(?:global|install)\.([a-z-]+)=(.*)")


def debian(folder: Path, suite: str, packages: Sequence[str]) -> None:
    """A minimal Debian from the mirror that this machine installs from, with its way to the network."""
    mirrors = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(CODENAME) $(REPO_URI)", "Created-By: Packages"],
        capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    mirror = next((line.split()[1] for line in mirrors if line.split()[0] == suite), None)
    if mirror is None:
        pytest.skip(f"apt on this machine has no source of Debian {suite}")
    include = f"--include={','.join(packages)}"
    subprocess.run(
        ["debootstrap", "--variant=minbase", include, suite, folder, mirror], check=True, stdout=subprocess.DEVNULL
    )
    for name in ("hosts", "resolv.conf", "ssl/certs/ca-certificates.crt"):
        shutil.copyfile(Path("/etc", name), folder / "etc" / name)
    (folder / "etc/dpkg/dpkg.cfg.d/unsafe-io").write_text("force-unsafe-io\n")  # a test image needs no fsync


def toolchain(folder: Path) -> None:
    """This machine's Rust, where Rust's image has it, and cargo's way to the registry."""
    asked = subprocess.run(["rustc", "--print", "sysroot"], capture_output=True, text=True, check=True)
    cargo = folder / "usr/local/cargo"
    rustup = folder / "usr/local/rustup"
    (cargo / "bin").mkdir(parents=True)
    for part in ("bin", "lib"):
        shutil.copytree(Path(asked.stdout.strip(), part), rustup / part, symlinks=True)
    for program in ("cargo", "rustc"):
        (cargo / "bin" / program).symlink_to(f"/usr/local/rustup/bin/{program}")
    config = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo"), "config.toml")
    if config.exists():
        shutil.copy(config, cargo)


def network() -> dict[str, str]:
    """The environment in which pip and cargo of a clean root reach what they reach on this machine."""
    asked = [sys.executable, "-m", "pip", "config", "list"]
    lines = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.splitlines()
    settings = dict(found.groups() for line in lines if (found := _OF_PIP.fullmatch(line)))
    settings.pop("find-links", None)
    of_pip = {f"PIP_{key.upper().replace('-', '_')}": _one_line(value) for key, value in settings.items()}
    return of_pip | {key: value for key, value in os.environ.items() if _NETWORK.match(key)}


def _one_line(value: str) -> str:
    return " ".join(str(ast.literal_eval(value)).split())


def cpu_wheels() -> Path:
    """The folder with PyTorch's CPU wheel; the test is skipped where there is none, since no index need offer it."""
    folder = Path(os.environ.get("PIP_FIND_LINKS") or ROOT / "wheels")
    if not list(folder.glob("torch-*+cpu-*.whl")):
        pytest.skip(f"PyTorch's CPU wheel is not in {folder} (set PIP_FIND_LINKS)")
    return folder
