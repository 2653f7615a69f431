"""A resume of a run whose inputs have changed is refused by the part that did; a fork takes all but a strategy."""

from __future__ import annotations

import json
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from ktrdr.backtesting.job import foreground
from ktrdr.backtesting.results import BacktestResults
from ktrdr.cli.runs.foreground import fork as fork_here
from ktrdr.data.store.repository import Repository
from ktrdr.errors import Cancelled, IdentityMismatch, ModelFeatureMismatch, ProfileMismatch
from ktrdr.operations.models import Operation, Status
from ktrdr.operations.running.foreground import resume
from ktrdr.operations.store.proof.seals import request_seal
from ktrdr.operations.store.store import Store
from support.database import stores
from support.inputs import worlds
from support.process.processes import Place, StopAt, answer_of, assert_same, furnish, strategy, wait_for
from support.process.service import service
from support.soak import seeds

KINDS = ("gru", "lstm")
N_BARS = 3_000
END = "2024-04-20"
"""Some 250 bars before the last one that is stored."""
OTHER_PROFILE = {"ATEN_CPU_CAPABILITY": "default"}
"""Torch without the vector instructions of this machine: other bits."""


@dataclass
class Ground:
    """A data folder of the test's own, with strategies that are found by name."""

    place: Place
    store: Store
    kind: str = "gru"

    @property
    def file(self) -> Path:
        """Returns the path of the bars."""
        return Repository(self.place.folder).path("EURUSD", "1h")

    @property
    def model(self) -> Path:
        """The only bundle of the kind's strategy."""
        (found,) = (self.place.folder / "models" / f"walker_{self.kind}").glob("*_v1")
        return found

    def write(self, **changes: Any) -> None:
        """The strategy, under its name."""
        file = self.place.folder / "strategies" / f"walker_{self.kind}.yaml"
        file.write_text(yaml.safe_dump(strategy(self.kind, **changes), sort_keys=False))

    def stopped(self, bar: int) -> Operation:
        """A run that was cancelled, and saved, at about that bar."""
        stop = StopAt(bar)
        with pytest.raises(Cancelled) as caught:
            foreground.run(
                f"walker_{self.kind}", "EURUSD", "1h", start="2024-01-20", end=END, threads=1, store=self.store,
                bridge=stop, cancellation_token=stop.token,
            )  # fmt: skip
        found = self.store.get(caught.value.where or "")
        assert (found.status, found.generation) == (Status.CANCELLED, 1)
        return found

    def whole(self) -> BacktestResults:
        """Returns the result of an uninterrupted run."""
        return self.place.expected(self.kind, end=END)


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = furnish(tmp_path_factory.mktemp("shared"), N_BARS, KINDS)
    (folder / "strategies").mkdir()
    return folder


