"""Command lines that cannot be read: one line each, the nearest name, the right exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ktrdr.cli.app import main
from ktrdr.cli.output import CommandResult, Table, output_mode
from ktrdr.cli.runs.options import rules_of
from ktrdr.errors import KtrdrError

RUN = "backtest run v3_minimal EURUSD 1h --start-date 2024-02-01 --end-date 2024-03-01"
SWEEP = RUN.replace("backtest run", "sweep")
TRAIN = "train v3_minimal EURUSD 1h --start-date 2022-01-01 --end-date 2022-12-31"


@pytest.mark.parametrize(
    ("line", "code", "exit_code", "says"),
    [
        (f"{RUN} --thread 2", "usage", 2, "did you mean --threads?"),
        (f"{RUN} --capitl 5", "usage", 2, "did you mean --capital?"),
        (f"{RUN} --xyzzy", "usage", 2, "known: "),
        (f"{TRAIN} --sede 3", "usage", 2, "did you mean --seed?"),
        ("validate v3_minimal --jsn", "usage", 2, "did you mean --json?"),
        ("dta list", "usage", 2, "did you mean data?"),
        ("data lst", "usage", 2, "did you mean list?"),
        ("backtest rn", "usage", 2, "did you mean run?"),
        ("frobnicate", "usage", 2, "frobnicate"),
        ("validate", "usage", 2, "FILE"),
        ("backtest run v3_minimal EURUSD 1h --start-date 2024-01-01", "usage", 2, "--end-date"),
        (f"{RUN} extra", "usage", 2, "more than the command takes: found extra"),
        (f"{RUN} --verbose=3", "usage", 2, "takes no value"),
        ("--nope", "usage", 2, "unknown flag: found --nope"),
        (f"{TRAIN} --epochs 3", "usage", 2, "known: --device"),
        (f"{TRAIN} --threads 1.5", "argument_invalid", 2, "--threads"),
        (f"{TRAIN} --seed 1e3", "argument_invalid", 2, "--seed"),
        (f"{TRAIN} --device gpu", "argument_invalid", 2, "device is not available"),
        (f"validate {'v' * 5000}", "config_not_found", 3, "no strategy of that name"),
        (f"data import {'i' * 5000}.csv --symbol X --timeframe 1h", "data_not_found", 3, "no such file"),
        (RUN.replace("2024-02-01", "2024-02-30"), "argument_invalid", 2, "2024-02-30"),
        (RUN.replace("2024-03-01", "2024-01-01"), "argument_invalid", 2, "not after the start"),
        (RUN.replace("2024-03-01", "yesterday"), "argument_invalid", 2, "yesterday"),
        (f"{RUN} --capital 1e309", "argument_invalid", 2, "inf"),
        (f"{RUN} --capital nan", "argument_invalid", 2, "nan"),
        (f"{RUN} --capital -5", "argument_invalid", 2, "-5"),
        (f"{RUN} --capital lots", "argument_invalid", 2, "lots"),
        (f"{RUN} --threads 0", "argument_invalid", 2, "threads"),
        (f"{RUN} --threads two", "argument_invalid", 2, "two"),
        (f"{RUN} --set execution.slippage", "argument_invalid", 2, "--set"),
        (f"{RUN} --set slippage.rate=0", "argument_invalid", 2, "did you mean execution.slippage.rate?"),
        (f"{RUN} --set filters.min_signal_separation=0", "argument_invalid", 2, "did you mean decisions.filters.min_s"),
        (f"{RUN} --start 2024-02-01", "usage", 2, "did you mean --start-date?"),
        (f"{RUN} --set execution..rate=0", "argument_invalid", 2, "--set"),
        (f"{RUN} --set execution.fill=[", "argument_invalid", 2, "--set"),
        (f"{RUN} --commission 0 --set execution.commission.rate=1", "argument_invalid", 2, "twice"),
        (f"{RUN} --commission 1e309", "config_nonfinite", 3, "execution.commission.rate"),
        (f"{RUN} --set execution.slipage.rate=0", "config_unknown_key", 3, "did you mean slippage?"),
        (f"{RUN} --set execution.exits.stop_los.rate=0.1", "config_unknown_key", 3, "did you mean stop_loss?"),
        (f"{RUN} --set decisions.confidence_threshold=2", "config_range", 3, "confidence_threshold"),
        (RUN.replace(" 1h ", " 4h "), "argument_invalid", 2, "expected 1h"),
        (RUN.replace(" 1h ", " 7m "), "argument_invalid", 2, "7m"),
        (RUN.replace("EURUSD", "../EURUSD"), "argument_invalid", 2, "symbol"),
        (RUN.replace("v3_minimal", "v3_minimum"), "config_not_found", 3, "v3_minimal"),
        (RUN, "data_not_found", 3, "EURUSD 1h"),
        (f"{TRAIN} --threads 0", "argument_invalid", 2, "threads"),
        (TRAIN, "data_not_found", 3, "EURUSD 1h"),
        ("strategies copy nothing_v1", "config_not_found", 3, "nothing_v1"),
    ],
)
def test_one_line_and_the_right_exit(
    ktrdr: Callable, line: str, code: str, exit_code: int, says: str, folder: Path
) -> None:
    said = ktrdr(line)
    assert said.is_error(code, exit_code)
    assert says in said.err
    assert str(folder.parent) not in said.err, "a path of this machine"


def test_with_json_an_error_is_the_one_object(ktrdr: Callable) -> None:
    said = ktrdr(f"--json {RUN} --capital 1e309")
    assert said.code == 2
    assert said.object["status"] == "failed"
    assert said.object["error"]["code"] == "argument_invalid"


@pytest.mark.parametrize("line", ["--json strategies", "strategies --json"])
def test_global_flags_stand_before_or_after_the_command(ktrdr: Callable, line: str) -> None:
    assert {"name": "v3_minimal", "source": "built-in"} in ktrdr(line).object["strategies"]


def test_a_bug_of_ours_is_internal_and_traced_only_when_asked(ktrdr: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ZeroDivisionError("a bug\nof ours")

    monkeypatch.setattr("ktrdr.cli.commands.strategies.list_strategies", broken)
    short = ktrdr("strategies")
    assert short.is_error("internal", 6)
    assert "ZeroDivisionError: a bug of ours" in short.err
    long = ktrdr("strategies --verbose")
    assert "Traceback" in long.err
    assert long.err.splitlines()[-1] == short.err.strip()


TYPED = {
    "execution.sizing=0.5": "execution.sizing.kind=cash_fraction and execution.sizing.fraction=0.5",
    "execution.sizing=10": "execution.sizing.kind=cash_fraction and execution.sizing.fraction=NUMBER",
    "execution.spread=0.0002": "execution.spread.half=0.0002, or half of it if 0.0002 is the whole spread",
    "execution.exits=0.02": "execution.exits.stop_loss.rate=0.02",
    "execution.exits.stop_loss=0.01": "execution.exits.stop_loss.rate=0.01, or execution.exits.stop_loss.atr=MULTIPLE",
    "execution.exits.stop_loss=false": "execution.exits.stop_loss=null",
    "execution.exits.max_holding_bars=none": "execution.exits.max_holding_bars=null",
    "decisions.filters=4": "decisions.filters.min_signal_separation=4",
}


@pytest.mark.parametrize("typed", TYPED)
def test_advice_about_a_rule_is_in_the_form_that_was_typed(typed: str, ktrdr: Callable[..., Any]) -> None:
    said = ktrdr(*RUN.split(), "--set", typed)
    assert said.is_error("config_type", 3)
    assert said.err.endswith(f"; write {TYPED[typed]}\n")
    advised = TYPED[typed].partition(", or ")[0].replace("NUMBER", "0.1").split(" and ")
    again = ktrdr(*RUN.split(), *(word for one in advised for word in ("--set", one)))
    assert not again.err.startswith("config_"), again.err
    if typed.startswith("execution.exits.stop_loss"):
        grid = ktrdr(*SWEEP.split(), "--grid", f"{typed},0.02")
        assert grid.is_error("config_type", 3)
        assert grid.err.endswith(f"; write {TYPED[typed]}\n")


def test_every_fault_has_advice_in_the_form_that_was_typed(ktrdr: Callable[..., Any]) -> None:
    said = ktrdr(*RUN.split(), "--set", "execution.margin=2", "--set", "execution.exits.stop_loss=0", "--json")
    error = said.object["error"]
    assert [fault["hint"] for fault in error["faults"]] == [
        "write execution.margin.max_leverage=2",
        "write execution.exits.stop_loss.rate=NUMBER, or execution.exits.stop_loss.atr=MULTIPLE, or "
        "execution.exits.stop_loss=null",
    ]
    assert error["hint"] == error["faults"][0]["hint"]


def test_settings_become_nested_rules() -> None:
    rules = rules_of(
        ["execution.exits.stop_loss={rate: 0.02}", "execution.fill=this_close", "decisions.position_awareness=false",
         "metrics.periods_per_year=null", "execution.instrument.tick_size=0.01"],
        commission=0.0,
    )  # fmt: skip
    assert rules == {
        "execution": {
            "exits": {"stop_loss": {"rate": 0.02}},
            "fill": "this_close",
            "instrument": {"tick_size": 0.01},
            "commission": {"rate": 0.0},
        },
        "decisions": {"position_awareness": False},
        "metrics": {"periods_per_year": None},
    }


def test_a_rule_cannot_be_set_as_a_whole_and_in_part() -> None:
    with pytest.raises(KtrdrError) as caught:
        rules_of(["execution.sizing=none", "execution.sizing.kind=fixed_quantity"])
    assert caught.value.code == "argument_invalid"


HEAVY = ("numpy", "polars", "torch", "talib", "pydantic", "sqlalchemy", "fastapi", "yaml")
MOST_MODULES = 450
DRAWN = """
import time
from cyclopts import App
app = App(name="bare", help="Nothing.")
app.command(lambda: None, name="one", help="One.")
app(["--help"], exit_on_error=False, result_action="return_value")
import sys
print(time.process_time(), file=sys.stderr)
"""
STARTED = """
import sys, time
from ktrdr.cli.app import main
code = main(sys.argv[1:])
print(time.process_time(), *sorted(sys.modules), file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.parametrize("line", ["--help", "data --help", "backtest --help", "strategies --help", "--version"])
def test_help_loads_little(line: str) -> None:
    """Start-up time is the modules that are loaded; their number does not depend on the load of the machine."""
    run = subprocess.run([sys.executable, "-c", STARTED, *line.split()], capture_output=True, text=True, check=True)
    assert run.stdout
    modules = run.stderr.split()[1:]
    assert set(HEAVY) & set(modules) == set()
    assert len(modules) < MOST_MODULES


def test_help_costs_at_most_twice_what_its_library_does() -> None:
    """The least processor time of five, side by side: a bound in seconds would measure the machine."""

    def least(code: str) -> float:
        words = [sys.executable, "-c", code, "--help"]
        runs = [subprocess.run(words, capture_output=True, text=True, check=True) for _ in range(5)]
        return min(float(run.stderr.split()[0]) for run in runs)

    assert least(STARTED) < 2 * least(DRAWN)


def test_every_command_has_a_line_of_help(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--help"])
    text = capsys.readouterr().out
    for command in ("demo", "validate", "strategies", "models", "data", "train", "backtest", "doctor"):
        assert any(command in line and len(line.split()) > 4 for line in text.splitlines()), command


@pytest.mark.parametrize("line", ["train --help", "strategies", "strategies --json", "data delete NOTHING"])
def test_a_closed_pipe_ends_quietly(line: str, folder: Path) -> None:
    """The reader leaves before anything is written, as `head -0` does."""
    reads, writes = os.pipe()
    os.close(reads)
    run = subprocess.run(
        [sys.executable, "-c", "from ktrdr.cli.app import main; main()", *line.split()],
        stdout=writes,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    os.close(writes)
    assert "Traceback" not in run.stderr
    assert "usage" not in run.stderr
    assert run.returncode == (3 if "delete" in line else 0)


def test_json_is_strict_for_numbers_that_json_lacks(ktrdr: Callable) -> None:
    said = ktrdr(f"--json {RUN} --capital 1e309")
    assert said.object["error"]["found"] == "inf"
    assert said.object["error"]["where"] == "--capital"


@pytest.mark.parametrize(("written", "meant"), [("--start 2024", "--start-date"), ("--end 2024", "--end-date")])
def test_the_start_of_a_flag_suggests_the_flag(ktrdr: Callable, written: str, meant: str) -> None:
    assert f"did you mean {meant}?" in ktrdr(f"backtest run v3_minimal EURUSD 1h {written}").err


def test_a_table_cuts_no_word(capsys: pytest.CaptureFixture[str]) -> None:
    long = "word" * 60
    with output_mode(json=False, verbose=False) as output:
        output.print_result(CommandResult({}, [Table(("name", "text"), [(long, f"{long} {long}")])]))
    said = capsys.readouterr().out
    assert said.count(long) == 3
