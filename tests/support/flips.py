"""Single-bit flips in everything that is stored, and what a careful reader then sees.

A flip is *named* where every reader of the thing raises an error of ours or shows it as damaged. It is *harmless* where
results, and what a resume would continue from, are as they were. Anything else is a fault of the program.
"""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import text

from ktrdr import _core
from ktrdr.backtesting.inputs.request import BacktestRequest
from ktrdr.backtesting.job.proofs import hash_of_ledger
from ktrdr.backtesting.job.stored import ledger, stored_results
from ktrdr.data.bars import BarSeries
from ktrdr.data.store.repository import Repository
from ktrdr.errors import Cancelled, KtrdrError
from ktrdr.neural.bundle import ModelBundle, changed_files, read_metadata
from ktrdr.neural.storage import ModelStorage
from ktrdr.operations import run
from ktrdr.operations.kind import kind_of
from ktrdr.operations.models import Claim, Status
from ktrdr.operations.store import claims
from ktrdr.operations.store.rows import operation_of, select_operation
from ktrdr.operations.store.store import Store
from ktrdr.simulation.ledger import TABLES
from ktrdr.simulation.saved import SavedRun
from ktrdr.time import Timeframe
from ktrdr.worker.routes.listed import Listed
from ktrdr.worker.views import worker_view
from support.database import stores
from support.inputs import worlds
from support.process.processes import StopAt, strategy

N_BARS = 10_000
DATABASE = ("operations", "results", "ledger_segments", "checkpoints", "trials", "workers")
_LISTED = Listed()
FILES = ("bars", "sidecar", "bundle", "strategy")
NAMED = "named"
HARMLESS = "harmless"


class Silent(AssertionError):
    """A flip that changed something, and that no reader has noticed."""


@dataclass(frozen=True)
class World:
    """A data folder, a strategy file and a database with a completed run, an interrupted one, a trial and a worker."""

    folder: Path
    store: Store
    done: str
    stopped: str
    lineages: frozenset[bytes]
    proven: set[Any] = field(default_factory=set)
    """Things that have been restored or read to their end once: equal bytes need not be again."""

    @classmethod
    def make(cls, folder: Path, url: str = "") -> World:
        """Makes one; the environment names its data folder and its strategies. By default the database is SQLite."""
        repository = Repository(folder)
        frame = worlds.bars(N_BARS, "mlp")["1h"]
        repository.store(BarSeries.from_frame(frame, "EURUSD", Timeframe.H1))
        file = strategy("mlp")
        worlds.untrained(folder, file, seed=2)
        (folder / "strategies").mkdir()
        import yaml

        (folder / "strategies" / f"{file['name']}.yaml").write_text(yaml.safe_dump(file, sort_keys=False))
        store = Store.open(url or f"sqlite:///{folder / 'ktrdr.db'}")
        asked: dict[str, Any] = {"start": "2024-01-20", "threads": 1, "store": store, "data_dir": folder}
        done = run(file["name"], "EURUSD", "1h", **asked).manifest["operation"]
        stop = StopAt(5_000)
        with suppress(Cancelled):
            run(file["name"], "EURUSD", "1h", every_bars=1_000, bridge=stop, cancellation_token=stop.token, **asked)
        ((stopped,), _) = store.list(status=Status.CANCELLED)
        store.register("one", host="here", pid=1, slots=1, capabilities={"backtest": kind_of("backtest").capability()})
        states = (store.snapshot(stopped.id, one.generation) for one in store.checkpoints(stopped.id))
        return cls(folder, store, str(done), stopped.id, frozenset(_core.Snapshot(one).lineage for one in states))


def flip_of_value(value: Any, draw: random.Random) -> Any:
    """The value with one bit of its stored form changed; a NULL stays."""
    if isinstance(value, bytes) and value:
        data = bytearray(value)
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        return bytes(data)
    if isinstance(value, str) and value:
        return flip_of_value(value.encode("utf-8", "surrogateescape"), draw)
    if isinstance(value, int):
        return (value ^ (1 << draw.randrange(63))) if draw.random() < 0.5 else value ^ (1 << draw.randrange(8))
    if isinstance(value, float):
        (bits,) = struct.unpack("<Q", struct.pack("<d", value))
        return struct.unpack("<d", struct.pack("<Q", bits ^ (1 << draw.randrange(64))))[0]
    return value


