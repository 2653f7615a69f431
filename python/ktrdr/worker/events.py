"""Server-sent events: one poll of the store for each operation, or for the list, shared by all its readers.

A reader has no queue: it wakes, takes the newest state, and sleeps again. A reader that hangs blocks only its own
socket; the reports that it missed are marked as a gap when it reads again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool

from ktrdr.errors import NotFound, StorageUnavailable
from ktrdr.operations.models import Status
from ktrdr.worker.views import OperationView

PERIOD_SECONDS = 0.25
KEEP_ALIVE_SECONDS = 15.0
LIST = ""
"""Name of the stream that says when the list of operations, or of workers, has changed."""


@dataclass(frozen=True)
class State:
    """State of an operation, or of the list of them, encoded once for all its readers."""

    seq: int
    text: str
    last: bool
    running: bool

    @classmethod
    def of(cls, view: OperationView) -> State:
        """Returns the state that a view shows."""
        return cls(view.progress_seq, view.model_dump_json(), view.at_rest, view.status is Status.RUNNING)

    @property
    def event(self) -> bytes:
        """Returns the event in wire format; its kind is ``end`` if nothing follows."""
        kind = "end" if self.last else "progress"
        return f"event: {kind}\nid: {self.seq}\ndata: {self.text}\n\n".encode()


ReadState = Callable[[str], State]


class Channel:
    """Newest state under one name, and the readers that wait for the next."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.event = state.event
        self.changed = asyncio.Event()
        self.closed = False
        self.readers = 0

    def publish(self, state: State | None, *, closed: bool = False) -> None:
        """Wakes every reader: with a new state, to be closed, or to send a keep-alive."""
        if state is not None:
            self.state = state
            self.event = state.event
        self.closed = self.closed or closed
        waiting = self.changed
        self.changed = asyncio.Event()
        waiting.set()


class Broadcaster:
    """Channels by name, which is an operation's id or `LIST`; each polls the store while it has readers."""

    def __init__(self, read_state: ReadState) -> None:
        self._read_state = read_state
        self._channels: dict[str, Channel] = {}
        self._pollers: set[asyncio.Task[None]] = set()
        self._closed = False
        self.readers = 0

    def close(self) -> None:
        """Ends every stream; clients reconnect to another worker, or to this one after its restart."""
        self._closed = True
        for channel in self._channels.values():
            channel.publish(None, closed=True)
        for poller in self._pollers:
            poller.cancel()

    async def read(self, name: str, first: State, after: int | None) -> AsyncIterator[bytes]:
        """Yields the events under a name from the state ``first`` until the last, those after ``after`` if given."""
        channel = self._join(name, first)
        try:
            shown: int | None = after
            state: State | None = None
            while not (self._closed or channel.closed):
                before = state
                # Taken before the event is awaited: the channel may have moved on by then.
                changed = channel.changed
                state = channel.state
                event = channel.event
                if state is before:
                    yield b": alive\n\n"
                elif before is not None or _is_news(state, after):
                    gap = _gap(shown, state.seq)
                    shown = state.seq
                    yield gap + event
                if state.last:
                    return
                await changed.wait()
        finally:
            self._leave(name, channel)

    def _join(self, name: str, state: State) -> Channel:
        channel = self._channels.get(name)
        if channel is None:
            channel = self._channels[name] = Channel(state)
            poller = asyncio.create_task(self._poll(name, channel))
            self._pollers.add(poller)
            poller.add_done_callback(self._pollers.discard)
        channel.readers += 1
        self.readers += 1
        return channel

    def _leave(self, name: str, channel: Channel) -> None:
        self.readers -= 1
        channel.readers -= 1
        if not channel.readers:
            self._forget(name, channel)

    def _forget(self, name: str, channel: Channel) -> None:
        """Removes a channel; later readers get a new one."""
        if self._channels.get(name) is channel:
            del self._channels[name]

    async def _poll(self, name: str, channel: Channel) -> None:
        """Polls until the operation rests, is deleted, or has no readers."""
        spoken = time.monotonic()
        try:
            while channel.readers and not channel.state.last:
                await asyncio.sleep(PERIOD_SECONDS)
                state = await self._seen(name, channel)
                if state != channel.state:
                    channel.publish(state)
                elif time.monotonic() - spoken >= KEEP_ALIVE_SECONDS:
                    channel.publish(None)
                else:
                    continue
                spoken = time.monotonic()
        except NotFound:
            pass  # deleted while somebody read it
        finally:
            self._forget(name, channel)
            channel.publish(None, closed=not channel.state.last)

    async def _seen(self, name: str, channel: Channel) -> State:
        """Returns the current state; the old one while the database does not answer."""
        try:
            return await run_in_threadpool(self._read_state, name)
        except StorageUnavailable:
            return channel.state


def _is_news(state: State, after: int | None) -> bool:
    """Returns True for a state that the reader has not seen; only a running operation numbers its reports."""
    return after is None or state.seq > after or not state.running


def _gap(shown: int | None, seq: int) -> bytes:
    """Returns the event that marks missed reports; empty if none was missed."""
    missed = 0 if shown is None else seq - shown - 1
    return f'event: gap\ndata: {{"missed": {missed}}}\n\n'.encode() if missed > 0 else b""
