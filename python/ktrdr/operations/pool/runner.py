"""The slots of a worker: finds operations, runs each in a child process, and reports children that crashed."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field

from ktrdr._version import __version__
from ktrdr.operations import KINDS
from ktrdr.operations.kind import kind_of
from ktrdr.operations.models import Capability, Operation, Status
from ktrdr.operations.owner import Owner
from ktrdr.operations.pool import identity
from ktrdr.operations.pool.child import DONE, NOTHING, STORAGE
from ktrdr.operations.pool.process import memory_share
from ktrdr.operations.pool.steps import Causes, Step
from ktrdr.operations.store.claims import Capabilities
from ktrdr.operations.store.store import Store
from ktrdr.profile import DEFAULT_THREADS
from ktrdr.settings import data_root, for_child

CANCEL_GRACE_S = 0.12
SHUTDOWN_S = 10.0
_IDLE_TICK_S = 0.5
_BUSY_TICK_S = 0.05
_URGENT_TICK_S = 0.01
_LOOK_S = 0.5
_SIGN_OF_LIFE_S = 5.0
_KILL_BEFORE_S = 1.5
_CANCEL_WAIT_S = 5.0
_MOST_DOUBLINGS = 6
_HANGS_AFTER_S = 15.0

log = logging.getLogger("ktrdr.operations")


@dataclass
class _Child:
    """The process of one slot."""

    process: subprocess.Popen[bytes]
    owner: Owner
    threads: int
    helps: str | None = None
    """Operation of another worker that it computes units of."""
    operation_id: str | None = None
    epoch: int = 0
    cancel_by_s: float | None = None
    killed: bool = False
    ended: threading.Event = field(default_factory=threading.Event)


class Runner:
    """Runs the children of a worker: one thread spawns, watches and reaps them.

    The kernel kills a child when the *thread* that spawned it ends, so no other thread spawns. No failure ends that
    thread: its steps fail one by one, and are tried again.

    Args:
        store: database of the operations.
        slots: number of operations that run at once.
        worker_id: id of this worker in the store.
        most_threads: torch threads of all that run at once; by default two for each slot.
    """

    def __init__(
        self, store: Store, slots: int, worker_id: str | None = None, *, most_threads: int | None = None
    ) -> None:
        self.worker_id = worker_id or identity.new_worker_id()
        self.registered = threading.Event()
        self._store = store
        self._slots = slots
        self._most_threads = most_threads or slots * DEFAULT_THREADS
        self._environment = for_child(memory_share(slots))
        self._children: list[_Child] = []
        self._dead: list[Owner] = []
        self._skipped: dict[str, dict[str, str]] = {}
        self._unhelped: dict[str, str] = {}  # operations that could not be helped, and the stamp of the data then
        self._capabilities: Capabilities | None = None  # from the first child, so that this process never loads torch
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._stop = threading.Event()
        self._grace_s = SHUTDOWN_S
        self._looked_at_s = -1e9
        self._sign_at_s = -1e9
        self._spawn_after_s = -1e9
        self._fruitless = 0
        self._turned_at_s = time.monotonic()
        causes = Causes()
        self._steps = (
            Step("reaping children", self._reap, causes),
            Step("ending overdue children", self._end_overdue, causes),
            Step("the sign of life", self._show_life, causes),
            Step("looking for operations", self._look_now, causes),
        )
        self._last_step = Step("shutting down", self._shut_down, causes)
        self._thread = threading.Thread(target=self._run, name="ktrdr-runner", daemon=True)

    def start(self) -> None:
        """Starts the thread that looks for operations."""
        self._thread.start()

    def wake(self) -> None:
        """Looks for operations now, since one has just been submitted."""
        self._looked_at_s = -1e9
        self._woken.set()

    def cancel_here(self, operation_id: str) -> Operation:
        """Asks the operation to stop; waits for the end of one that runs here."""
        asked_at_s = time.monotonic()
        operation = self._store.request_cancel(operation_id)
        if operation.status is Status.RUNNING and (child := self._child_of(operation)) is not None:
            self._ask_to_stop(child, operation, asked_at_s)
            self._woken.set()
            child.ended.wait(_CANCEL_WAIT_S)
            operation = self._store.get(operation_id)
        return operation

    def stop(self, grace_s: float = SHUTDOWN_S) -> None:
        """Claims nothing more; lets the children save and release their leases; kills those that take too long."""
        self._grace_s = grace_s
        self._stop.set()
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def running(self) -> int:
        """Returns the number of slots in use."""
        return len(self._children)

    @property
    def alive(self) -> bool:
        """Returns True while its thread runs."""
        return self._thread.is_alive() and not self._stop.is_set()

    @property
    def looks(self) -> bool:
        """Returns True while it looks for operations, and does not hang in a step."""
        return self.alive and time.monotonic() - self._turned_at_s < _HANGS_AFTER_S

    def _child_of(self, operation: Operation) -> _Child | None:
        with self._lock:
            return next((child for child in self._children if child.owner == operation.owner), None)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._turned_at_s = time.monotonic()
            for step in self._steps:
                step.attempt()
            self._woken.wait(self._pause_s())
            self._woken.clear()
        self._last_step.attempt()

    def _pause_s(self) -> float:
        if any(child.cancel_by_s is not None for child in self._children):
            return _URGENT_TICK_S
        return _BUSY_TICK_S if self._children else _IDLE_TICK_S

    def _show_life(self) -> None:
        now_s = time.monotonic()
        if now_s - self._sign_at_s >= min(_SIGN_OF_LIFE_S, self._store.lease_seconds / 4):  # alive by the lease's clock
            self._sign_of_life()
            self._sign_at_s = now_s
            self._log_skipped()

    def _look_now(self) -> None:
        now_s = time.monotonic()
        if now_s - self._looked_at_s >= _LOOK_S and not self._dead:  # a crash is counted before its operation is run
            self._look()
            self._looked_at_s = now_s

    def _sign_of_life(self) -> None:
        stamp = identity.data_stamp(data_root())
        if self.registered.is_set() and self._store.worker_beat(self.worker_id, data_stamp=stamp):
            return
        self._store.register(
            self.worker_id,
            host=socket.gethostname(),
            pid=os.getpid(),
            slots=self._slots,
            capabilities=self._capabilities,
            data_stamp=stamp,
        )
        log.info("registered as %s with %d slots", self.worker_id, self._slots)
        self.registered.set()

    def _log_skipped(self) -> None:
        """Logs, once per change, which operations this worker skips and why no other takes them."""
        waiting = () if self._capabilities is None else self._store.begun_otherwise(self._capabilities)
        reasons = {operation.id: self._store.waiting_reasons(operation) for operation in waiting}
        for operation_id, why in reasons.items():
            if why != self._skipped.get(operation_id):
                each = "; ".join(f"{worker}: {reason}" for worker, reason in why.items())
                log.warning("%s waits: %s", operation_id, each)
        self._skipped = reasons

    def _look(self) -> None:
        """Notes what the children run, forwards requests to stop, and spawns children for waiting operations."""
        for operation in self._store.owned_by([child.owner for child in self._children]) if self._children else ():
            child = self._child_of(operation)
            if child is not None:
                child.operation_id = operation.id
                child.epoch = operation.epoch
                child.threads = operation.threads
                if operation.cancel_requested:
                    self._ask_to_stop(child, operation, time.monotonic())
        while self._has_slot() and time.monotonic() >= self._spawn_after_s:
            waiting = self._oldest_waiting()
            if waiting is None:
                self._help()
                break
            if self._end_help(waiting) or not self._fits(waiting):
                break
            self._spawn(waiting.threads)

    def _has_slot(self) -> bool:
        """Returns True if an operation of this worker finds a slot; a helper gives way."""
        return sum(child.helps is None for child in self._children) < self._slots

    def _help(self) -> None:
        """Spawns the one helper of this worker, for the oldest operation that another worker shares."""
        if len(self._children) >= self._slots or any(child.helps for child in self._children):
            return
        stamp = identity.data_stamp(data_root())
        for shared in self._store.helpable(self._able(), __version__):
            mine = any(child.owner == shared.owner for child in self._children)
            if not mine and self._unhelped.get(shared.id) != stamp and self._fits(shared) and _adds_cores(shared):
                self._spawn(shared.threads, helps=shared.id)
                break

    def _end_help(self, waiting: Operation) -> bool:
        """Makes a helper give way, which loses the unit it computes; returns True if its slot is to be waited for.

        One that helps the very operation that waits ends by itself after its unit: the next owner books that.
        """
        helper = next((child for child in self._children if child.helps), None)
        if helper is None:
            return False
        if helper.helps == waiting.id:
            return len(self._children) >= self._slots
        self._kill(helper)
        return True

    def _ask_to_stop(self, child: _Child, operation: Operation, asked_at_s: float) -> None:
        """Signals the child once. The grace begins with the request, but the child has at least half of it."""
        with self._lock:
            if child.cancel_by_s is None:
                child.operation_id = operation.id
                child.epoch = operation.epoch
                child.cancel_by_s = max(asked_at_s + CANCEL_GRACE_S, time.monotonic() + CANCEL_GRACE_S / 2)
                child.process.send_signal(signal.SIGUSR1)

    def _fits(self, operation: Operation) -> bool:
        """Returns True if its threads find cores beside those that run, or if nothing runs.

        None is passed over: one with many threads would wait for ever behind others with few.
        """
        taken = sum(child.threads for child in self._children)
        return not self._children or taken + operation.threads <= self._most_threads

    def _oldest_waiting(self) -> Operation | None:
        """Returns the oldest operation that waits behind those that the children will claim."""
        starting = sum(child.operation_id is None and child.helps is None for child in self._children)
        stamp = identity.data_stamp(data_root())
        return self._store.claimable(self.worker_id, self._able(), data_stamp=stamp, behind=starting)

    def _able(self) -> Capabilities:
        """Returns the capabilities of this machine; before a child has reported them, ones that compare nothing."""
        if self._capabilities is None:
            self._capabilities = self._reported()
        return dict.fromkeys(KINDS, Capability()) if self._capabilities is None else self._capabilities

    def _reported(self) -> Capabilities | None:
        """Returns the capabilities that a child has reported for this machine."""
        me = next((worker for worker in self._store.workers() if worker.id == self.worker_id), None)
        return None if me is None else me.capabilities

    def _spawn(self, threads: int, helps: str | None = None) -> None:
        program = ["child", self.worker_id, str(os.getpid())] if helps is None else ["helper", str(os.getpid()), helps]
        process = subprocess.Popen(
            [sys.executable, "-m", f"ktrdr.operations.pool.{program[0]}", *program[1:]],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            process_group=0,
        )
        try:
            child = _Child(process, Owner.of_process(process.pid), threads, helps)
        except BaseException:  # it would run an operation that nobody watches
            process.kill()
            process.wait()
            raise
        with self._lock:
            self._children.append(child)

    def _reap(self) -> None:
        for child in [child for child in self._children if child.process.poll() is not None]:
            with self._lock:
                self._children.remove(child)
            self._looked_at_s = -1e9
            self._pace(child)
            if child.helps and not child.killed and child.process.returncode not in (DONE, STORAGE):
                self._unhelped[child.helps] = identity.data_stamp(data_root())
            if not child.killed and child.process.returncode not in (DONE, STORAGE, NOTHING):
                log.error("a child ended with %d and without a report", child.process.returncode)
                self._dead.append(child.owner)
            child.ended.set()
        self._count_crashes()

    def _pace(self, child: _Child) -> None:
        """Doubles the wait before the next spawn after each child that found nothing to do or could not start."""
        found_work = child.process.returncode == DONE or child.operation_id is not None or child.killed
        self._fruitless = 0 if found_work else min(self._fruitless + 1, _MOST_DOUBLINGS)
        self._spawn_after_s = time.monotonic() + (2.0**self._fruitless - 1.0) / 2

    def _count_crashes(self) -> None:
        """Counts a crash for every operation of a crashed process; nothing new is run before that."""
        while self._dead:
            for operation in self._store.owned_by(self._dead[:1]):
                after = self._store.count_crash(operation.id, operation.epoch)
                log.error("%s: crashed, %s", operation.id, after.status)
            self._dead.pop(0)

    def _end_overdue(self) -> None:
        """Kills children that did not stop in time; cancels the operation first, so that none of their writes count.

        A child is killed even if the cancel could not be written: it may hold the database's lock, and the next claim
        ends the operation, since the request to stop is stored.
        """
        for child in self._children:
            overdue = child.cancel_by_s is not None and time.monotonic() >= child.cancel_by_s
            if overdue and not child.killed and child.operation_id is not None:
                try:
                    if self._store.force_cancel(child.operation_id, child.epoch):
                        log.info("%s: cancelled, its process killed", child.operation_id)
                finally:
                    self._kill(child)
                    child.ended.set()

    def _kill(self, child: _Child) -> None:
        child.killed = True
        child.process.kill()

    def _shut_down(self) -> None:
        deadline_s = time.monotonic() + max(self._grace_s - _KILL_BEFORE_S, 0.0)
        for child in self._children:
            child.process.terminate()
        while any(child.process.poll() is None for child in self._children) and time.monotonic() < deadline_s:
            time.sleep(_URGENT_TICK_S)
        for child in self._children:
            self._kill(child)
            child.process.wait()
            child.ended.set()
        log.info("%s ends", self.worker_id)
        self._store.unregister(self.worker_id)


def _adds_cores(shared: Operation) -> bool:
    """Returns False where a helper could only take cores that the owner of an operation keeps busy by itself."""
    owner = shared.owner
    if owner is None or not kind_of(shared.kind).every_core or not owner.same_place(Owner.me()):
        return True
    try:
        return not os.sched_getaffinity(0) <= os.sched_getaffinity(owner.pid)
    except ProcessLookupError:
        return True