def flip_in_database(world: World, table: str, draw: random.Random, observe: Callable[[], Any]) -> tuple[str, Any]:
    """Flips a bit of a random cell, observes, and puts it back; returns the column, and what was observed."""
    with world.store._database._engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
        rows = connection.exec_driver_sql(f"SELECT rowid AS row_number, * FROM {table}").mappings().all()
        row = draw.choice(rows)
        column = draw.choice([name for name in row if name != "row_number" and row[name] not in (None, "", b"")])
        flipped = flip_of_value(row[column], draw)
        form = "CAST(:it AS TEXT)" if isinstance(row[column], str) else ":it"
        statement = text(f"UPDATE {table} SET {column} = {form} WHERE rowid = :rowid")
        where = {"rowid": row["row_number"] if column != "seq" else flipped}
        if isinstance(flipped, float) and flipped != flipped:  # SQLite keeps no NaN
            return column, None
        try:
            connection.execute(statement, {"it": flipped, "rowid": row["row_number"]})
        except Exception as error:
            if "constraint" in str(error).lower() or "mismatch" in str(error).lower():
                return column, None  # the database itself refuses it
            raise
        connection.exec_driver_sql("COMMIT") if connection.connection.in_transaction else None
        try:
            return column, observe()
        finally:
            connection.execute(statement, {"it": row[column], **where})
            connection.exec_driver_sql("PRAGMA ignore_check_constraints = OFF")
            connection.exec_driver_sql("PRAGMA foreign_keys = ON")


def flip_in_file(file: Path, draw: random.Random, observe: Callable[[], Any]) -> Any:
    """Flips a bit of a file, observes, and puts it back."""
    before = file.read_bytes()
    data = bytearray(before)
    data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    file.write_bytes(bytes(data))
    try:
        return observe()
    finally:
        file.write_bytes(before)


def named_or(read: Callable[[], Any]) -> Any:
    """Returns what is read, or the code of an error of ours; any other exception is a fault."""
    try:
        return read()
    except KtrdrError as error:
        return f"named {error.code}"


def is_named(found: Any) -> bool:
    """Returns whether that is the code of an error, or something that says of itself that it is damaged."""
    return isinstance(found, str) and found.startswith("named ")


def _listed(store: Store) -> dict[str, Any]:
    found = json.loads(_LISTED.answer(*store.listed(limit=500)))["operations"]
    return {
        one["operation_id"]: f"named {one['error']['code']}"
        if one["error"] and one["status"] != "cancelled"
        else one["figures"]
        for one in found
    }


def _result(world: World, operation_id: str) -> Any:
    store = world.store
    operation = store.whole(operation_id)
    if operation.status is not Status.COMPLETED:
        return operation.status
    rows = _rows(store, operation_id, None)
    if rows not in world.proven:
        assert hash_of_ledger(store, operation_id, stored_results(store, operation_id))
        world.proven.add(rows)
    return rows, store.outcome(operation_id)


def _rows(store: Store, operation_id: str, generation: int | None) -> bytes:
    """Returns a hash over every stored byte of a ledger."""
    segments = (segment for table in TABLES for segment in store.segments(operation_id, table, generation))
    return bytes(_core.content_hash([part for one in segments for part in (str(one.seq_from).encode(), one.data)]))


def _resumable(world: World) -> Any:
    """Returns what a worker would continue from; nothing of it is kept."""
    store = world.store
    found = store.whole(world.stopped)
    if str(found.spec) not in world.proven:
        kind_of(found.kind).unchanged(found.spec)
        world.proven.add(str(found.spec))
    if found.model_id is not None:
        ModelStorage(world.folder / "models").find(found.model_id)
    owner = stores.owner(99)
    mine = kind_of("backtest").capability()
    with store._database._engine.connect() as connection:
        claim = claims.claim(connection, found.id, owner, 30.0, capability=mine, placement=None)
        read = operation_of(connection.execute(select_operation().where(text("id = :id")), {"id": found.id}).one())
        connection.rollback()
    if not isinstance(claim, Claim):
        return f"named {claim.code}"
    assert claim.saved is not None and read.id == found.id
    if claim.notices:
        return f"named {claim.notices[0]}"
    opened = claim.saved.opened
    assert isinstance(opened, _core.Snapshot)
    state = opened.lineage, _rows(store, found.id, claim.saved.generation)
    if state not in world.proven:
        SavedRun.of(opened, ledger(store, found.id, claim.saved.generation))
        world.proven.add(state)
    return opened.lineage in world.lineages, found.spec, found.threads  # from either, the result is the same


def _trials(store: Store) -> Any:
    found = store.trials("EURUSD", "1h", 0, 1 << 62)
    return "named damaged trial" if any(one.damaged for one in found) else [str(one.trial) for one in found]


