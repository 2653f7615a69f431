"""Paper trading in real processes: killed with -9 and resumed, fed by a file and a WebSocket, stopped from outside."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from ktrdr import disk
from ktrdr.backtesting.results import BacktestResults
from ktrdr.cli.app import main
from ktrdr.data.bars import BarSeries
from ktrdr.data.store.repository import Repository
from ktrdr.decision.broker import PaperBroker
from ktrdr.decision.job.session import PaperSession
from ktrdr.errors import DataError
from ktrdr.operations import paper, resume
from ktrdr.operations.kind import kind_of
from ktrdr.operations.models import Status
from ktrdr.operations.running.recorder import Recorder
from ktrdr.operations.store.store import Store
from support.decision.replays import BarServer, csv_of, expected, furnished, json_bars, serving
from support.inputs import worlds
from support.process.forks import Forks, forks
from support.process.processes import Place, kill, wait_for

BARS = 320
DIES_AT = """
import os
from ktrdr.decision.broker import PaperBroker
append = PaperBroker._append
def appended(broker, path, line):
    append(broker, path, line)
    if len(path.read_bytes().splitlines()) == {lines}:
        os.kill(os.getpid(), 9)
PaperBroker._append = appended
"""
"""Kills a process once the journal of its paper broker has that many lines."""


@pytest.fixture(scope="module")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    with forks(tmp_path_factory.mktemp("said")) as found:
        yield found


def store_in(folder: Path) -> Store:
    return Store.open(f"sqlite:///{folder / 'ktrdr.db'}")


def test_a_file_and_a_socket_that_is_cut_give_the_result_of_the_backtest(tmp_path: Path) -> None:
    file = furnished(tmp_path, "mtf")
    want = expected(tmp_path, file, "mtf", BARS)
    lines = tmp_path / "bars.jsonl"
    lines.write_text("\n".join([*json_bars(worlds.frame(BARS)), '{"end": true}', ""]))
    store = store_in(tmp_path)
    found = paper(file, "EURUSD", "1h", str(lines), store=store, data_dir=tmp_path, threads=1)
    assert found.result_hash == want.result_hash and found.identity == want.identity
    assert found.fills.equals(want.fills) and found.equity.equals(want.equity)
    server = BarServer(worlds.frame(BARS), cuts=(1, 150, 151, 250))
    with serving(server) as address:
        other = paper(file, "EURUSD", "1h", address, store=store, data_dir=tmp_path, threads=1)
    assert other.result_hash == want.result_hash and server.cuts_left == 0
    operation = str(found.manifest["operation"])
    kind = kind_of("paper")
    assert kind.table(store, operation, "trades").equals(want.trades)
    assert kind.table(store, operation, "events")["kind"].to_list() == ["end"]
    assert not any(line.startswith("feed: ") for line in other.warnings)
    assert kind.result(store, operation).result_hash == want.result_hash
    store.close()


def test_two_thousand_bars_of_an_lstm_give_the_result_of_the_backtest(tmp_path: Path) -> None:
    """All 20,000, killed and cut, are in `tests/soak/kinds`."""
    bars = 2_000
    file = furnished(tmp_path, "lstm")
    want = expected(tmp_path, file, "lstm", bars)
    feed = tmp_path / "bars.csv"
    feed.write_text(csv_of(worlds.frame(bars)) + "end\n")
    store = store_in(tmp_path)
    found = paper(file, "EURUSD", "1h", str(feed), store=store, data_dir=tmp_path, threads=1)
    assert found.result_hash == want.result_hash and found.identity == want.identity
    assert want.fills.height > 50 and found.fills.equals(want.fills) and found.equity.equals(want.equity)
    store.close()


def test_a_run_that_its_feed_ends_keeps_the_log_that_says_why(tmp_path: Path) -> None:
    file = furnished(tmp_path)
    store = store_in(tmp_path)
    rows = csv_of(worlds.frame(40))
    feeds = {
        "no zone": rows.replace("Z,", ",") + "end\n",
        "half hours": rows[: rows.index("\n") + 1]
        + "".join(f"2024-01-05T00:{m}:00Z,1,1,1,1,1\n" for m in (10, 20, 30, 40)),
    }
    errors = {"no zone": "0 bars, 40 lines refused", "half hours": "3 bars in a row overlap"}
    logs = {"no zone": ["bad_bar"] * 20 + ["end"], "half hours": ["spacing"] * 3}
    for name, text in feeds.items():
        feed = tmp_path / "bars.csv"
        feed.write_text(text)
        with pytest.raises(DataError, match=errors[name]):
            paper(file, "EURUSD", "1h", str(feed), store=store, data_dir=tmp_path, threads=1)
        newest = store.list(kind="paper", limit=1)[0][0].id
        assert kind_of("paper").table(store, newest, "events")["kind"].to_list() == logs[name]
        assert (store.get(newest).progress or {})["next_bar"] == (None if name == "no zone" else "2024-01-05T01:10:00Z")
    store.close()


def test_a_result_warns_of_bars_that_were_missing_or_refused(tmp_path: Path) -> None:
    """The first save is before the gap, and after the line that is no bar."""
    file = furnished(tmp_path)
    store = store_in(tmp_path)
    rows = csv_of(worlds.frame(BARS)).splitlines(keepends=True)
    feed = tmp_path / "bars.csv"
    feed.write_text("".join([*rows[:20], "rubbish\n", *rows[20:280], *rows[281:300], rows[250], *rows[300:], "end\n"]))
    found = paper(file, "EURUSD", "1h", str(feed), store=store, data_dir=tmp_path, threads=1, every_bars=270)
    line = "feed: the log has 1 gap between bars (a closed market is one too) and 1 report of refused bars"
    assert found.warnings[-1] == line
    assert kind_of("paper").result(store, str(found.manifest["operation"])).warnings == found.warnings
    store.close()


def test_a_result_names_the_limits_that_held_it_back(tmp_path: Path) -> None:
    """The first save is within the bars that are overridden."""
    file = furnished(tmp_path)
    want = expected(tmp_path, file, "mlp", BARS)
    feed = tmp_path / "bars.csv"
    feed.write_text(csv_of(worlds.frame(BARS)) + "end\n")

    def limited(store: Store, **limits: float) -> tuple[BacktestResults, list[str]]:
        found = paper(
            file, "EURUSD", "1h", str(feed), store=store, data_dir=tmp_path, threads=1, every_bars=200, **limits
        )
        log = kind_of("paper").table(store, str(found.manifest["operation"]), "events")
        return found, [line.partition(":")[0] for line in log.filter(log["kind"] == "override")["text"]]

    with closing(store_in(tmp_path)) as store:
        blocked, log = limited(store, largest_position=1.5, daily_loss=1e6)
        count = blocked.manifest["overrides"]
        assert blocked.metrics["trades"] == 0 and log == ["largest position"] * count and count > 20
        assert blocked.warnings[-2].startswith("no order was filled: ")
        assert blocked.warnings[-1] == f"limits: largest_position (1.5) overrode the signal of {count} bars"
        stopped, log = limited(store, daily_loss=0.25)
        assert 1 < len(log) < 20 and {line[:11] for line in log} == {"daily loss "}
        assert stopped.warnings[-1] == f"limits: daily_loss (0.25) stopped trading on {len(log)} days"
        free, log = limited(store, largest_position=1e6, daily_loss=1e6)
        assert log == [] and not any(line.startswith("limits: ") for line in free.warnings)
        assert free.result_hash == want.result_hash


class PowerCut(BaseException):
    """The end of everything at once."""


def test_a_loss_of_power_takes_back_nothing_that_was_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lines that the journal had not brought to the disk are gone; the save in the database has survived."""
    file = furnished(tmp_path)
    want = expected(tmp_path, file, "mlp", BARS)
    feed = tmp_path / "bars.csv"
    feed.write_text(csv_of(worlds.frame(BARS)) + "end\n")
    store = store_in(tmp_path)
    on_disk: dict[str, int] = {}

    def noted(path: Path) -> None:
        disk.sync(path)
        on_disk[path.name] = path.stat().st_size

    take = PaperSession._take
    stamps = worlds.frame(BARS)["timestamp"].to_list()
    cuts = [(stamps.index(want.fills["time"][number]) + 1, every) for number, every in ((3, 7), (12, 1))]

    def cut(session: PaperSession, bar: BarSeries, recorder: Recorder) -> None:
        take(session, bar, recorder)
        if session.gate.counts["bars"] == cuts[0][0]:
            raise PowerCut

    lost_bytes = 0
    while cuts:
        with monkeypatch.context() as patch:
            patch.setattr("ktrdr.decision.broker.sync", noted)
            patch.setattr(PaperSession, "_take", cut)
            with pytest.raises(PowerCut):
                paper(file, "EURUSD", "1h", str(feed), store=store, data_dir=tmp_path, threads=1, every_bars=cuts[0][1])
        cuts.pop(0)
        operation = store.list(kind="paper", limit=1)[0][0].id
        journal = tmp_path / "paper" / f"{operation}.jsonl"
        lost_bytes += journal.stat().st_size - on_disk[journal.name]
        os.truncate(journal, on_disk[journal.name])
        found = resume(operation, store=store, data_dir=tmp_path)
        assert found.result_hash == want.result_hash
        assert len(PaperBroker(journal).fills()) == want.fills.height
    assert lost_bytes > 0
    store.close()


