"""``ktrdr worker``: serves operations over HTTP and runs them in child processes until a signal stops it."""

from __future__ import annotations

import os

from ktrdr._lazy import require
from ktrdr.cli.output import current_output
from ktrdr.errors import ArgumentInvalid
from ktrdr.profile import DEFAULT_THREADS

_NEEDED = ("fastapi", "uvicorn", "prometheus_client", "jinja2", "litecharts", "torch")


def worker(*, host: str = "127.0.0.1", port: int = 8000, slots: int | None = None) -> None:
    """Serve operations over HTTP and run them.

    Parameters
    ----------
    host
        Address to listen on; one that others can reach needs KTRDR_API_TOKEN.
    port
        Port to listen on; 0 takes any that is free.
    slots
        Number of operations that run at once; by default so many that their threads, two each, fit the cores.
    """
    require(*_NEEDED, extra="worker")
    cores = len(os.sched_getaffinity(0))
    count = max(cores // DEFAULT_THREADS, 1) if slots is None else slots
    if count < 1:
        raise ArgumentInvalid("must be a whole number of slots", where="--slots", found=count, expected="at least 1")
    from ktrdr.operations.pool.process import check_run_memory
    from ktrdr.worker.access.settings import Access, listen, url_of
    from ktrdr.worker.server import serve

    check_run_memory(count)
    access = Access.from_environment()
    with listen(host, port, access) as listening:
        current_output().note(f"ktrdr worker at {url_of(listening)}")
        serve(listening, access, count)