_READERS: dict[str, Callable[[World], Any]] = {
    "list": lambda world: _listed(world.store),
    "done": lambda world: _result(world, world.done),
    "stopped": _resumable,
    "trials": lambda world: _trials(world.store),
    "workers": lambda world: [worker_view(one).damaged for one in world.store.workers()],
    "checkpoints": lambda world: len([str(one) for one in world.store.checkpoints(world.stopped)]) > 0,
}
_READ_BY: dict[str, tuple[str, ...]] = {
    "operations": tuple(_READERS),
    "results": ("list", "done"),
    "ledger_segments": ("done", "stopped"),
    "checkpoints": ("stopped", "checkpoints"),
    "trials": ("trials",),
    "workers": ("workers", "list"),
}
"""Readers of each table."""


def of_database(world: World, readers: Iterable[str] = tuple(_READERS)) -> dict[str, Any]:
    """Returns what readers see: the list, the result with its ledger, what a resume begins with, trials, workers."""
    return {name: named_or(partial(_READERS[name], world)) for name in readers}


_FILE_READERS: dict[str, tuple[str, ...]] = {
    "bars": ("bars",), "sidecar": ("bars",), "bundle": ("bundle", "history"), "strategy": ("strategy",),
}  # fmt: skip
"""Readers of each kind of file."""


def of_files(world: World, readers: Iterable[str] = ("bars", "bundle", "history", "strategy")) -> dict[str, Any]:
    """Returns what a run reads of the folder: bars, their origin, the net, the strategy of a name."""
    (model,) = (world.folder / "models").glob("*/*")
    known: dict[str, Callable[[], Any]] = {
        "bars": lambda: _bars(Repository(world.folder)),
        "bundle": lambda: _bundle(model),
        "history": lambda: _others(model),
        "strategy": lambda: BacktestRequest.of_spec(world.store.get(world.done).spec).check_name(),
    }
    return {name: named_or(known[name]) for name in readers}


def _bars(repository: Repository) -> Any:
    series = repository.load("EURUSD", Timeframe.H1)
    return series.content_hash(), series.provenance


def _bundle(path: Path) -> Any:
    found = ModelBundle.load(path)
    return str(found.metadata), found.weights_sha256


def _others(path: Path) -> Any:
    changed = changed_files(path, read_metadata(path))
    return f"named {changed[0]}" if changed else "as written"


def files_of(world: World, target: str) -> list[Path]:
    """The files of a kind of stored thing."""
    patterns = {"bars": "*.parquet", "sidecar": "*.json", "bundle": "models/*/*/*", "strategy": "strategies/*.yaml"}
    return sorted(world.folder.glob(patterns[target]))


def judged(before: Any, after: Any, where: str) -> str:
    """Returns `NAMED` or `HARMLESS`; raises `Silent` where neither is so."""
    if after == before or after is None:
        return HARMLESS
    if is_named(after):
        return NAMED
    if isinstance(before, dict) and isinstance(after, dict):
        gone = [name for name in before if name not in after]
        more = [name for name in after if name not in before]
        if gone and not (len(gone) == len(more) == 1 and is_named(after[more[0]])):
            raise Silent(f"{where}: {gone} gone")
        each = [judged(before[name], after[name], f"{where} {name}") for name in before if name in after]
        return NAMED if gone or NAMED in each else HARMLESS
    if after == [True]:  # the one worker is shown as damaged
        return NAMED
    raise Silent(f"{where}: {str(before)[:300]} became {str(after)[:300]}")


def tried(world: World, seed: int, known: tuple[dict[str, Any], dict[str, Any]]) -> tuple[str, str]:
    """Makes the flip of a seed; returns where it was, and whether it was named or harmless.

    Args:
        world: is as it was afterwards.
        seed: of the flip.
        known: what readers see of database and files before any flip.
    """
    draw = random.Random(seed)
    target = draw.choice((*DATABASE, *FILES))
    if target in DATABASE:
        column, found = flip_in_database(world, target, draw, lambda: of_database(world, _READ_BY[target]))
        place = f"{target}.{column}"
        before = {name: known[0][name] for name in _READ_BY[target]}
    else:
        file = draw.choice(files_of(world, target))
        found = flip_in_file(file, draw, lambda: of_files(world, _FILE_READERS[target]))
        place = f"{target} {file.name}"
        before = {name: known[1][name] for name in _FILE_READERS[target]}
    return place, HARMLESS if found is None else judged(before, found, f"seed {seed}, {place}")