def only(store: Store) -> str | None:
    runs, _ = store.list(kind="paper")
    return runs[0].id if runs else None


def bars_of(store: Store, operation: str) -> int:
    return int((store.get(operation).progress or {}).get("bars") or 0)


def test_a_killed_run_continues_from_its_last_bar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = furnished(tmp_path, "mtf")
    want = expected(tmp_path, file, "mtf", BARS)
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(dict(file), sort_keys=False))
    head, *rows = csv_of(worlds.frame(BARS)).splitlines(keepends=True)
    feed = tmp_path / "bars.csv"
    feed.write_text(head)

    def grow(first: int, stop: int) -> None:
        with feed.open("a") as open_file:
            open_file.write("".join(rows[first:stop]))

    place = Place(tmp_path, f"sqlite:///{tmp_path / 'ktrdr.db'}")
    monkeypatch.setenv("KTRDR_DATA_DIR", str(tmp_path))
    store = place.store()
    grow(0, 250)
    program = place.begin("paper", "run", "mine.yaml", "EURUSD", "1h", "--feed", str(feed), "--threads", "1")
    operation = wait_for(lambda: only(store), 60)
    wait_for(lambda: bars_of(store, operation) >= 40, 60)  # from the anchor on: the warm-up is done
    kill(program)
    program.communicate()
    assert store.get(operation).status is Status.INTERRUPTED
    grow(250, BARS)
    feed.open("a").write("end\n")
    found = resume(operation, store=store, data_dir=tmp_path)
    assert found.result_hash == want.result_hash and found.fills.equals(want.fills)
    journal = [json.loads(line) for line in (tmp_path / "paper" / f"{operation}.jsonl").read_text().splitlines()]
    sent = [entry["order"]["id"] for entry in journal if "order" in entry]
    booked = [entry["fill"]["id"] for entry in journal if "fill" in entry]
    assert len(sent) == len(set(sent)) and len(booked) == len(set(booked)) == want.fills.height
    store.close()


