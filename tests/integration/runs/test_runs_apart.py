"""Runs can be told apart, found again and compared: the commands of a user's second day, over one data folder."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import shlex
import struct
import subprocess
import termios
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from ktrdr import _core
from ktrdr.backtesting.job.stored import stored_results
from ktrdr.cli.app import main
from ktrdr.cli.drawing import Table
from ktrdr.cli.runs.summary import summary
from ktrdr.simulation.metrics import headline_names, label, names_by_kind
from ktrdr.text import LEVELS
from support.process.processes import Place, answer_of, furnish, program, strategy
from support.process.service import Service, service
from support.process.terminal import at_terminal

RUN = "backtest run walker.yaml EURUSD 1h --start-date 2024-01-20 --threads 1"
NOTE = "no costs, fixed size"
CHANGED = (
    "--end-date 2024-08-31 --commission 0 --set execution.slippage.rate=0.00002 "
    "--set execution.sizing.kind=fixed_quantity --set execution.sizing.quantity=1000"
)
Say = Callable[..., str]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("apart")
    file = strategy("mlp") | {"execution": {"slippage": {"rate": 0.0001}}}
    (furnish(folder / "data", 9_000) / "walker.yaml").write_text(yaml.safe_dump(file, sort_keys=False))
    return Place(folder / "data", f"sqlite:///{folder / 'ktrdr.db'}")


@pytest.fixture(scope="module")
def runs(place: Place) -> tuple[str, str]:
    """Two runs of one strategy: under the file's rules, and under others with a note."""
    plain = answer_of(place.call("--json", *RUN.split(), "--end-date", "2024-12-31"))
    other = answer_of(place.call("--json", *RUN.split(), *CHANGED.split(), "--note", NOTE))
    return plain["operation_id"], other["operation_id"]


