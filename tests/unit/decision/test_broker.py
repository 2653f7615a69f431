"""The paper broker: nothing is taken twice, a torn journal is read, and differences have a name."""

from __future__ import annotations

from pathlib import Path

import pytest

from ktrdr import disk
from ktrdr.decision.base import Fill, Order
from ktrdr.decision.broker import PaperBroker, reconcile
from ktrdr.errors import BrokerMismatch, OutputNotWritable

BUY = Order("r-EURUSD-1", "EURUSD", 1, 10, "signal")
BOUGHT = Fill("f0", BUY.id, "EURUSD", 1, 20, 5.0, 1.1, 0.1)


def test_a_journal_outlives_the_process_and_a_torn_line_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "paper" / "r.jsonl"
    broker = PaperBroker(path)
    for _ in range(2):
        broker.submit(BUY)
        broker.execute(BOUGHT)
    assert len(path.read_text().splitlines()) == 2
    with path.open("a") as journal:
        journal.write('{"order": {"id": "r-EUR')
    again = PaperBroker(path)
    assert again.position("EURUSD") == 5.0 and list(again.fills()) == [BOUGHT] and not again.working("EURUSD")
    again.submit(Order("r-EURUSD-9", "EURUSD", -1, 90, "signal"))
    assert [order.id for order in PaperBroker(path).working("EURUSD")] == ["r-EURUSD-9"]


def test_an_order_is_on_the_disk_before_it_counts_as_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "paper" / "r.jsonl"
    synced: list[tuple[str, int]] = []
    real = disk.sync

    def noted(place: Path) -> None:
        real(place)
        synced.append((place.name, 0 if place.is_dir() else len(place.read_bytes().splitlines())))

    monkeypatch.setattr("ktrdr.decision.broker.sync", noted)
    broker = PaperBroker(path)
    broker.submit(BUY)
    assert synced == [("paper", 0), ("r.jsonl", 1)]  # the file's name too
    broker.execute(BOUGHT)
    assert len(synced) == 2
    broker.sync()
    broker.sync()
    assert synced[2:] == [("r.jsonl", 2)]


def test_an_order_that_cannot_reach_the_disk_is_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(path: Path) -> None:
        raise OSError(5, "Input/output error")

    broker = PaperBroker(tmp_path / "r.jsonl")
    monkeypatch.setattr("ktrdr.decision.broker.sync", fails)
    with pytest.raises(OutputNotWritable, match=r"paper/r\.jsonl: .*Input/output error"):
        broker.submit(BUY)
    assert not broker.working("EURUSD")


def test_a_cancelled_order_no_longer_works_and_a_filled_one_stays(tmp_path: Path) -> None:
    broker = PaperBroker(None)
    broker.submit(BUY)
    broker.cancel(BUY.id)
    broker.cancel("unknown")
    assert not broker.working("EURUSD")


def test_another_order_or_fill_of_a_known_id_is_refused(tmp_path: Path) -> None:
    broker = PaperBroker(None)
    broker.submit(BUY)
    with pytest.raises(BrokerMismatch, match="another order of that id"):
        broker.submit(Order(BUY.id, "EURUSD", -1, 10, "signal"))
    broker.execute(BOUGHT)
    with pytest.raises(BrokerMismatch, match=r"another fill of that id.*other bars than before"):
        broker.execute(Fill("f0", BUY.id, "EURUSD", 1, 20, 5.0, 1.2, 0.1))
    with pytest.raises(BrokerMismatch, match="never sent"):
        broker.execute(Fill("f1", "no", "EURUSD", 1, 20, 5.0, 1.2, 0.1))


def test_a_journal_that_is_no_journal_and_one_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_text("garbage\n")
    with pytest.raises(BrokerMismatch, match=r"r\.jsonl: the broker's journal cannot be read: found 'line 1'|line 1"):
        PaperBroker(tmp_path / "r.jsonl")
    (tmp_path / "paper").write_text("")
    with pytest.raises(OutputNotWritable):
        PaperBroker(tmp_path / "paper" / "r.jsonl").submit(BUY)


def test_a_broker_that_is_ahead_is_compared_up_to_the_last_bar() -> None:
    broker = PaperBroker(None)
    broker.submit(BUY)
    broker.execute(BOUGHT)
    assert reconcile(broker, "EURUSD", quantity=0.0, working=BUY, last_ns=15) == 20
    assert reconcile(broker, "EURUSD", quantity=5.0, working=None, last_ns=20) is None
    with pytest.raises(BrokerMismatch, match="EURUSD: the broker holds another position"):
        reconcile(broker, "EURUSD", quantity=0.0, working=None, last_ns=20)