@pytest.mark.parametrize("start", [None, 420])
def test_a_run_that_is_killed_twice_before_its_first_save_continues(
    tmp_path: Path, zygote: Forks, start: int | None
) -> None:
    """The stored bars reach beyond the first one of the feed: those that the feed brings again are no history."""
    bars = BARS + 400
    rows = worlds.frame(bars)
    first = rows["timestamp"][400 if start is None else start]
    file = furnished(tmp_path, "mtf")
    for timeframe, frame in worlds.bars(bars, "mtf").items():
        frame.write_parquet(Repository(tmp_path).path("EURUSD", timeframe))
    want = expected(tmp_path, file, "mtf", bars, start=first)
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(dict(file), sort_keys=False))
    feed = tmp_path / "bars.csv"
    feed.write_text(csv_of(rows[400:]) + "end\n")
    place = Place(tmp_path, f"sqlite:///{tmp_path / 'ktrdr.db'}", {"KTRDR_CHECKPOINT_SECONDS": "600"})
    begun = () if start is None else ("--start-date", first.isoformat())
    words = ("paper", "run", "mine.yaml", "EURUSD", "1h", "--feed", str(feed), "--threads", "1", *begun)
    with closing(place.store()) as store:
        for lines in (2, 7):  # the first order and its fill, then some more
            said = zygote.begin(place, words, before=DIES_AT.format(lines=lines)).wait()
            operation = only(store) or said
            journal = tmp_path / "paper" / f"{operation}.jsonl"
            assert len(journal.read_bytes().splitlines()) == lines
            left = store.get(operation)
            assert (left.status, left.generation) == (Status.INTERRUPTED, 0)
            words = ("operations", "resume", operation)
        assert zygote.call(place, *words)["result_hash"] == want.result_hash
    assert len(PaperBroker(journal).fills()) == want.fills.height


