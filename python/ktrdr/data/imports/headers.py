"""Finds the columns of bars: the headers of MetaTrader, HistData, yfinance, ccxt and their like.

| from | looks like |
| --- | --- |
| MetaTrader 5 | `<DATE> <TIME> <OPEN> <HIGH> <LOW> <CLOSE> <TICKVOL> <VOL> <SPREAD>`, tabs |
| MetaTrader 4, HistData (MT) | no header: `2024.01.02,00:05,1.1,1.1,1.1,1.1,42` |
| HistData (ASCII) | no header: `20240102 000500;1.1;1.1;1.1;1.1;0` |
| yfinance | `Date,Open,High,Low,Close,Adj Close,Volume`, or three lines of head |
| pandas | an index without a name: an empty first heading, or `__index_level_0__` in Parquet |
| Investing.com, Nasdaq | `Date,Price,Open,High,Low,Vol.`, `Date,Close/Last,Volume,Open,High,Low`; newest first |
| ccxt, freqtrade, Binance | `timestamp,open,high,low,close,volume`, or no header and epoch stamps |
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import polars as pl

from ktrdr.data.audit import PRICES
from ktrdr.data.headings import NAMES, STAMPS, plain, twins, without_unit
from ktrdr.errors import ArgumentInvalid, DataParse

EXTRAS = ("half_spread", "conversion_rate")
_CANONICAL = (*STAMPS, *PRICES, "volume", *EXTRAS)
_DATE = re.compile(r"\d{4}[.\-/]?\d{2}[.\-/]?\d{2}|\d{1,2}[.\-/]\d{1,2}[.\-/]\d{2,4}")
_TIME = re.compile(r"\d{1,2}:\d{2}(:\d{2})?|([01]\d|2[0-3])[0-5]\d([0-5]\d)?")
_HEAD_ZONE = re.compile(r"(?i)\b(?:gmt|utc)\b\s*([+-]\d{1,2}(?::?\d{2})?)?")


def choose_columns(
    frame: pl.DataFrame, mapping: Mapping[str, str], file: str, again: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Maps our name of each column that bars need to the file's; ``mapping`` is the user's part of it and wins.

    ``again`` has the name in the file of each column that bears the name of an earlier one.
    Raises ``ArgumentInvalid`` for a mapping to no column, ``DataParse`` that names every column that is not there,
    or the columns that may as well be one field.
    """
    chosen = {ours: _mapped(frame, ours, theirs) for ours, theirs in mapping.items()}
    alike = by_plain_name((name for name in frame.columns if name not in chosen.values()), again or {})
    free = {name: same[0] for name, same in alike.items()}
    bare = _without_unit(name for same in alike.values() for name in same)
    for ours in (name for name in _CANONICAL if name not in chosen):
        known = NAMES.get(ours, (ours,))
        if found := next((names[name] for names in (free, bare) for name in known if name in names), None):
            chosen[ours] = found
    if free.keys() >= {"column_1", "column_2"} and not any(name in chosen for name in PRICES):
        chosen = _by_shape(frame) | chosen
    elif "column_1" in free and not chosen.keys() & set(STAMPS):
        chosen["timestamp"] = free["column_1"]  # an index without a name, as pandas writes it
    _require(chosen, frame, file)
    by_parts = bool(mapping.keys() & {"date", "time"}) and "timestamp" not in mapping
    unused = {"timestamp"} if by_parts else {"date", "time"} if "timestamp" in chosen else set()
    used = {ours: theirs for ours, theirs in chosen.items() if ours not in unused}
    for ours, theirs in used.items():
        if ours not in mapping:
            require_alone(alike.get(plain(theirs), ()), ours, file)
    return used


def by_plain_name(names: Iterable[str], again: Mapping[str, str]) -> dict[str, list[str]]:
    """Returns columns by their plain name, in the order of the file."""
    alike: dict[str, list[str]] = {}
    for name in names:
        alike.setdefault(plain(again.get(name, name)), []).append(name)
    return alike


def require_alone(same: Sequence[str], ours: str, file: str) -> None:
    """Raises ``DataParse`` where several columns may as well be one field."""
    if len(same) > 1:
        raise twins(same, ours, file, "say which: " + " or ".join(f"--map {ours}={name}" for name in same))


def _without_unit(names: Iterable[str]) -> dict[str, str]:
    """Returns headings by their name without a unit in brackets, where no other heading has that name."""
    by_name: dict[str, list[str]] = {}
    for name in names:
        by_name.setdefault(without_unit(name), []).append(name)
    return {name: same[0] for name, same in by_name.items() if len(same) == 1}


