"""The format that a caller gets, and tables larger than one piece."""

from __future__ import annotations

import asyncio
import io
import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from ktrdr.errors import Busy, RequestInvalid
from ktrdr.operations.models import Status
from ktrdr.worker.routes import results, tables
from ktrdr.worker.routes.tables import FORMATS, accepted_format

CSV = "text/csv"
PARQUET = "application/vnd.apache.parquet"
ARROW = "application/vnd.apache.arrow.stream"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [("*/*", "application/json"), ("", None), ("text/html,*/*;q=0.8", "application/json"),
     ("application/*", "application/json"),
     ("TEXT/CSV", CSV), ("text/*", CSV), (f"{PARQUET}, {ARROW};q=0.9", PARQUET), (f"{CSV};q=0.1, {ARROW};q=0.2", ARROW),
     ("*/*, application/json;q=0", CSV), ("application/json;q=0.5, application/*", PARQUET), ("text/csv;q=0", None),
     ("image/png", None), ("text/csv;q=x", None), ("application/json;version=1", "application/json")],
)  # fmt: skip
def test_the_format_that_is_accepted(accept: str, expected: str | None) -> None:
    if expected is None:
        with pytest.raises(RequestInvalid, match="text/csv"):
            accepted_format(accept)
    else:
        assert accepted_format(accept).media_type == expected


@pytest.mark.parametrize("rows", [0, 1, 3, 4, 10])
def test_pieces_make_one_table(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_ROWS_A_PIECE", 3)
    start = datetime(2024, 1, 1, tzinfo=UTC)
    times = pl.Series([start + timedelta(hours=n) for n in range(rows)], dtype=pl.Datetime("ns", "UTC"))
    frame = pl.DataFrame({"bar": pl.Series(range(rows), dtype=pl.Int64), "time": times, "price": [0.1] * rows})
    whole = {known.media_type: b"".join(known.write(frame, "equity")) for known in FORMATS}
    found = json.loads(whole["application/json"])
    assert [row["bar"] for row in found["equity"]] == list(range(rows))
    assert pl.read_csv(io.BytesIO(whole[CSV])).height == rows
    assert whole[CSV].startswith(b"bar,time,price\n")
    assert pl.read_parquet(io.BytesIO(whole[PARQUET])).equals(frame)
    assert pl.read_ipc_stream(io.BytesIO(whole[ARROW])).equals(frame)
    if rows:
        assert found["equity"][0]["time"] == "2024-01-01T00:00:00Z"


def test_few_tables_are_in_memory_at_once() -> None:
    """An answer that is read to its end, or dropped, whether or not it was begun, makes room for another."""
    request = Request({"type": "http", "headers": []})
    made = []

    def answer() -> object:
        return tables.table_answer(request, "rows", lambda: made.append(1) or pl.DataFrame({"a": [1]}))

    held = [answer() for _ in range(tables.MOST_AT_ONCE)]
    with pytest.raises(Busy, match="too many tables"):
        answer()
    assert len(made) == tables.MOST_AT_ONCE  # the one too many was not even made
    held.clear()
    for _ in range(3 * tables.MOST_AT_ONCE):
        answer()


@pytest.mark.parametrize("reader_leaves", [False, True])
def test_an_answer_makes_room_when_it_ends_whoever_still_holds_it(reader_leaves: bool) -> None:
    request = Request({"type": "http", "headers": []})
    scope = {"type": "http", "method": "GET", "headers": [], "asgi": {"spec_version": "2.4"}}

    async def send(message: Message) -> None:
        if reader_leaves and message["type"] == "http.response.body":
            raise OSError("the reader has left")

    async def receive() -> Message:
        return {"type": "http.request"}

    async def ask() -> None:
        held = []
        for _ in range(3 * tables.MOST_AT_ONCE):
            held.append(tables.table_answer(request, "rows", lambda: pl.DataFrame({"a": [1]})))
            with suppress(ClientDisconnect):
                await held[-1](scope, receive, send)

    asyncio.run(ask())


def test_reports_count_among_the_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that nobody reads is in memory, too."""
    operation = SimpleNamespace(kind="backtest", status=Status.COMPLETED)
    parts: Any = SimpleNamespace(store=SimpleNamespace(whole=lambda _: operation))
    monkeypatch.setattr(results, "report_of", lambda _: lambda _: "<p>page</p>")
    monkeypatch.setattr(results, "kind_of", lambda _: SimpleNamespace(result=lambda *_: None))
    held = [results.report(parts, "backtest_1") for _ in range(tables.MOST_AT_ONCE)]
    with pytest.raises(Busy, match="reports"):
        results.report(parts, "backtest_1")
    held.clear()
    assert results.report(parts, "backtest_1").media_type == "text/html"
