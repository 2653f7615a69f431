"""Cycles that die at random steps, and the honesty of their verdicts on markets without an edge and with one."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ktrdr
from ktrdr.analysis.doubt import logged_beside, trials_among
from ktrdr.data.store.repository import Repository
from ktrdr.operations import research, run
from ktrdr.operations.store.store import Store
from ktrdr.research.assessment import Evidence, judge
from ktrdr.research.evidence import moments_of
from ktrdr.research.spans import choose_spans
from ktrdr.strategy.loader import load_strategy
from ktrdr.time import Span, iso
from ktrdr.training import samples
from ktrdr.training.sources.base import Labels
from support.database.databases import Server
from support.inputs import edges
from support.runs.cycles import Cycles, Scene, cycles
from support.soak import seeds

DIED = -9
KILLS = 50
STRATEGIES = 200
NULL_MARKETS = 200
SHORT_LEGS = {"source": "zigzag", "zigzag_threshold": 0.005}
HONEST = ("no_signal", "overfit")


@pytest.fixture(scope="module")
def forks() -> Iterator[Cycles]:
    with cycles() as found:
        yield found


def _whole(forks: Cycles, folder: Path, url: str) -> tuple[dict[str, Any], list[str]]:
    """Returns the facts of a cycle that nothing stops, and its steps, which depend on the database."""
    scene = _scene(folder, url)
    assert scene.run(forks, trace=str(folder / "trace")) == 0
    return scene.facts(), (folder / "trace").read_text().splitlines()


def _scene(folder: Path, url: str) -> Scene:
    return Scene(edges.furnish(folder / "data"), url, {"strategy": json.dumps(edges.strategy())})


def _die_and_finish(
    scene: Scene, forks: Cycles, whole: tuple[dict[str, Any], list[str]], rng: random.Random, tally: Counter[str]
) -> None:
    """One cycle that dies at one or two drawn steps of its process, and is resumed after each."""
    facts, steps = whole
    for _ in range(rng.randint(1, 2)):
        at = rng.randrange(len(steps))
        name = steps[at]
        number = steps[:at].count(steps[at])
        code = scene.run(forks, kill_at=(name, number))
        assert code in (0, DIED)
        if code == 0:
            break
        tally["kills"] += 1
        tally[f"at {name}"] += 1
    operation = scene.operation()
    if operation is None or operation.status.value != "completed":
        assert scene.run(forks) == 0
    assert scene.facts() == facts
    tally["cycles"] += 1


@pytest.mark.soak
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_cycles_that_die_anywhere(
    database: str,
    forks: Cycles,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    tally: Counter[str] = Counter()
    whole = _whole(forks, tmp_path / "whole", request.getfixturevalue(f"{database}_url"))
    server: Server | None = request.getfixturevalue("postgresql") if database == "postgresql" else None
    for seed in seeds(f"research kills {database}", KILLS, batch=10, tally=tally):
        name = "" if server is None else server.take()
        url = f"sqlite:///{tmp_path / f'{seed}.db'}" if server is None else server.url(name)
        _die_and_finish(_scene(tmp_path / str(seed), url), forks, whole, random.Random(seed), tally)
        if server is not None:
            server.give_back(name)


def _cycle(folder: Path, **strategy: Any) -> Any:
    (folder / "given.yaml").write_text(json.dumps(edges.strategy(**strategy)))
    with_store = Store.open(f"sqlite:///{folder / 'ktrdr.db'}")
    return research("follow the trend", strategy=folder / "given.yaml", threads=1, store=with_store, data_dir=folder)


@pytest.mark.soak
def test_a_null_market_passes_the_training_gate_at_most_one_time_in_twenty(tmp_path: Path) -> None:
    tally: Counter[str] = Counter()
    passed = 0
    for seed in seeds("research null markets", NULL_MARKETS, batch=NULL_MARKETS, tally=tally):
        folder = edges.furnish(tmp_path / str(seed), n_bars=4_000, drift=0.0, seed=10_000 + seed)
        found = _cycle(folder, training={**edges.STRATEGY["training"], "labels": SHORT_LEGS})
        tally["passed the training gate"] += found.manifest["gates"][0]["passed"]
        tally[found.summary["verdict"]] += 1
        passed = tally["passed the training gate"]
    # 5 % of 200 are 10; a rate of 5 % gives more than 16 once in fifty soaks.
    assert passed <= 16


@pytest.mark.soak
def test_a_planted_edge_gets_at_least_a_weak_signal(tmp_path: Path) -> None:
    tally: Counter[str] = Counter()
    for seed in seeds("research planted edges", 40, batch=40, tally=tally):
        found = _cycle(edges.furnish(tmp_path / str(seed), n_bars=6_000, seed=20_000 + seed))
        tally[found.summary["verdict"]] += 1
        assert found.summary["verdict"] in ("weak_signal", "strong_signal"), found.manifest["assessment"]["reason"]


@pytest.mark.soak
def test_the_best_of_200_strategies_on_shuffled_labels_is_no_signal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is trained on labels in a drawn order, and backtested on the same bars; the best is judged last."""
    tally: Counter[str] = Counter()
    for market in seeds("research shuffled labels", 1, batch=1, tally=tally):
        folder = edges.furnish(tmp_path / str(market), n_bars=4_000, drift=0.0, seed=30_000 + market)
        store = Store.open(f"sqlite:///{folder / 'ktrdr.db'}")
        source = load_strategy(edges.strategy())
        spans = choose_spans(Repository(folder), source.symbols, source.timeframes, Span(), resample=False)
        results = []
        for number in range(STRATEGIES):
            monkeypatch.setattr(samples, "make_labels", _shuffling(number))
            results.append(_trial(folder, store, spans.train, spans.evaluation, number))
        best = max(results, key=lambda found: found.metrics["sharpe"] or -9.0)
        trials = trials_among(best, logged_beside(store, best, upto=results[-1].manifest["operation"]))
        assert len(trials.sharpes) == len({found.identity for found in results})
        evidence = Evidence(
            (),
            out_of_sample=moments_of(best),
            metrics=best.metrics,
            trial_sharpes=trials.sharpes,
            pbo=trials.pbo,
            profit_at_twice_costs=1.0,
            periods_per_year=best.conventions["periods_per_year"],
        )
        verdict, reason = judge(evidence)
        tally[f"{verdict.value}, as if it had passed both gates"] += 1
        tally["trials"] += len(trials.sharpes)
        assert verdict.value in HONEST, reason


def _trial(folder: Path, store: Store, train: Span, evaluation: Span, number: int) -> Any:
    training = {**edges.STRATEGY["training"], "seed": number}
    strategy = edges.strategy(name=f"shuffled_{number}", training=training)
    trained = ktrdr.train(strategy, start=_iso(train.start_ns), end=_iso(train.end_ns), threads=1, data_dir=folder)
    return run(
        strategy, edges.SYMBOL, "1h", start=_iso(evaluation.start_ns), end=_iso(evaluation.end_ns),
        model=trained.model_id, threads=1, strict=True, store=store, data_dir=folder,
    )  # fmt: skip


def _iso(instant_ns: int | None) -> str:
    assert instant_ns is not None
    return iso(instant_ns)


def _shuffling(seed: int) -> Any:
    """Returns ``make_labels`` with its targets in a drawn order; each stays known when it was."""
    from ktrdr.training.sources.make import make_labels

    def shuffled(*given: Any) -> Labels:
        found = make_labels(*given)
        rows = np.flatnonzero(found.defined)
        found.target[rows] = np.random.default_rng(seed).permutation(found.target[rows])
        return found

    return shuffled
