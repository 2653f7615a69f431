"""Small operations of several kinds, the results that they have undisturbed, and what has to be true at the end."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from ktrdr._types import Json
from ktrdr.analysis.sweep.request import SweepRequest
from ktrdr.errors import StorageError
from ktrdr.operations import resume
from ktrdr.operations.models import Operation, Status
from ktrdr.operations.store.store import Store
from ktrdr.worker.routes.requests import request_of, training_of, walk_forward_of
from ktrdr.worker.schemas import StartBody, TrainingBody, WalkForwardBody
from support.chaos.fleet import Member
from support.inputs import worlds
from support.process.processes import furnish, strategy

N_BARS = 8_000
KINDS = ("mlp", "lstm", "regression", "mtf", "slow")
_ADDRESSES: dict[str, tuple[str, Any, Callable[[Any], Any]]] = {
    "/backtests/start": ("backtest", StartBody, request_of),
    "/trainings/start": ("training", TrainingBody, training_of),
    "/walk-forwards/start": ("walkforward", WalkForwardBody, walk_forward_of),
}
_SPAN = {"symbol": "EURUSD", "timeframe": "1h", "threads": 1}
_GRID = {
    "decisions.confidence_threshold": [0.34, 0.4, 0.5],
    "execution.commission.rate": [0.0, 0.0001, 0.001],
    "execution.exits.stop_loss": [None, {"rate": 0.01}],
}


@dataclass(frozen=True)
class Asked:
    """A request: what is posted to which address; a sweep has no address and is submitted to the store."""

    name: str
    address: str
    body: dict[str, Any]

    def submission(self) -> tuple[str, Json]:
        """Returns the kind and the spec of its operation, as the address makes them."""
        if not self.address:
            asked = self.body
            request = SweepRequest.of(asked["strategy"], "EURUSD", "1h", grid=_GRID, start=asked["start"])
            return "sweep", request.to_spec()
        kind, shape, request_of = _ADDRESSES[self.address]
        return kind, request_of(shape.model_validate(self.body)).to_spec()

    def submit(self, store: Store, member: Member, key: str) -> str:
        """Submits it, to a worker where it has an address; returns the operation's id."""
        if not self.address:
            return store.submit(*self.submission(), threads=1, idempotency_key=key).id
        with member.client() as client:
            said = client.post(self.address, json=self.body | {"idempotency_key": key})
        if said.status_code in (502, 503):
            raise httpx.TransportError(said.text)
        assert said.status_code == 202, (self.name, said.status_code, said.text)
        name: str = said.json()["operation_id"]
        return name


def requests() -> list[Asked]:
    """Every request of a run."""
    found = []
    for kind in KINDS:
        for first, last in (("2024-01-20", "2024-06-30"), ("2024-02-15", "2024-11-20")):
            body = _SPAN | {"strategy_yaml": _text(strategy(kind)), "start_date": first, "end_date": last}
            found.append(Asked(f"backtest {kind} {first}", "/backtests/start", body))
    for kind in ("mlp", "lstm"):
        for seed in (3, 4):
            training = {"epochs": 6 if kind == "mlp" else 2, "batch_size": 32, "seed": seed}
            file = worlds.strategy(kind, name=f"learner_{kind}")
            body = {"strategy_yaml": _text(file), "device": "cpu", "threads": 1, "training": training}
            found.append(Asked(f"training {kind} {seed}", "/trainings/start", body | {"end_date": "2024-05-31"}))
    for folds in (1, 2):
        body = _SPAN | {"strategy_yaml": _text(worlds.strategy("mlp", name="walking")), "folds": folds, "device": "cpu"}
        found.append(Asked(f"walk-forward {folds}", "/walk-forwards/start", body | {"end_date": "2024-04-30"}))
    for first in ("2024-01-20", "2024-03-01"):
        found.append(Asked(f"sweep {first}", "", {"strategy": strategy("mlp"), "start": first}))
    return found


def _text(file: dict[str, Any]) -> str:
    return str(yaml.safe_dump(file, sort_keys=False))


def furnished(folder: Path) -> Path:
    """A data folder with the bars and nets of every request."""
    return furnish(folder, N_BARS, KINDS)


def undisturbed(folder: Path) -> dict[str, str]:
    """The result hash of each request, run in this process, where nothing disturbs it."""
    data = furnished(folder / "data")
    store = Store.open(f"sqlite:///{folder / 'ktrdr.db'}")
    found = {}
    for asked in requests():
        made = store.submit(*asked.submission(), threads=1)
        found[asked.name] = resume(made.id, store=store, data_dir=data).result_hash
    store.close()
    return found


def settled(store: Store, names: list[str], tally: Counter[str], within_s: float) -> dict[str, Operation]:
    """Every operation once it has completed: one that says why it has not is resumed, and so are cancelled ones."""
    until_s = time.monotonic() + within_s
    while True:
        found = {name: _patiently(store, name) for name in names}
        resting = [each for each in found.values() if each.status.at_rest and each.status is not Status.COMPLETED]
        for each in resting:
            code = (each.error or {}).get("code", "")
            assert code or each.status is Status.CANCELLED, f"{each.id} is {each.status} and does not say why"
            tally[f"ended {each.status}{': ' * bool(code)}{code}, resumed"] += 1
            again = store.restart if code == "snapshot_unrecoverable" else store.requeue
            again(each.id)
        if all(each.status is Status.COMPLETED for each in found.values()):
            return found
        left = [
            f"{each.id} {each.status} {store.waiting_reasons(each)}" for each in found.values() if not each.ended_at
        ]
        assert time.monotonic() < until_s, f"{len(left)} operations do not end: {left[:5]}"
        time.sleep(1.0)


def _patiently(store: Store, name: str) -> Operation:
    try:
        return store.get(name)
    except StorageError:
        time.sleep(1.0)
        return store.get(name)
