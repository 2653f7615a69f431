"""Units on an existing Ray cluster, in the extra ``cluster``: Ray runs a unit again when its node is lost."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from ktrdr import _core
from ktrdr._lazy import require
from ktrdr._version import __version__
from ktrdr.control import CancellationToken
from ktrdr.errors import ClusterFailed, KtrdrError
from ktrdr.operations.units.local import HERE, Unit, Units, Work

if TYPE_CHECKING:
    from ray import ObjectRef

_LOOK_S: Final = 0.2
"""Seconds between two looks at the token."""
_ANSWERS_IN_S: Final = 5.0
_AHEAD: Final = 2
"""Units that wait for each one that runs: no node is idle between two, and few results lie about."""
_ATTEMPTS_AFTER_LOSS: Final = 3
"""A unit that ends its process each time ends the run in the end."""
_MADE_BY: Final = (__version__, _core.SEMANTICS)


def units_at(address: str | None) -> Units:
    """Returns the Ray cluster of an address, or this process for None; raises ``LibraryMissing``.

    >>> units_at(None)
    Here()
    """
    if address is None:
        return HERE
    require("ray")
    return Cluster(address)


@dataclass(frozen=True)
class Cluster:
    """A Ray cluster whose nodes have this version of ktrdr installed.

    Args:
        address: ``HOST:PORT`` or ``auto``; this process runs on a node of the cluster.
    """

    address: str

    def unit_threads(self, local: int) -> int:
        """Returns 1: each core of the cluster takes units of its own."""
        return 1

    def run(self, work: Work[Unit], numbers: Iterable[int], token: CancellationToken) -> Iterator[tuple[int, Unit]]:
        """Yields each unit with its number as soon as it is there; ends early once the token asks to stop.

        The work goes to each node once. Raises the error of a unit, or ``ClusterFailed``.
        """
        with _connected(self.address):
            yield from _run(work, numbers, token)


def _run(work: Work[Unit], numbers: Iterable[int], token: CancellationToken) -> Iterator[tuple[int, Unit]]:
    import ray
    from ray.exceptions import RayError

    remote = ray.remote(num_cpus=work.threads, max_retries=_ATTEMPTS_AFTER_LOSS)(_unit)
    place = [ray.put(work)]  # in a list, so that a node of another version refuses before it reads the work
    waiting = iter(numbers)
    pending: dict[ObjectRef[Any], int] = {}
    try:
        while not token.is_cancelled():
            for number in islice(waiting, max(_most(work.threads) - len(pending), 0)):
                pending[remote.remote(_MADE_BY, place, number)] = number
            if not pending:
                return
            done, _ = ray.wait([*pending], timeout=_LOOK_S)
            for reference in done:
                yield pending.pop(reference), _found(ray.get(reference))
    finally:
        with suppress(RayError):
            for reference in pending:
                ray.cancel(reference)


def _unit(made_by: tuple[str, int], place: list[ObjectRef[Work[Unit]]], number: int) -> Unit | KtrdrError:
    """Computes one unit on a node. Our errors are values here: Ray wraps what is raised in a class of its own."""
    import ray

    if made_by != _MADE_BY:
        where = f"node {ray.util.get_node_ip_address()}"
        return ClusterFailed("another version of ktrdr", where=where, found=_MADE_BY[0], expected=made_by[0])
    try:
        work: Work[Unit] = ray.get(place[0])
        return work.unit(number)
    except KtrdrError as error:
        return error


def _found(unit: Unit | KtrdrError) -> Unit:
    if isinstance(unit, KtrdrError):
        raise unit
    return unit


def _most(threads: int) -> int:
    """Returns the number of units that may be asked for at once; nodes come and go."""
    import ray

    return max(int(ray.cluster_resources().get("CPU", 1)) // threads, 1) * _AHEAD


@contextmanager
def _connected(address: str) -> Iterator[None]:
    """Connects to a cluster, unless this process is connected already; Ray's errors become ``ClusterFailed``."""
    import ray
    from ray.exceptions import RayError, RayTaskError

    mine = not ray.is_initialized()
    try:
        if mine:
            _connect(address)
        yield
    except (RayError, ConnectionError) as error:
        what = error.cause if isinstance(error, RayTaskError) else error
        raise ClusterFailed(f"{type(what).__name__}: {_first_line(what)}", where=address) from error
    finally:
        if mine:
            ray.shutdown()


def _connect(address: str) -> None:
    """Connects without Ray's words on the terminal, and with the answers to signals that this process had before."""
    import ray

    _check_answers(address)
    in_main_thread = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGTERM)
    ray.init(address=address, configure_logging=False, log_to_driver=False)
    if in_main_thread:
        with suppress(TypeError):  # None: set by no Python code
            signal.signal(signal.SIGTERM, before)


def _check_answers(address: str) -> None:
    """Raises ``ConnectionError`` at once where nobody answers; Ray tries for minutes."""
    host, _, port = address.rpartition(":")
    if not (host and port.isdecimal()):
        return
    try:
        socket.create_connection((host, int(port)), _ANSWERS_IN_S).close()
    except OSError as error:
        raise ConnectionError(f"nobody answers: {error}") from None


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
