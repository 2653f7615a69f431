"""Ctrl-C, progress, and what a command says while it works."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

import ktrdr as ktrdr_package
from ktrdr.cli.interrupt import Interrupt
from ktrdr.cli.output import output_mode
from ktrdr.cli.progress import progress
from ktrdr.operations.running.cancellation import Reason
from support.inputs import worlds


def test_the_first_interrupt_asks_the_second_leaves(capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGINT)
    with Interrupt() as token:
        assert not token.is_cancelled()
        os.kill(os.getpid(), signal.SIGINT)
        assert token.is_cancelled()
        time.sleep(0.3)
        assert "next point where it can be saved" in capsys.readouterr().err
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)
    assert signal.getsignal(signal.SIGINT) is before


def test_sigterm_asks_to_let_go() -> None:
    with Interrupt() as interrupt:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.05)
        assert interrupt.token.reason is Reason.SHUTDOWN


LONG_BLOCK = """
import hashlib, threading
from ktrdr.cli.interrupt import Interrupt
with Interrupt() as interrupt:
    interrupt.farewell = "resume with: ktrdr operations resume x"
    print("ready", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"a", b"b", 60_000_000)  # no bytecode, as in a block of inference
"""


def test_asked_twice_it_leaves_even_from_inside_a_block() -> None:
    here = os.environ | {"PYTHONPATH": str(Path(ktrdr_package.__file__).parents[1])}
    with subprocess.Popen(
        [sys.executable, "-c", LONG_BLOCK], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=here
    ) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        assert run.stdout.readline() == "ready\n"
        time.sleep(0.2)
        run.send_signal(signal.SIGINT)
        assert "next point where it can be saved" in run.stderr.readline()
        run.send_signal(signal.SIGINT)
        assert run.wait(timeout=5) == 130
        assert run.stderr.read() == "resume with: ktrdr operations resume x\n"


def test_plain_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress() as bridge:
        bridge.report("backtest", 0, 200, {})
        bridge.report("backtest", 1, 200, {})
        bridge.report("backtest", 200, 200, {})
        bridge.report("saving", 3, None, {"equity": 1.5, "trades": 2})
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == ["backtest 0 %", "backtest 100 %", "saving  equity 1.5, trades 2"]


_TRAINS = """
from ktrdr.cli.progress import progress
with progress() as bridge:
    bridge.report("training", 100, 300, {"epoch": 30, "learning_rate": 0.003, "train_loss": 0.658757, "loss": 0.64})
"""


def test_on_a_narrow_terminal_the_detail_gives_way_and_not_the_bar() -> None:
    ours, theirs = pty.openpty()
    environment = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
    environment |= {"COLUMNS": "80", "TERM": "xterm"}
    subprocess.run([sys.executable, "-c", _TRAINS], stderr=theirs, check=True, env=environment, timeout=30)
    os.close(theirs)
    shown = os.read(ours, 65_536).decode()
    os.close(ours)
    assert "training" in shown
    assert "100/300" in shown
    assert "\u2501" in shown
    assert "epoch 30" in shown


def test_nothing_but_the_object_with_json(capsys: pytest.CaptureFixture[str]) -> None:
    with output_mode(json=True, verbose=False), progress() as bridge:
        bridge.report("backtest", 1, 2, {})
    said = capsys.readouterr()
    assert said.out == said.err == ""


def test_an_interrupted_training_ends_with_130_and_writes_no_model(folder: Path, ktrdr: Callable) -> None:
    strategy = worlds.strategy(training=worlds.strategy()["training"] | {"epochs": 10_000})
    Path("walker.yaml").write_text(yaml.safe_dump(strategy, sort_keys=False))
    ktrdr("data sample")
    line = "train walker.yaml EURUSD 1h --start-date 2022-01-01 --end-date 2022-06-30 --json"
    code = "import sys; from ktrdr.cli.app import main; sys.exit(main(sys.argv[1:]))"
    here = os.environ | {"PYTHONPATH": str(Path(ktrdr_package.__file__).parents[1])}
    run = subprocess.Popen([sys.executable, "-c", code, *line.split()], stderr=subprocess.PIPE, text=True, env=here)
    try:
        time.sleep(0.1)
        while not (folder / "models").exists():  # the place is tried just before the work begins
            assert run.poll() is None
            time.sleep(0.05)
        time.sleep(1.0)
        run.send_signal(signal.SIGINT)
        _, said = run.communicate(timeout=60)
    finally:
        run.kill()
    assert run.returncode == 130, said
    assert said.splitlines()[-1].startswith("cancelled: ")
    assert ktrdr("models --json").object == {"models": [], "damaged": {}}
