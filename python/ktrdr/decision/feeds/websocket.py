"""A feed from a WebSocket: JSON bars, closed ones only. A lost connection is made anew, and asks for what was missed.

After connecting the client sends ``{"subscribe": {"symbol", "timeframe", "after"}}``, where ``after`` is the stamp of
the last bar that it has, as text, or null. The server sends one JSON object for each bar, oldest first, or a list of
them, and ``{"end": true}`` where no more will come.
"""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Sequence

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from ktrdr.decision.feeds.base import Line, decoded, line_of
from ktrdr.time import Timeframe, iso

_FIRST_WAIT_S = 0.2
_LONGEST_WAIT_S = 30.0
_OPEN_WITHIN_S = 10.0
_LOOK_AGAIN_S = 0.2
_WAITING_LINES = 4_096
_LARGEST_MESSAGE_BYTES = 1 << 20
_AT_ONCE = 256


class SocketFeed:
    """Bars of a WebSocket, read by a second thread, so that whoever takes them is never held up by the network.

    Args:
        address: ``ws://`` or ``wss://``.
        symbol: instrument to subscribe to.
        timeframe: length of a bar.
    """

    def __init__(self, address: str, symbol: str, timeframe: Timeframe) -> None:
        self._address = address
        self._symbol = symbol
        self._timeframe = timeframe
        self._after_ns: int | None = None
        self._lines: queue.Queue[Line] = queue.Queue(_WAITING_LINES)
        self._over = threading.Event()
        self._state = "not connected yet"
        self._messages = 0
        self._thread: threading.Thread | None = None

    @property
    def state(self) -> str:
        """Returns a few words about the connection."""
        return self._state

    def start(self, after_ns: int | None) -> None:
        """Begins to connect, and asks for the bars after a stamp, ns UTC."""
        self._after_ns = after_ns
        self._thread = threading.Thread(target=self._run, name="ktrdr-feed", daemon=True)
        self._thread.start()

    def taken(self, last_ns: int) -> None:
        """Notes the newest bar, after which a new connection asks."""
        self._after_ns = last_ns

    def take(self, wait_s: float) -> Sequence[Line]:
        """Returns the lines that have come; waits for the first one that long at most."""
        try:
            lines = [self._lines.get(timeout=wait_s)]
        except queue.Empty:
            return []
        while len(lines) < _AT_ONCE:
            try:
                lines.append(self._lines.get_nowait())
            except queue.Empty:
                break
        return lines

    def close(self) -> None:
        """Ends the connection and the thread that reads it."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        wait_s = _FIRST_WAIT_S
        while not self._over.is_set():
            before = self._messages
            try:
                with connect(
                    self._address, open_timeout=_OPEN_WITHIN_S, close_timeout=1, max_size=_LARGEST_MESSAGE_BYTES
                ) as connection:
                    self._state = "connected"
                    self._read(connection)
            except (OSError, WebSocketException, ValueError) as error:
                self._state = f"lost: {type(error).__name__}: {error}; next attempt in {wait_s:g} s"
            # A connection that brought bars is worth an attempt at once; one that did not is left alone for longer.
            wait_s = _FIRST_WAIT_S if self._messages > before else min(2 * wait_s, _LONGEST_WAIT_S)
            self._over.wait(wait_s)

    def _read(self, connection: ClientConnection) -> None:
        after = None if self._after_ns is None else iso(self._after_ns)
        asked = {"symbol": self._symbol, "timeframe": self._timeframe.value, "after": after}
        connection.send(json.dumps({"subscribe": asked}))
        while not self._over.is_set():
            try:
                message = connection.recv(timeout=_LOOK_AGAIN_S)
            except TimeoutError:
                continue
            self._messages += 1
            for line in _lines_of(message, f"message {self._messages}"):
                self._put(line)

    def _put(self, line: Line) -> None:
        while not self._over.is_set():
            try:
                self._lines.put(line, timeout=_LOOK_AGAIN_S)
            except queue.Full:
                continue
            return


def _lines_of(message: str | bytes, where: str) -> list[Line]:
    try:
        content = decoded(message)
    except (ValueError, RecursionError):
        return [Line(None, where, "not JSON")]
    return [line_of(one, where) for one in content] if isinstance(content, list) else [line_of(content, where)]
