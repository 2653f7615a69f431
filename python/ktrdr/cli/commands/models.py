"""``ktrdr models``: lists, shows and deletes the model bundles of the data folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ktrdr.cli.confirm import Yes, asks, confirm
from ktrdr.cli.output import CommandResult, Table
from ktrdr.cli.runs.model import shown_model
from ktrdr.data.store.repository import Repository
from ktrdr.errors import ModelFormat, ModelInUse, ModelNotFound, ReferenceAmbiguous
from ktrdr.neural.bundle import read_metrics
from ktrdr.neural.metadata import BundleMetadata, doubts
from ktrdr.neural.storage import ModelStorage, StoredModel
from ktrdr.operations.models import Operation, Status
from ktrdr.time import Span, iso

_PAGE = 500


def list_models() -> CommandResult:
    """List the trained models."""
    stored = [_row(model) for model in ModelStorage(Repository().models_dir).models()]
    rows = [
        (one["id"], one["kind"], ", ".join(one["symbols"]), ", ".join(one["timeframes"]), one["span"], one["bars"])
        for one in stored
    ]
    table = Table(("model", "net", "symbols", "timeframes", "trained on", "bars"), rows)
    return CommandResult({"models": stored}, [table] if rows else ["no models yet: `ktrdr train` makes one"])


def show(model: str, /) -> CommandResult:
    """Show one model: net, splits, losses by epoch, confused classes or sizes of errors, warnings.

    Parameters
    ----------
    model
        Its id, as `ktrdr models list` prints it, or the strategy's name where it has one model.
    """
    stored = _named(ModelStorage(Repository().models_dir), model)
    facts = stored.metadata
    history = _history(stored)
    data = {
        **_row(stored),
        "strategy": facts.strategy_name,
        "output": facts.output_type,
        "features": list(facts.resolved_features),
        "training": dict(facts.run),
        "metrics": dict(facts.metrics),
        "splits": history.get("splits", {}),
        "judged": history.get("judged", {}),
        "best_epoch": history.get("best_epoch"),
        "epochs": history.get("epochs", []),
        "versions": dict(facts.versions),
        "warnings": list(dict.fromkeys((*facts.warnings, *doubts(facts.metrics)))),
        "bytes": sum(file.stat().st_size for file in stored.path.iterdir()),
        "folder": str(stored.path),
    }
    return CommandResult(data, shown_model(data))


def _named(storage: ModelStorage, name: str) -> StoredModel:
    """Returns the model of an id, or the only one of a strategy."""
    mine = storage.models(name) if "/" not in name else []
    if len(mine) > 1:
        candidates = [stored.id for stored in mine]
        raise ReferenceAmbiguous(
            "the strategy has several models",
            where="model",
            found=name,
            expected=f"one of: {', '.join(candidates)}",
            candidates=candidates,
        )
    return mine[0] if mine else storage.find(name)


def _history(stored: StoredModel) -> Mapping[str, Any]:
    """Returns losses, splits and judgement of a bundle; an older or foreign one may have none of them."""
    try:
        return read_metrics(stored.path)
    except (ModelFormat, ModelNotFound):
        return {}


def delete(model: str, /, *, yes: Yes = False) -> CommandResult:
    """Delete a model that no unfinished run needs; on a terminal it asks first.

    Parameters
    ----------
    model
        Its id, as `ktrdr models list` prints it.
    yes
        Delete without a question.
    """
    storage = ModelStorage(Repository().models_dir)
    stored = storage.find(model)
    users = list(_users(stored))
    if unfinished := [one for one in users if one.status is not Status.COMPLETED]:
        names = ", ".join(f"{one.id} ({one.status.value})" for one in unfinished)
        hint = "finish these runs, or delete them with `ktrdr operations delete`"
        raise ModelInUse("a run that has not completed needs it", where=stored.id, found=names, hint=hint)
    # A completed run keeps its ledger and its result, but it can no longer be restarted or forked.
    runs = f"{len(users)} completed run{'' if len(users) == 1 else 's'}"
    lost = f"{runs} of it cannot be restarted or forked any more" if users else ""
    if asks(yes=yes):
        confirm(f"delete {stored.described}?" + (f" {lost}." if lost else ""))
    storage.delete(stored)
    data = {"deleted": stored.id, "completed_runs": [one.id for one in users]}
    return CommandResult(data, [f"deleted {stored.id}", *([f"warning: {lost}"] if lost else [])])


def _users(stored: StoredModel) -> Iterator[Operation]:
    """Yields the operations that have run with a bundle, or name it."""
    from ktrdr.operations.store.store import Store

    names = {stored.id, str(stored.path.resolve())}
    cursor = None
    store = Store.open()
    try:
        while True:
            page, cursor = store.list(limit=_PAGE, cursor=cursor)
            yield from (one for one in page if one.model_id == stored.id or one.spec.get("model") in names)
            if cursor is None:
                return
    finally:
        store.close()


def _row(model: StoredModel) -> dict[str, Any]:
    facts: BundleMetadata = model.metadata
    kinds = {True: "synthetic", False: "real", None: "unknown"}
    return {
        "id": model.id,
        "kind": facts.model.type,
        "symbols": list(facts.symbols),
        "timeframes": [timeframe.value for timeframe in facts.timeframes],
        "span": _days(facts.training_span),
        "bars": kinds[facts.synthetic],
    }


def _days(span: Span | None) -> str:
    if span is None or span.start_ns is None or span.end_ns is None:
        return "unknown"
    return f"{iso(span.start_ns)[:10]} to {iso(span.end_ns - 1)[:10]}"  # the last bar ends where the next day begins
