"""``ktrdr workers``: lists the workers that run operations."""

from __future__ import annotations

from ktrdr.cli.output import CommandResult, Table
from ktrdr.cli.runs.client import operations_client
from ktrdr.cli.runs.options import AskedWorker


def list_workers(*, worker: AskedWorker = None) -> CommandResult:
    """List the registered workers."""
    found = operations_client(worker).workers()
    rows = [
        (
            one["id"],
            one["host"],
            str(one["pid"]),
            str(one["slots"]),
            "damaged" if one["damaged"] else "live" if one["live"] else "gone",
            f"{one['seen_s_ago']:.0f} s ago",
        )
        for one in found["workers"]
    ]
    if not rows:
        return CommandResult(found, ["no workers: `ktrdr worker` starts one"])
    return CommandResult(found, [Table(("worker", "host", "process", "slots", "", "seen"), rows)])
