"""Hashes over stored rows, kept beside them: a row that a disk or a stranger has changed is recognised."""

from __future__ import annotations

from collections.abc import Iterable

from ktrdr import _core
from ktrdr.operations.store.proof.columns import to_json


def request_seal(
    operation_id: str, parent_id: str | None, kind: str, spec: str, threads: int, idempotency_key: str | None
) -> bytes:
    """Returns the hash over the columns of an operation that never change: who asked for what.

    The spec is hashed as the stored text, so that every changed byte counts.

    >>> len(request_seal("backtest_1", None, "backtest", "{}", 2, None))
    32
    """
    parts = [operation_id, parent_id, kind, spec, threads, idempotency_key]
    return bytes(_core.content_hash([b"ktrdr-request-1", _bytes(to_json(parts))]))


def summary_seal(operation_id: str, result_hash: str, identity: str, summary: str) -> bytes:
    """Returns the hash that binds the figures of a result, as their stored text, to its hash and its operation."""
    parts = [operation_id, result_hash, identity, summary]
    return bytes(_core.content_hash([b"ktrdr-summary-1", *(_bytes(part) for part in parts)]))


def result_seal(summary: bytes, manifest: str, warnings: str, ledger: str) -> bytes:
    """Returns the hash over the rest of a result: what it was made from, its warnings, and the heads of its ledger.

    Args:
        summary: the ``summary_seal`` of the result.
        manifest: as its stored text.
        warnings: as their stored text.
        ledger: the ``ledger_heads`` as their stored text.
    """
    parts = [_bytes(part) for part in (manifest, warnings, ledger)]
    return bytes(_core.content_hash([b"ktrdr-result-seal-1", summary, *parts]))


def trial_place(symbol: str, timeframe: str, from_ns: int, until_ns: int) -> str:
    """Returns the columns by which trials are found as one text, so that a trial does not leave a search unseen.

    >>> trial_place("EURUSD", "1h", 10, 20)
    'EURUSD 1h 10 20'
    """
    return f"{symbol} {timeframe} {from_ns} {until_ns}"


def trial_seal(*columns: str | int, rows: bytes | None = None) -> bytes:
    """Returns the hash over the columns of a logged trial, in their order in the table, and its rows."""
    table = [] if rows is None else [rows]
    return bytes(_core.content_hash([b"ktrdr-trial-1", _bytes(to_json(columns)), *table]))


def unit_seal(operation_id: str, number: int, identity: bytes, version: str, data: bytes) -> bytes:
    """Returns the hash that binds the result of a shared unit to its place, and to the work that it was computed from.

    >>> len(unit_seal("sweep_1", 0, b"", "0.1.0", b"rows"))
    32
    """
    place = to_json([operation_id, number, identity.hex(), version])
    return bytes(_core.content_hash([b"ktrdr-unit-1", _bytes(place), data]))


def ledger_heads(segments: Iterable[tuple[str, int, int, bytes]]) -> dict[str, list[int | str]]:
    """Returns, by table, the number of its rows and the head of the chain over the hashes of its segments.

    Args:
        segments: table, first row, row after the last, and hash of each segment, in order.

    >>> ledger_heads([("fills", 0, 7, b"a"), ("fills", 7, 9, b"b")])["fills"][0]
    9
    """
    heads: dict[str, tuple[int, bytes]] = {}
    for kind, first, stop, digest in segments:
        before = heads.get(kind, (0, b""))[1]
        link = [b"ktrdr-ledger-1", before, first.to_bytes(8, "little"), stop.to_bytes(8, "little"), digest]
        heads[kind] = (stop, bytes(_core.content_hash(link)))
    return {kind: [rows, head.hex()] for kind, (rows, head) in sorted(heads.items())}


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