@pytest.fixture
def ground(furnished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ground:
    folder = shutil.copytree(furnished, tmp_path / "data")
    settings = {"KTRDR_STRATEGIES_DIR": str(folder / "strategies")}
    place = Place(folder, f"sqlite:///{tmp_path / 'ktrdr.db'}", settings)
    for name, value in place.environment.items():
        monkeypatch.setenv(name, value)
    found = Ground(place, place.store())
    for kind in KINDS:
        replace(found, kind=kind).write()
    return found


@contextmanager
def other_bar(ground: Ground, operation: Operation, rng: random.Random) -> Iterator[None]:
    """One price of one bar of the range is another; what was simulated before it or not makes no difference."""
    before = ground.file.read_bytes()
    row = rng.randrange(600, N_BARS - 300)
    bars = pl.read_parquet(ground.file).with_row_index()
    higher = pl.when(pl.col("index") == row).then(pl.col("high") * 1.0001).otherwise(pl.col("high"))
    bars.with_columns(high=higher).drop("index").write_parquet(ground.file)
    yield
    ground.file.write_bytes(before)


@contextmanager
def other_strategy(ground: Ground, operation: Operation, rng: random.Random) -> Iterator[None]:
    """The name it was submitted by means another file."""
    ground.write(decisions={"confidence_threshold": rng.uniform(0.1, 0.3), "filters": {"min_signal_separation": 2}})
    yield
    ground.write()


@contextmanager
def other_model(ground: Ground, operation: Operation, rng: random.Random) -> Iterator[None]:
    """Other weights lie under the model's id."""
    kept = ground.place.folder / "kept"
    other = worlds.untrained(ground.place.folder, strategy(ground.kind), seed=rng.randint(100, 10_000))
    model = ground.model
    model.rename(kept)
    (ground.place.folder / "models" / other).rename(model)
    yield
    shutil.rmtree(model)
    kept.rename(model)


def other_rules(**rules: Any) -> Callable[..., AbstractContextManager[None]]:
    """The stored request asks for other rules."""

    @contextmanager
    def change(ground: Ground, operation: Operation, rng: random.Random) -> Iterator[None]:
        _write_spec(ground.store, operation, {**operation.spec, **rules})
        yield
        _write_spec(ground.store, operation, operation.spec)

    return change


def _write_spec(store: Store, operation: Operation, spec: Mapping[str, Any]) -> None:
    """With its seal: a request without one is damaged, and no resume asks what it says."""
    text = json.dumps(spec)
    seal = request_seal(operation.id, None, operation.kind, text, operation.threads, operation.idempotency_key)
    sql = "UPDATE operations SET spec = :spec, request_seal = :seal WHERE id = :id"
    stores.sql(store, sql, spec=text, seal=seal, id=operation.id)


@contextmanager
def nothing(ground: Ground, operation: Operation, rng: random.Random) -> Iterator[None]:
    """All is as it was."""
    yield


@dataclass(frozen=True)
class Change:
    """A changed input, and the part that a refusal names."""

    make: Callable[..., AbstractContextManager[None]]
    part: str
    error: type[IdentityMismatch] = IdentityMismatch
    asked: Mapping[str, Any] = field(default_factory=dict)


CHANGES = {
    "bar": Change(other_bar, "bars EURUSD 1h"),
    "strategy": Change(other_strategy, "strategy"),
    "model": Change(other_model, "model"),
    "execution": Change(other_rules(execution={"commission": {"rate": 0.002}}), "execution"),
    "decisions": Change(other_rules(decisions={"confidence_threshold": 0.34}), "decisions"),
    "threads": Change(nothing, "threads", ProfileMismatch, {"threads": 2}),
}


def refuse_and_fork(ground: Ground, change: Change, seed: int) -> None:
    """Refused with its part; forked, unless the strategy is another; put back, the run ends as if nothing had been."""
    rng = random.Random(seed)
    operation = ground.stopped(rng.randint(900, 2_000))
    with change.make(ground, operation, rng):
        with pytest.raises(IdentityMismatch) as caught:
            resume(operation.id, store=ground.store, **change.asked)
        assert (type(caught.value), caught.value.part) == (change.error, change.part)
        fork = fork_here(operation.id, {}, **change.asked).data
        assert fork["status"] == "completed"
        assert fork["operation_id"] != operation.id
    resume(operation.id, store=ground.store)
    whole = ground.whole()
    assert_same(ground.store, ground.store.get(operation.id), whole)
    if change.part == "strategy":  # what is forked is the strategy that was submitted
        spec = ground.store.get(fork["operation_id"]).spec
        assert spec["strategy_text"] == operation.spec["strategy_text"]


@pytest.mark.parametrize("name", CHANGES)
def test_changed_inputs_are_refused(ground: Ground, name: str) -> None:
    refuse_and_fork(ground, CHANGES[name], 1)


@pytest.mark.soak
def test_refusals(ground: Ground) -> None:
    tally: Counter[str] = Counter()
    for seed in seeds("refusals", 120, batch=20, tally=tally):
        name = list(CHANGES)[seed % len(CHANGES)]
        kind = KINDS[seed // len(CHANGES) % len(KINDS)]
        refuse_and_fork(replace(ground, kind=kind), CHANGES[name], 300_000 + seed)
        tally[name] += 1


def test_a_strategy_of_its_own_name_resumes_as_it_was_submitted(ground: Ground) -> None:
    operation = ground.stopped(1_200)
    whole = ground.whole()
    with other_strategy(ground, operation, random.Random(2)):
        resume(operation.id, store=ground.store, stored=True)
    assert_same(ground.store, ground.store.get(operation.id), whole)


def test_no_fork_takes_another_strategy(ground: Ground) -> None:
    operation = ground.stopped(1_200)
    indicators = {**strategy("gru")["indicators"], "rsi_7": {"type": "rsi", "period": 9}}
    text = json.dumps(strategy("gru", indicators=indicators))
    _write_spec(ground.store, operation, {**operation.spec, "strategy_text": text})
    with pytest.raises(ModelFeatureMismatch) as caught:
        fork_here(operation.id, {})
    assert "rsi_7" in str(caught.value)


def append_bars(ground: Ground, count: int) -> None:
    """Later bars than any that the run asks for."""
    worlds.frame(N_BARS + count).write_parquet(ground.file)


@pytest.mark.parametrize("count", [1, 500])
def test_bars_appended_after_the_range_do_not_matter(ground: Ground, count: int) -> None:
    operation = ground.stopped(1_200)
    whole = ground.whole()
    append_bars(ground, count)
    assert ground.whole().identity == whole.identity
    resume(operation.id, store=ground.store)
    assert_same(ground.store, ground.store.get(operation.id), whole)


@pytest.mark.soak
def test_another_torch_profile(ground: Ground) -> None:
    """Refused by name; a worker that has it says why it leaves the run alone; a fork continues there."""
    operation = ground.stopped(1_200)
    whole = ground.whole()
    elsewhere = replace(ground.place, settings={**ground.place.settings, **OTHER_PROFILE})
    said = elsewhere.call("operations", "resume", operation.id)
    assert (said.returncode, said.stderr.split(":")[0]) == (4, "profile_mismatch")
    assert "cpu_capability" in said.stderr
    fork = answer_of(elsewhere.call("operations", "fork", operation.id, "--json"))
    assert fork["status"] == "completed"
    ground.store.requeue(operation.id)
    reason = "profile_mismatch: another cpu_capability"
    with service(elsewhere) as there, there.client() as client:
        wait_for(lambda: list(client.get(f"/operations/{operation.id}").json()["waiting"].values()) == [reason])
        shown = ground.place.call("operations", "show", operation.id)
        assert reason in shown.stdout, shown.stderr
        wait_for(lambda: f"{operation.id} waits: " in there.log)
        assert there.log.count(f"{operation.id} waits: ") == there.log.count(reason) == 1
    resume(operation.id, store=ground.store)
    assert_same(ground.store, ground.store.get(operation.id), whole)
