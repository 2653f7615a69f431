"""The documented commands, one after the other, on sample and on real bars."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from ktrdr.cli.app import main
from ktrdr.operations.models import OPERATION_ID
from ktrdr.strategy.catalog.indicators import INDICATORS
from ktrdr.strategy.json_schema import strategy_schema

Call = Callable[[str], dict[str, Any]]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Runs a command line that must succeed, in a fresh data folder, and returns its one object."""
    monkeypatch.setenv("KTRDR_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)

    def run(line: str) -> dict[str, Any]:
        code = main(["--json", *line.split()])
        said = capsys.readouterr()
        assert code == 0, said.err
        found: dict[str, Any] = json.loads(said.out)
        return found

    return run


def write(strategy: dict[str, Any]) -> None:
    Path("mine.yaml").write_text(yaml.safe_dump(strategy, sort_keys=False))


def test_sample_train_run(call: Call, shortened: Callable[..., dict[str, Any]]) -> None:
    assert call("data sample")["written"] == ["EURUSD 5m", "EURUSD 1h", "EURUSD 4h", "EURUSD 1d"]
    write(shortened("mean_reversion_momentum_v1"))
    assert call("validate mine.yaml")["warmup_bars"]["1h"] > 0
    trained = call("train mine.yaml EURUSD 1h --start-date 2022-01-01 --end-date 2022-12-31")
    assert trained["model"] == "mean_reversion_momentum_v1/1h_v1"
    assert [model["bars"] for model in call("models")["models"]] == ["synthetic"]
    line = "backtest run mine.yaml EURUSD 1h --start-date 2023-03-01 --end-date 2023-04-01"
    eager = "--set decisions.confidence_threshold=0 --set decisions.filters.min_signal_separation=1"
    first = call(f"{line} {eager}")
    assert re.fullmatch(OPERATION_ID, first.pop("operation_id"))
    assert first["status"] == "completed"
    assert first["trades"] == first["metrics"]["trades"] > 0
    assert len(first["result_hash"]) == 64
    assert first["warnings"] == ["synthetic bars: the result says nothing about a market"]
    again = call(f"{line} {eager} --model {trained['model']} --strict --threads 2")
    assert call("operations list")["operations"][0]["operation_id"] == again.pop("operation_id")
    assert again == first
    free = call(f"{line} {eager} --commission 0 --slippage 0 --capital 5000")
    assert free["metrics"]["commission"] == free["metrics"]["slippage"] == 0.0
    assert free["metrics"]["initial_capital"] == 5_000.0
    assert len(call(f"models delete {trained['model']}")["completed_runs"]) == 3
    assert call("models list")["models"] == []


def test_a_missing_timeframe_is_made_on_request(call: Call, shortened: Callable[..., dict[str, Any]]) -> None:
    call("data sample")
    call("data delete EURUSD 1h")
    write(shortened("rsi_bollinger_mtf_v1"))
    trained = call("train mine.yaml EURUSD 5m --start-date 2022-01-01 --end-date 2022-03-31 --resample")
    assert "resampled: 1h made from 5m" in trained["warnings"]
    run = call("backtest run mine.yaml EURUSD 5m --start-date 2022-05-01 --end-date 2022-05-14 --resample")
    assert run["warnings"].count("resampled: 1h made from 5m") == 1
    call("data resample EURUSD 1h")
    stored = call("backtest run mine.yaml EURUSD 5m --start-date 2022-05-01 --end-date 2022-05-14")
    assert stored["result_hash"] == run["result_hash"]


def test_import_train_run_on_real_bars(call: Call, real_data: Path, shortened: Callable[..., dict[str, Any]]) -> None:
    imported = call(f"data import {real_data / 'EURUSD_1h.parquet'} --symbol EURUSD --timeframe 1h")
    assert imported["rows"] > 20_000
    write(shortened("mean_reversion_momentum_v1"))
    call("train mine.yaml EURUSD 1h --start-date 2021-07-01 --end-date 2023-12-31")
    run = call(
        "backtest run mine.yaml EURUSD 1h --start-date 2024-03-01 --end-date 2024-04-01 "
        "--set decisions.confidence_threshold=0"
    )
    assert run["trades"] > 0
    (warning,) = run["warnings"]
    assert "signals were stopped, by min_signal_separation (4 h)" in warning


def test_two_real_timeframes(call: Call, real_data: Path, shortened: Callable[..., dict[str, Any]]) -> None:
    for timeframe in ("5m", "1h"):
        call(f"data import {real_data / f'EURUSD_{timeframe}.parquet'} --symbol EURUSD --timeframe {timeframe}")
    write(shortened("rsi_bollinger_mtf_v1"))
    call("train mine.yaml EURUSD 5m --start-date 2024-08-15 --end-date 2024-12-31")
    run = call(
        "backtest run mine.yaml EURUSD 5m --start-date 2025-02-01 --end-date 2025-03-01 "
        "--set decisions.confidence_threshold=0"
    )
    assert run["trades"] > 0


def test_the_demo_trades_and_the_command_that_it_prints_finds_the_run(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The demo has a database of its own, which the user's does not hide."""
    monkeypatch.setenv("KTRDR_DATABASE_URL", f"sqlite:///{tmp_path / 'main.db'}")
    monkeypatch.setenv("KTRDR_DATA_DIR", "data of mine")  # relative, with a blank
    assert main(["demo", "--json"]) == 0
    said = capsys.readouterr()
    run = json.loads(said.out)
    assert (run["status"], run["trades"] > 10) == ("completed", True)
    assert Path(run["report"]).resolve() == (tmp_path / "data of mine" / "demo" / "report.html").resolve()
    assert run["result_hash"][:8] in Path(run["report"]).read_text("utf-8")
    *settings, program, noun, verb, name = shlex.split(said.err.strip().splitlines()[-1].partition(": ")[2])
    assert (program, noun, verb, name) == ("ktrdr", "backtest", "show", run["operation_id"])
    monkeypatch.chdir("/")
    for setting in settings:
        monkeypatch.setenv(*setting.split("=", 1))
    assert call(f"backtest show {name}")["result_hash"] == run["result_hash"]


def test_the_doctor_finds_nothing_missing(call: Call) -> None:
    call("data sample")
    assert call("doctor")["missing"] == []


def test_the_reference_prints_what_the_catalogue_knows(call: Call) -> None:
    found = call("indicators")["indicators"]
    assert len(found) == len(INDICATORS)
    assert call("indicators Stochastic") == next(one for one in found if one["type"] == "stochastic")
    lines = call("indicators stochastic")["outputs"]
    assert [(line["name"], line["low"], line["high"], line["neutral"]) for line in lines] == [
        ("k", 0.0, 100.0, 50.0), ("d", 0.0, 100.0, 50.0),
    ]  # fmt: skip
    rules = {rule["key"]: rule for rule in call("rules")["rules"]}
    assert rules["execution.commission.rate"]["default"] == 0.001
    assert call("schema") == strategy_schema()


def test_the_reference_is_readable(capsys: pytest.CaptureFixture[str]) -> None:
    for type_, known in INDICATORS.items():
        assert main(["indicators", type_]) == 0
        shown = capsys.readouterr().out
        assert all(output.name in shown for output in known.outputs)
        assert all(parameter.name in shown for parameter in known.parameters)
        assert known.note in shown
    assert main(["indicators", "rsy"]) == 2
    assert "did you mean rsi" in capsys.readouterr().err
    assert main(["rules"]) == 0
    assert "execution.exits.stop_loss.atr" in capsys.readouterr().out
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == strategy_schema()