def test_status_kill_and_stop_reach_a_run_whose_feed_is_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = furnished(tmp_path)
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(dict(file), sort_keys=False))
    feed = tmp_path / "bars.csv"
    feed.write_text(csv_of(worlds.frame(200)))
    place = Place(tmp_path, f"sqlite:///{tmp_path / 'ktrdr.db'}", {"KTRDR_CHECKPOINT_SECONDS": "600"})
    monkeypatch.setenv("KTRDR_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("KTRDR_DATABASE_URL", place.url)

    def said(*words: str) -> dict[str, Any]:
        main(["--json", "paper", *words])
        answer: dict[str, Any] = json.loads(capsys.readouterr().out)
        return answer

    store = place.store()
    program = place.begin("--json", "paper", "run", "mine.yaml", "EURUSD", "1h", "--feed", str(feed), "--threads", "1")
    operation = wait_for(lambda: only(store), 60)
    wait_for(lambda: bars_of(store, operation) == 200, 60)
    said("kill", "latest", "--reason", "a test")
    # No save is due for minutes: the run saves at once what the switch has done.
    wait_for(lambda: said("status")["events"], 2)
    status = said("status")
    assert status["progress"]["stopped"] == "a test"
    assert status["progress"]["clock"].endswith("missing by the clock")  # these bars are of another year
    assert status["status"] == "running" and status["progress"]["working"] in (None, f"{operation}-EURUSD-199-close")
    assert [event["kind"] for event in status["events"]][:1] == ["override"]
    assert status["events"][0]["time"] == "2024-01-09T07:00:00Z"
    said("stop", "latest")
    out, _ = program.communicate(timeout=60)
    assert json.loads(out)["status"] == "completed" and store.get(operation).status is Status.COMPLETED
    assert kind_of("paper").result(store, operation).warnings[-1] == "limits: a kill switch stopped trading for good"
    assert said("kill", "latest")["error"]["code"] == "already_completed"
    files = tmp_path / "paper"
    assert sorted(path.name for path in files.iterdir()) == [
        f"{operation}.{what}" for what in ("jsonl", "kill", "stop")
    ]
    main(["operations", "delete", operation, "--yes"])
    assert list(files.iterdir()) == []
    store.close()
