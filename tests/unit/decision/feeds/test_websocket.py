"""A WebSocket: a cut connection is made anew and asks for what was missed; nothing blocks while it is away."""

from __future__ import annotations

import time

from ktrdr.decision.feeds.base import Line
from ktrdr.decision.feeds.websocket import SocketFeed
from ktrdr.time import Timeframe, iso
from support.decision.replays import BarServer, serving
from support.inputs import worlds


def drained(feed: SocketFeed, stamps: dict[str, int]) -> list[Line]:
    """Every line up to the end; each bar is noted as taken, as a run notes it."""
    found: list[Line] = []
    deadline_s = time.monotonic() + 60
    while not (found and found[-1].ends) and time.monotonic() < deadline_s:
        for line in feed.take(0.5):
            found.append(line)
            stamp = (line.values or {}).get("timestamp")
            if stamp in stamps:
                feed.taken(stamps[stamp])
    return found


def test_every_bar_comes_once_although_the_connection_is_cut() -> None:
    frame = worlds.frame(40)
    stamps = {iso(stamp): stamp for stamp in frame["timestamp"].dt.timestamp("ns").to_list()}
    server = BarServer(frame, cuts=(3, 4, 30))
    with serving(server) as address:
        feed = SocketFeed(address, "EURUSD", Timeframe.H1)
        feed.start(None)
        found = drained(feed, stamps)
        feed.close()
    values = list(dict.fromkeys(str(line.values) for line in found if line.values is not None))
    assert len(values) == 40 and server.cuts_left == 0 and len(server.asked) == 4
    assert server.asked[0] is None and all(after is not None for after in server.asked[1:])


def test_a_server_that_is_away_blocks_nobody() -> None:
    feed = SocketFeed("ws://127.0.0.1:9", "EURUSD", Timeframe.H1)
    feed.start(None)
    began = time.monotonic()
    assert feed.take(0.05) == []
    assert time.monotonic() - began < 5
    while "next attempt" not in feed.state and time.monotonic() - began < 30:
        time.sleep(0.05)
    assert feed.state.startswith("lost: ")
    feed.close()


def test_messages_that_are_no_bars_are_lines_with_a_fault() -> None:
    def handler(connection: object) -> None:
        connection.recv()  # type: ignore[attr-defined]
        for message in ("nonsense", '[{"timestamp": 1}, {"open": 1, "open": 2}, 7]', '{"end": true}'):
            connection.send(message)  # type: ignore[attr-defined]

    with serving(handler) as address:
        feed = SocketFeed(address, "EURUSD", Timeframe.H1)
        feed.start(None)
        found = drained(feed, {})
        feed.close()
    assert [line.fault.split(":")[0] for line in found[:5]] == ["not JSON", "", "open", "not a JSON object", ""]
