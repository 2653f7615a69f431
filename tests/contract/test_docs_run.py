"""Executes every block of the README: prose that nobody runs becomes false."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from ktrdr._core import METRICS

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README, re.M | re.S)
RUN_BY_CI = {"make demo\n", "make test\n"}


def test_readme_is_short() -> None:
    assert len(README.splitlines()) < 150


def test_its_pictures_exist_and_are_small() -> None:
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)
    assert pictures
    assert all((ROOT / picture).stat().st_size <= 300_000 for picture in pictures)


def test_the_demo_that_is_shown_has_the_metrics_of_the_core() -> None:
    shown = next(text for language, text in BLOCKS if language == "text" and " metric " in text)
    labels = re.findall(r"([a-z]+(?: [a-z]+)*) {2,}-?[0-9]", shown)
    assert len(labels) >= 8
    assert {label.replace(" ", "_") for label in labels} <= set(METRICS)


def test_ci_calls_the_readmes_commands() -> None:
    ci = (ROOT / ".ci" / "run").read_text()
    for command in RUN_BY_CI:
        assert ("sh", command) in BLOCKS
        assert re.search(rf"^{command.strip()}(?: \| tee .*)?$", ci, re.M)


def run(command: list[str], folder: Path, env: dict[str, str]) -> None:
    """Runs one block; ends whatever it has started in the background, also where the test is given up."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        printed, _ = process.communicate()
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0, f"{command[-1]}\n{printed}"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@pytest.mark.timeout(900)  # it imports data, trains a net and starts a worker
def test_every_other_block_runs_in_order(tmp_path: Path) -> None:
    """One shell session and one Python session over one fresh data folder, as a reader would have."""
    env = os.environ | {
        "KTRDR_DATA_DIR": str(tmp_path / "data"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    port = str(free_port())
    python = ""
    for language, text in BLOCKS:
        if language == "sh" and text not in RUN_BY_CI:
            run(["bash", "-euc", text.replace("8701", port)], tmp_path, env)
        elif language == "python":
            python += text
        else:
            assert language in {"sh", "yaml", "text"}, language
    run([sys.executable, "-c", python], tmp_path, env)
