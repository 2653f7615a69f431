"""``ktrdr models``: lists, shows and deletes the model bundles of the data folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ktrdr._lazy import require
from ktrdr.cli.confirm import Yes, asks, confirm
from ktrdr.cli.drawing import draws_curves
from ktrdr.cli.output import CommandResult, Table
from ktrdr.cli.runs.options import Out
from ktrdr.cli.runs.summary import parts_of
from ktrdr.data.store.repository import Repository
from ktrdr.disk import check_page, write_page
from ktrdr.errors import ModelError, ModelInUse, NotCompleted, NotFound, ReferenceAmbiguous
from ktrdr.neural.bundle import bundle_id
from ktrdr.neural.storage import ModelStorage, StoredModel
from ktrdr.operations.kind import completed
from ktrdr.operations.models import Operation, Status
from ktrdr.operations.store.store import Store
from ktrdr.training.shown_model import model_facts, model_row, model_sections

_PAGE = 500


def list_models() -> CommandResult:
    """List the trained models. No run takes a net of a walk-forward's fold unless --model names it."""
    storage = ModelStorage(Repository().models_dir)
    found = storage.models()
    stored = [model_row(model) for model in found]
    damaged = {id_: str(error) for id_, error in storage.damaged().items()}
    rows = [
        (
            one["id"],
            one["kind"],
            ", ".join(one["symbols"]),
            ", ".join(one["timeframes"]),
            one["span"],
            one["bars"],
            use,
        )
        for one, use in zip(stored, (model.use for model in found), strict=True)
    ]
    table = Table(("model", "net", "symbols", "timeframes", "trained on", "bars", "use"), rows)
    shown = [table] if rows else [] if damaged else ["no models yet: `ktrdr train` makes one"]
    faults = [f"damaged: {fault}; `ktrdr models delete {id_}` removes it" for id_, fault in damaged.items()]
    return CommandResult({"models": stored, "damaged": damaged}, [*shown, *faults])


def show(model: str, /) -> CommandResult:
    """Show one model: net, splits, losses by epoch, confused classes or sizes of errors, warnings.

    Parameters
    ----------
    model
        Its id, as `ktrdr models list` prints it, the strategy's name where it has one model, or a training's operation.
    """
    stored = _named(ModelStorage(Repository().models_dir), model)
    data = {**model_facts(stored), "folder": str(stored.path)}
    return CommandResult(data, parts_of(model_sections(data, drawn=draws_curves())))


def report(model: str, /, *, out: Out = None) -> CommandResult:
    """Write one model as an HTML file: losses, splits on the prices, labels, confused classes or sizes of errors.

    Parameters
    ----------
    model
        Its id, as `ktrdr models list` prints it, or the strategy's name where it has one model.
    out
        The file; by default its id with - for /, and .html, in the working folder.
    """
    require("jinja2")
    from ktrdr.report.studies.training import model_page

    stored = _named(ModelStorage(Repository().models_dir), model)
    file = Path(f"{stored.id.replace('/', '-')}.html") if out is None else out
    check_page(file)
    written = write_page(model_page(stored.path), file)
    return CommandResult({"model": stored.id, "report": str(written)}, [f"report {written}"])


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
    return mine[0] if mine else storage.find(_model_of_operation(name) or name)


def _model_of_operation(name: str) -> str | None:
    """Returns the model that a training has made; None where no completed operation with a model has that id."""

    if "/" in name:
        return None
    store = Store.open()
    try:
        return completed(store, store.find_id(name)).summary.get("model")
    except (NotCompleted, NotFound, ReferenceAmbiguous):
        return None
    finally:
        store.close()


def delete(model: str, /, *, yes: Yes = False) -> CommandResult:
    """Delete a model that no unfinished run needs; on a terminal it asks first.

    Parameters
    ----------
    model
        Its id, as `ktrdr models list` prints it.
    """
    storage = ModelStorage(Repository().models_dir)
    path = storage.folder_of(model)
    name = bundle_id(path)
    users = list(_users(path))
    if unfinished := [one for one in users if one.status is not Status.COMPLETED]:
        names = ", ".join(f"{one.id} ({one.status.value})" for one in unfinished)
        hint = "finish these runs, or delete them with `ktrdr operations delete`"
        raise ModelInUse("a run that has not completed needs it", where=name, found=names, hint=hint)
    # A completed run keeps its ledger and its result, but it can no longer be restarted or forked.
    runs = f"{len(users)} completed run{'' if len(users) == 1 else 's'}"
    lost = f"{runs} of it cannot be restarted or forked any more" if users else ""
    if asks(yes=yes):
        confirm(f"delete {_described(storage, name)}?" + (f" {lost}." if lost else ""))
    storage.delete(path)
    data = {"deleted": name, "completed_runs": [one.id for one in users]}
    return CommandResult(data, [f"deleted {name}", *([f"warning: {lost}"] if lost else [])])


def _described(storage: ModelStorage, name: str) -> str:
    """Returns a model in the words of a question; a damaged one has an id alone."""
    try:
        return storage.find(name).described
    except ModelError:
        return f"{name} (damaged)"


def _users(path: Path) -> Iterator[Operation]:
    """Yields the operations that have run with a bundle, or name it."""

    model_id = bundle_id(path)
    names = {model_id, str(path.resolve())}
    cursor = None
    store = Store.open()
    try:
        while True:
            page, cursor = store.list(limit=_PAGE, cursor=cursor)
            yield from (one for one in page if one.model_id == model_id or one.spec.get("model") in names)
            if cursor is None:
                return
    finally:
        store.close()
