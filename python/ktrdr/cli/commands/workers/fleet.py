"""``ktrdr workers``: who runs operations."""

from __future__ import annotations

from ktrdr.cli.commands.runs.desk import desk
from ktrdr.cli.output import Answer, Table


def workers(*, worker: str | None = None) -> Answer:
    """List the registered workers.

    Parameters
    ----------
    worker
        Ask the worker of that address.
    """
    found = desk(worker).workers()
    rows = [
        (one["id"], one["host"], str(one["pid"]), str(one["slots"]), "live" if one["live"] else "gone",
         f"{one['seen_s_ago']:.0f} s ago")
        for one in found["workers"]
    ]  # fmt: skip
    if not rows:
        return Answer(found, ["no workers: `ktrdr worker` starts one"])
    return Answer(found, [Table(("worker", "host", "process", "slots", "", "seen"), rows)])
