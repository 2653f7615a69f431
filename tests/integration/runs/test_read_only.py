"""A data folder that cannot be written can be read, by every command; what writes says why it cannot."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ktrdr import operations
from ktrdr.cli.app import main
from ktrdr.errors import StorageUnavailable
from ktrdr.operations.store.store import Store
from support.database import stores
from support.database.disks import read_only, small_disk
from support.process.processes import furnish, strategy


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A disk with bars, a net, and a finished backtest."""
    with small_disk(tmp_path_factory.mktemp("disks") / "disk", "64m") as found:
        furnish(found, 800, ("mlp",))
        store = Store.open(f"sqlite:///{found / 'ktrdr.db'}")
        operations.run(strategy("mlp"), "EURUSD", "1h", start="2024-01-20", store=store, data_dir=found)
        store.close()
        yield found


@pytest.fixture
def here(disk: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("KTRDR_DATA_DIR", str(disk))
    monkeypatch.delenv("KTRDR_DATABASE_URL", raising=False)
    with read_only(disk):
        yield disk


READING = [
    ["operations", "list"], ["operations", "show", "latest"], ["backtest", "show", "latest"],
    ["backtest", "report", "latest", "--out", "{out}/page.html"], ["verify", "result", "latest"],
    ["data", "list"], ["data", "check"], ["models", "list"], ["workers"],
]  # fmt: skip
WRITING = [["operations", "note", "latest", "mine"], ["operations", "delete", "latest", "--yes"]]


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_reading_works(here: Path, tmp_path: Path, words: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    code = main([word.format(out=tmp_path) for word in words])
    assert code == 0, capfd.readouterr().err


@pytest.mark.parametrize("words", WRITING, ids=" ".join)
def test_writing_says_why_not(here: Path, words: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 5
    said = capfd.readouterr().err
    assert said.startswith("storage_unavailable: the database can only be read: found SQLITE_READONLY")


def test_a_wal_that_a_crash_has_left_is_read(tmp_path: Path) -> None:
    """Its rows are in no other file."""
    with small_disk(tmp_path / "disk", "8m") as disk:
        store = Store.open(f"sqlite:///{tmp_path / 'ktrdr.db'}")
        made = stores.submit(store)
        for end in ("", "-wal", "-shm"):
            shutil.copy(tmp_path / f"ktrdr.db{end}", disk / f"ktrdr.db{end}")
        store.close()
        with read_only(disk):
            found = Store.open(f"sqlite:///{disk / 'ktrdr.db'}")
            assert [operation.id for operation in found.list()[0]] == [made.id]
            found.close()


def test_a_missing_wal_is_called_so(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ktrdr.db'}"
    store = Store.open(url)
    stores.submit(store)
    wal = tmp_path / "ktrdr.db-wal"
    wal.rename(tmp_path / "aside")
    with pytest.raises(StorageUnavailable, match=r"ktrdr.db: the database's WAL is missing") as caught:
        Store.open(url)
    assert not caught.value.transient
    (tmp_path / "aside").rename(wal)
    again = Store.open(url)
    assert len(again.list()[0]) == 1
    again.close()
    store.close()
