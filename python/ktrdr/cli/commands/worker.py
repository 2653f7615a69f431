"""``ktrdr worker``: serves operations over HTTP and runs them in child processes until a signal stops it."""

from __future__ import annotations

from ktrdr._lazy import require
from ktrdr.cli.output import current_output
from ktrdr.startup.collector import resume_for_run

_NEEDED = ("fastapi", "uvicorn", "prometheus_client", "jinja2", "litecharts", "torch")


def worker(*, host: str = "127.0.0.1", port: int = 8000, slots: int | None = None, threads: int | None = None) -> None:
    """Serve operations over HTTP and run them.

    Parameters
    ----------
    host
        Address to listen on; one that others can reach needs KTRDR_API_TOKEN.
    port
        Port to listen on; 0 takes any that is free.
    slots
        Number of operations that run at once; by default as many as the cores hold with their threads.
    threads
        Torch threads of a run that names none; by default 2, or fewer where the slots leave fewer cores.
    """
    require(*_NEEDED, extra="worker")
    from ktrdr.operations.pool.process import check_run_memory
    from ktrdr.operations.pool.share import Share
    from ktrdr.worker.access.settings import Access, listen, url_of
    from ktrdr.worker.server import serve

    share = Share.of(slots, threads)
    check_run_memory(share.slots)
    access = Access.from_environment()
    with listen(host, port, access) as listening:
        current_output().note(f"ktrdr worker at {url_of(listening)}")
        resume_for_run()
        serve(listening, access, share)
