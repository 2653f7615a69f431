"""Ledgers in the format a caller accepts: JSON, CSV, Parquet or an Arrow stream."""

from __future__ import annotations

import io
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from ktrdr.errors import Busy, RequestInvalid

_ROWS_A_PIECE = 10_000
MOST_AT_ONCE = 8
_SENDING = threading.BoundedSemaphore(MOST_AT_ONCE)
_TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"

Pieces = Iterator[bytes]


@dataclass(frozen=True)
class Format:
    """Media type, and the function that writes a frame in it."""

    media_type: str
    write: Callable[[pl.DataFrame, str], Pieces]


def _json(frame: pl.DataFrame, name: str) -> Pieces:
    """``{"trades": [{...}, ...]}``: rows as objects, times in ISO form, UTC."""
    yield f'{{"{name}":['.encode()
    for number, piece in enumerate(_timed(frame).iter_slices(_ROWS_A_PIECE)):
        rows = piece.write_json()[1:-1]
        yield ("," if number and rows else "").encode() + rows.encode()
    yield b"]}"


def _csv(frame: pl.DataFrame, _: str) -> Pieces:
    timed = _timed(frame)
    yield timed.clear().write_csv().encode()
    for piece in timed.iter_slices(_ROWS_A_PIECE):
        yield piece.write_csv(include_header=False).encode()


def _parquet(frame: pl.DataFrame, _: str) -> Pieces:
    yield _file(frame.write_parquet)


def _arrow(frame: pl.DataFrame, _: str) -> Pieces:
    yield _file(frame.write_ipc_stream)


def _file(write: Callable[[io.BytesIO], object]) -> bytes:
    buffer = io.BytesIO()
    write(buffer)
    return buffer.getvalue()


def _timed(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(pl.col(pl.Datetime("ns", "UTC")).dt.strftime(_TIME_FORMAT))


FORMATS = (
    Format("application/json", _json),
    Format("text/csv", _csv),
    Format("application/vnd.apache.parquet", _parquet),
    Format("application/vnd.apache.arrow.stream", _arrow),
)


def table_answer(request: Request, name: str, frame: Callable[[], pl.DataFrame]) -> Response:
    """Returns the table ``name`` in a format that the request accepts; ``frame`` is called only if there is one.

    Raises ``RequestInvalid`` that lists the formats, ``Busy``.
    """
    chosen = accepted_format(request.headers.get("accept", "*/*"))
    return large_answer(lambda: chosen.write(frame(), name), chosen.media_type)


def large_answer(
    make: Callable[[], Pieces], media_type: str, headers: Mapping[str, str] | None = None
) -> StreamingResponse:
    """Returns an answer of which few are sent at once, since it is in memory until it is sent or its reader has gone.

    ``make`` is called only if there is room for its pieces, a generator; else ``Busy``.
    """
    if not _SENDING.acquire(blocking=False):
        what = "too many tables and reports are being sent"
        raise Busy(what, expected=f"at most {MOST_AT_ONCE} at once", retry_after=1.0)
    try:
        pieces = make()
    except BaseException:
        _SENDING.release()
        raise
    # Also of an answer that nobody has begun to read.
    ended = weakref.finalize(pieces, _SENDING.release)
    return _LargeAnswer(ended, pieces, media_type=media_type, headers=headers)


class _LargeAnswer(StreamingResponse):
    """An answer that makes room when it has been sent, or when its reader has left."""

    def __init__(self, ended: Callable[[], object], pieces: Pieces, **others: Any) -> None:
        super().__init__(pieces, **others)
        self._ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the pieces, and makes room for another answer."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            # Not when the collector comes by: the traceback of a reader that left may hold the pieces for long.
            self._ended()


def accepted_format(accept: str) -> Format:
    """Returns the first format of the highest weight; JSON if every format is accepted.

    >>> accepted_format("text/csv;q=0.9, application/json;q=0.5").media_type
    'text/csv'
    """
    weights = [_weight(accept, known.media_type) for known in FORMATS]
    if max(weights) <= 0:
        expected = ", ".join(known.media_type for known in FORMATS)
        raise RequestInvalid("no such format", field="Accept", found=accept[:80], expected=expected)
    return FORMATS[weights.index(max(weights))]


def _weight(accept: str, media_type: str) -> float:
    """Returns the weight that the header gives this type; the most specific range decides."""
    ranges = {media_type: 3, f"{media_type.partition('/')[0]}/*": 2, "*/*": 1}
    found = [(0, 0.0)]
    for part in accept.lower().split(","):
        name, *parameters = (text.strip() for text in part.split(";"))
        if name in ranges:
            found.append((ranges[name], _quality(parameters)))
    return max(found)[1]


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0