def zone_of_head(names: list[str]) -> str | None:
    """Returns the zone that the heading of the stamps names, such as ``Gmt time``.

    >>> zone_of_head(["Gmt time"]), zone_of_head(["Time (UTC+3)"]), zone_of_head(["Date"])
    ('UTC', 'UTC+3', None)
    """
    for name in names:
        if found := _HEAD_ZONE.search(name.replace("_", " ")):
            return f"UTC{found[1] or ''}"
    return None


def volumes(
    frame: pl.DataFrame,
    chosen: Mapping[str, str],
    mapping: Mapping[str, str],
    file: str,
    again: Mapping[str, str] | None = None,
) -> list[str]:
    """Returns the file's columns that may be the volume: the user's, MetaTrader's count of ticks, or all of them.

    Raises ``DataParse`` for two of one name.
    """
    if "volume" in mapping:
        return [mapping["volume"]]
    alike = by_plain_name((name for name in frame.columns if name not in mapping.values()), again or {})
    known = [alike[name] for name in NAMES["volume"] if name in alike]
    known += [same for name, same in alike.items() if re.match(r"vol(ume)?_", name)]  # Volume BTC
    known = [alike["tickvol"]] if "tickvol" in alike else known
    for same in known:
        require_alone(same, "volume", file)
    return [same[0] for same in known] or ([chosen["volume"]] if "volume" in chosen else [])


def _mapped(frame: pl.DataFrame, ours: str, theirs: str) -> str:
    if ours not in _CANONICAL:
        raise ArgumentInvalid("no such field of bars", where="map", found=ours, expected=" ".join(_CANONICAL))
    if theirs not in frame.columns:
        expected = ", ".join(frame.columns)
        raise ArgumentInvalid("no such column in the file", where=f"map {ours}", found=theirs, expected=expected)
    return theirs


def _by_shape(frame: pl.DataFrame) -> dict[str, str]:
    """Maps the columns of a file without header, by the look of its first rows."""
    rows = [[str(cell or "").strip() for cell in row] for row in frame.head(50).rows()]
    names = list(frame.columns)
    first = rows[0]
    if len(first) > 6 and not re.match(r"[\d\"]", first[0]) and _DATE.fullmatch(first[1]):
        # the instrument comes first
        names = names[1:]
        rows = [row[1:] for row in rows]
        first = rows[0]
    stamps = ["timestamp"]
    timed = len(first) > 5 and all(_DATE.fullmatch(row[0]) and _TIME.fullmatch(row[1]) for row in rows)
    if timed and (":" in first[1] or not _is_price(first[1], first[2])):
        stamps = ["date", "time"]
    after = len(stamps) + len(PRICES)
    adjusted = ["adjusted"] if len(first) > after + 1 and _moves_with(rows, after, after - 1) else []
    found = dict(zip([*stamps, *PRICES, *adjusted, "volume"], names, strict=False))
    return {ours: theirs for ours, theirs in found.items() if ours != "adjusted"}


def _moves_with(rows: Sequence[Sequence[str]], one: int, other: int) -> bool:
    """Returns True if two columns of prices keep their ratio from row to row, as a close and its adjusted one do."""
    try:
        ratios = [float(row[one]) / float(row[other]) for row in rows]
    except (ValueError, ZeroDivisionError, IndexError):
        return False
    priced = any("." in row[one] for row in rows) and len({row[one] for row in rows}) > 1
    return priced and len(ratios) > 2 and all(0.95 * last < ratio < 1.05 * last for last, ratio in pairwise(ratios))


def _is_price(cell: str, other: str) -> bool:
    """Returns True if a whole number may be a price beside another: a price is never twice the one beside it."""
    try:
        return 0.5 < float(cell) / float(other) < 2
    except (ValueError, ZeroDivisionError):
        return False


def _require(chosen: Mapping[str, str], frame: pl.DataFrame, file: str) -> None:
    missing = [name for name in PRICES if name not in chosen]
    if not chosen.keys() & set(STAMPS):
        missing.insert(0, "timestamp")
    if missing:
        raise DataParse(
            "no column is recognised as a field of bars",
            where=file,
            found=", ".join(frame.columns),
            expected=", ".join(missing),
            hint="name it with " + " ".join(f"--map {name}=COLUMN" for name in missing),
        )