@pytest.fixture
def say(place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Say:
    """Runs a command in this process and returns what it prints."""
    for name, value in place.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(place.folder)

    def call(line: str, code: int = 0) -> str:
        found = main(shlex.split(line))
        said = capsys.readouterr()
        assert found == code, said.err
        return said.err if code else said.out

    return call


def data(say: Say, line: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(say(f"--json {line}"))
    return found


def on_a_terminal(place: Place, width: int, *words: str) -> list[str]:
    """Returns the lines that the program prints on a terminal of that width."""
    mine, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    environment = {name: value for name, value in place.environment.items() if name not in ("COLUMNS", "LINES")}
    process = subprocess.Popen(program(words), env=environment, stdin=its, stdout=its, stderr=its)
    os.close(its)
    with os.fdopen(mine, "rb", closefd=True) as terminal:
        printed = b""
        try:
            while piece := terminal.read1(65_536):  # type: ignore[attr-defined]
                printed += piece
        except OSError:  # the program has closed its side
            pass
    assert process.wait() == 0, printed
    return printed.decode().replace("\r", "").splitlines()


def test_a_list_tells_runs_apart(say: Say, runs: tuple[str, str]) -> None:
    other, plain = data(say, "operations list")["operations"]
    assert (plain["operation_id"], other["operation_id"]) == runs
    assert plain["title"] == other["title"] == "walker_mlp EURUSD 1h"
    assert (plain["detail"], other["detail"]) == ("2024-01-20 to 2024-12-31", "2024-01-20 to 2024-08-31")
    assert (plain["note"], other["note"]) == (None, NOTE)
    assert plain["changes"] == {}
    assert other["changes"] == {
        "execution.commission.rate": {"run": 0.0, "file": 0.001},
        "execution.slippage.rate": {"run": 0.00002, "file": 0.0001},
        "execution.sizing": {
            "run": {"kind": "fixed_quantity", "quantity": 1000.0},
            "file": {"kind": "cash_fraction", "fraction": 0.25},
        },
    }
    for view in (plain, other):
        result = data(say, f"backtest show {view['operation_id']}")
        assert view["figures"] == {name: result["metrics"][name] for name in ("total_return", "sharpe")}
        assert view["result_hash"] == result["result_hash"]
        assert result["result_hash"] in say(f"operations show {view['operation_id']}")
    rows = [line for line in say("operations list").splitlines() if "backtest_" in line]
    assert len(rows) == 2
    assert f"{other['figures']['total_return']:.2%}".replace("%", " %") in rows[0]
    assert rows[0].endswith(NOTE)


@pytest.mark.parametrize("width", [80, 120])
def test_no_word_of_a_list_is_cut_on_a_terminal(place: Place, runs: tuple[str, str], width: int) -> None:
    lines = on_a_terminal(place, width, "operations", "list")
    assert max(map(len, lines)) <= width
    words = {word for line in lines for word in line.split()}
    whole = "walker_mlp execution.sizing execution.commission.rate execution.slippage.rate fixed_quantity return sharpe"
    assert {*runs, *whole.split(), *NOTE.split()} <= words


def test_an_id_may_be_cut_short_wherever_one_is_taken(say: Say, runs: tuple[str, str], tmp_path: Path) -> None:
    plain, other = runs
    digits = other.partition("_")[2]
    for reference in (other[:20], digits[:10], "latest", other):
        assert data(say, f"operations show {reference}")["operation_id"] == other
    assert data(say, f"backtest show {digits[:10]}")["operation_id"] == other
    assert data(say, "operations follow latest")["operation_id"] == other
    assert data(say, "operations cancel latest")["status"] == "completed"
    for line in ("operations resume", "backtest run --resume", "operations restart"):
        assert say(f"{line} {digits[:10]}", 4).startswith("already_completed")
    assert say(f"operations fork {digits[:10]}", 4).startswith("nothing_to_fork")
    assert say(f"checkpoint inspect {digits[:10]}", 2).startswith("argument_invalid")
    ambiguous = say("operations delete backtest_", 2)
    assert ambiguous.startswith("reference_ambiguous: operation: several operations begin with it: found backtest_")
    assert plain in ambiguous and other in ambiguous
    assert "write more of the id" in ambiguous
    assert say("backtest show 0000000000000000f", 3).startswith("not_found")


def test_a_note_can_be_changed_and_removed(say: Say, runs: tuple[str, str]) -> None:
    before = data(say, f"backtest show {runs[0]}")
    assert data(say, f"operations note {runs[0]} 'first try'")["note"] == "first try"
    assert "first try" in say("operations list")
    assert "note: first try" in say(f"backtest show {runs[0]}")
    assert data(say, f"backtest show {runs[0]}") == before | {"note": "first try"}
    assert data(say, f"operations note {runs[0]} ''")["note"] is None
    assert say(f"backtest run --resume {runs[0]} --note x", 2).startswith("usage")


def test_a_run_is_shown_in_full(place: Place, say: Say, runs: tuple[str, str]) -> None:
    text = say(f"backtest show {runs[0]} --trades")
    found = data(say, f"backtest show {runs[0]} --trades")
    results = stored_results(place.store(), runs[0][:20])
    shown = re.sub(r"[ \n]+", " ", text)
    assert all(name.replace("_", " ") in shown for name in _core.METRICS)
    assert re.findall(rf"^ ({'|'.join(_core.METRIC_KINDS)}) +value", text, re.M) == list(_core.METRIC_KINDS)
    months = pl.DataFrame(found["months"])
    assert months["trades"].sum() == results.trades.height == len(found["closed_trades"]) > 5
    growth = (months["return_rate"] + 1).product()
    assert growth == pytest.approx(results.final_equity / 100_000)
    assert all(month in text for month in ("Jan", "Jun", "Dec", "year"))
    for part in ("exit_reasons", "directions"):
        assert sum(row["net_profit"] for row in found[part]) == pytest.approx(results.trades["net_pnl"].sum())
        assert sum(row["trades"] for row in found[part]) == results.trades.height
    assert {row["direction"] for row in found["directions"]} <= {"long", "short"}
    assert "closed_trades" not in data(say, f"backtest show {runs[0]}")
    doubt = found["doubt"]
    assert doubt["trials"] == 2  # the other run lies on bars of this one
    assert doubt["days"] == results.metrics["daily_returns"]
    assert 0 < doubt["psr"] < 1 and 0 < doubt["dsr"] < 1 and doubt["dsr"] != doubt["psr"]
    assert "probability of an overfitted choice (PBO)" in shown


def test_the_summary_of_a_run_groups_its_metrics(place: Place, say: Say, runs: tuple[str, str]) -> None:
    """Plain in a pipe; a terminal also draws the equity."""
    store = place.store()
    operation = store.get(runs[0])
    result = stored_results(store, runs[0])
    table = next(part for part in summary(store, operation, result).shown if isinstance(part, Table))
    groups = [row[0] for row in table.rows if row[0]]
    assert groups == list(names_by_kind(headline_names()))
    assert {cell for row in table.rows for cell in row[1::2]} == {label(name) for name in headline_names()} | {""}
    assert not set(LEVELS) & set(say(f"backtest show {runs[0]}"))
    # Not the whole environment: COLUMNS of whoever runs the tests would count for more than the terminal.
    mine = {"KTRDR_DATA_DIR": str(place.folder), "KTRDR_DATABASE_URL": place.url}
    seen = at_terminal(program(["backtest", "show", runs[0]]), columns=60, environment=mine)
    (drawn,) = (line for line in seen.text.splitlines() if set(LEVELS) & set(line))
    assert len(drawn.strip()) == 59 and set(drawn.strip()) <= set(LEVELS)
    assert f"{result.final_equity:,.2f}, lowest" in seen.text.replace("\n", " ")


def test_a_run_says_why_it_traded(place: Place, say: Say, runs: tuple[str, str]) -> None:
    """The reasons of `explain`, as data and in sentences."""
    expected = stored_results(place.store(), runs[0]).explain([0, 2], place.folder)
    found = data(say, f"backtest explain {runs[0]} 0 2")
    assert [one["trade"] for one in found["decisions"]] == [0, 0, 2, 2]
    assert found["baseline"] == dict(expected.baseline)
    for one, other in zip(found["decisions"], expected.decisions, strict=True):
        assert sum(each["attribution"] for each in one["inputs"]) == pytest.approx(one["difference"], abs=1e-3)
        assert one["probabilities"] == dict(other.probabilities)
        assert one["time"] == f"{other.time:%Y-%m-%dT%H:%M:%SZ}"
    text = say(f"backtest explain {runs[0]} 0 2")
    assert text.split("\n\n")[0].splitlines() == list(expected.decisions[0].lines)
    assert expected.decisions[3].said in text
    assert say(f"backtest explain {runs[0]} 99999", 2).startswith("argument_invalid")


def test_defaults_that_surprise_are_printed_with_the_result(place: Place, say: Say, runs: tuple[str, str]) -> None:
    plain, other = (data(say, f"backtest show {name}")["in_force"] for name in runs)
    assert plain["execution.sizing"] == {"value": {"kind": "cash_fraction", "fraction": 0.25}, "origin": "default"}
    assert plain["execution.commission.rate"] == {"value": 0.001, "origin": "default"}
    assert plain["execution.slippage"] == {"value": {"rate": 0.0001}, "origin": "strategy file"}
    assert [other[f"execution.{name}"]["origin"] for name in ("sizing", "commission.rate", "slippage")] == (
        ["argument"] * 3
    )
    text = say(f"backtest show {runs[0]}")
    line = (
        "size 25 % of cash (default), commission 0.1 % of notional (default), slippage 0.01 % of price (strategy file)"
    )
    assert line in text
    assert "size 1,000 units (argument), commission 0 % of notional (argument)" in say(f"backtest show {runs[1]}")
    results = stored_results(place.store(), runs[0])
    scaled = results.scaled_benchmark
    whole = results.metrics["benchmark_return"]
    assert scaled is not None and whole is not None
    assert data(say, f"backtest show {runs[0]}")["scaled_benchmark"] == scaled._asdict()
    assert 0.2 < scaled.position_share < 0.3  # it buys for 25 % of its cash
    assert scaled.invested_share < scaled.position_share
    assert (
        f"buy and hold {100 * whole:.2f} % with all of the capital; {100 * whole * scaled.position_share:.2f} %" in text
    )


def test_runs_are_compared(say: Say, runs: tuple[str, str]) -> None:
    found = data(say, f"backtest compare {runs[0]} latest")
    assert [one["operation_id"] for one in found["operations"]] == list(runs)
    assert set(found["differences"]) == {
        "last_simulated", "execution.commission.rate", "execution.slippage", "execution.sizing",
        "content of bars EURUSD 1h",
    }  # fmt: skip
    assert found["differences"]["execution.commission.rate"] == [0.001, 0.0]
    assert set(found["metrics"]) == set(_core.METRICS)
    drawdowns = found["metrics"]["max_drawdown"]
    assert drawdowns["best"] == [drawdowns["values"].index(min(drawdowns["values"]))]
    finals = found["metrics"]["final_equity"]["values"]
    periods = [row["period"] for row in found["equity"]]
    assert periods == [f"2024-{month:02d}" for month in range(1, 13)]
    assert [found["equity"][11]["values"][0], found["equity"][7]["values"][1]] == finals
    assert found["equity"][8]["values"][1] is None
    assert found["correlations"][0][1] == found["correlations"][1][0] != 1
    text = say(f"backtest compare {runs[0]} {runs[1]}")
    assert re.search(r"^ 2024-12 +[\d,.]+ +-$", text, re.M)
    assert re.search(r"^ execution\.commission\.rate +0\.001 +0$", text, re.M)
    assert all(name.replace("_", " ") in text for name in _core.METRICS)
    assert say(f"backtest compare {runs[0]}", 2).startswith("usage")
    assert say(f"backtest compare {runs[0]} {runs[0][:20]}", 2).startswith("usage")


@pytest.fixture(scope="module")
def running(place: Place) -> Iterator[Service]:
    with service(place) as found:
        yield found


def test_a_run_sent_to_a_worker_shows_its_strategy_too(place: Place, running: Service, say: Say) -> None:
    """A strategy of the user's own reaches the worker as a text, without a name."""
    at = f"--worker {running.url}"
    sent = data(say, f"{RUN} --end-date 2024-03-31 --commission 0 --note 'sent away' {at}")["operation_id"]
    done = data(say, f"operations follow {sent[:18]} {at}")
    assert (done["status"], done["title"], done["note"]) == ("completed", "walker_mlp EURUSD 1h", "sent away")
    assert done["changes"] == {"execution.commission.rate": {"run": 0.0, "file": 0.001}}
    assert set(done["figures"]) == {"total_return", "sharpe"}
    assert data(say, f"operations list {at}")["operations"][0] == done
    assert data(say, f"operations note {sent[:18]} other {at}")["note"] == "other"
    with running.client() as client:
        digits = sent.partition("_")[2][:9]
        assert client.get(f"/operations/{digits}/results").json()["operation_id"] == sent
        assert client.post(f"/operations/{digits}/note", json={"note": "third"}).json()["note"] == "third"
        refused = client.get("/operations/backtest_")
        assert (refused.status_code, refused.json()["error"]["code"]) == (422, "reference_ambiguous")
        assert sent in refused.json()["error"]["candidates"]
        assert "walker_mlp EURUSD 1h" in client.get("/").text
    assert data(say, f"operations delete {digits} {at}") == {"operation_id": sent, "deleted": True}
