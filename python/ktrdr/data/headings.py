"""The names that files give to the fields of bars, and to the instruments they hold."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from ktrdr.errors import DataParse
from ktrdr.text import some_of
from ktrdr.time import SECONDS_PER_UNIT

_OPENS = ("open_time", "opentime")
_BEGINS = ("window_start", "start_time", "begins_at", "candle_begin_time")
_CLOSES = ("close_time", "closetime")
NAMES = {
    "timestamp": (
        "timestamp",
        "datetime",
        "date_time",
        *_OPENS,
        "ts",
        "t",
        "unix",
        "unix_time",
        "unix_timestamp",
        "gmt_time",
        "local_time",
        "utc_time",
        "time_utc",
        "timestamp_utc",
        "datetime_utc",
        "date_utc",
        "index_level_0",
        "index",
        *_BEGINS,
        *_CLOSES,
    ),
    "date": ("date", "day", "dtyyyymmdd", "trade_date", "trading_date", "price_date", "datum", "fecha"),
    "time": ("time", "hour", "uhrzeit", "zeit", "heure", "hora"),
    "open": (
        "open",
        "o",
        "open_price",
        "bid_open",
        "bidopen",
        "1_open",
        "px_open",
        "eröffnung",
        "eröffn",
        "eröffnungskurs",
        "erster",
        "ouverture",
        "ouv",
        "apertura",
    ),
    "high": (
        "high",
        "h",
        "high_price",
        "bid_high",
        "bidhigh",
        "2_high",
        "px_high",
        "hoch",
        "tageshoch",
        "höchst",
        "haut",
        "plus_haut",
        "máximo",
    ),
    "low": (
        "low",
        "l",
        "low_price",
        "bid_low",
        "bidlow",
        "3_low",
        "px_low",
        "tief",
        "tagestief",
        "tiefst",
        "bas",
        "plus_bas",
        "mínimo",
    ),
    "close": (
        "close",
        "c",
        "close_price",
        "last",
        "bid_close",
        "bidclose",
        "4_close",
        "close_last",
        "price",
        "ltp",
        "px_last",
        "schluss",
        "schlusskurs",
        "zuletzt",
        "clôture",
        "cloture",
        "dernier",
        "último",
        "cierre",
    ),
    "volume": (
        "stücke",
        "stuecke",
        "volumen",
        "tickvol",
        "tick_volume",
        "tickvolume",
        "tickqty",
        "volume",
        "vol",
        "real_volume",
        "v",
        "5_volume",
        "volumefrom",
        "volumeto",
        "trade_volume",
        "total_volume",
        "traded_volume",
        "px_volume",
        "tottrdqty",
        "ttl_trd_qnty",
        "no_of_shares",
    ),
}
STAMPS = ("timestamp", "date", "time")
_PRICES = ("open", "high", "low", "close")
_FIELD_OF = {name: field for field, names in NAMES.items() for name in names}
_INSTRUMENT_COLUMNS = re.compile(
    r"(\w*_)?(ticker|instrument|asset|pair|coin|crypto|token|stock|company|security|underlying|commodity|fund|contract"
    r"|isin|cusip|figi|sedol)(_(id|name|code|token|symbol))?"
    r"|\w*symbol|(ts_|stock_)?code|name|tic|secid|sid|wkn|ric|scrip|permno|gvkey|market|product"
)
_LENGTH_COLUMNS = frozenset(("interval", "timeframe", "tf", "period", "per", "resolution", "granularity", "frequency"))
_SECONDS_OF = {
    "": SECONDS_PER_UNIT["m"],
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes", "t"), SECONDS_PER_UNIT["m"]),
    **dict.fromkeys(("h", "hr", "hour", "hours", "hourly"), SECONDS_PER_UNIT["h"]),
    **dict.fromkeys(("d", "day", "days", "daily"), SECONDS_PER_UNIT["d"]),
    **dict.fromkeys(("w", "wk", "week", "weeks", "weekly"), SECONDS_PER_UNIT["w"]),
}
_PAIR = re.compile(r"\(\s*(['\"])(.*?)\1\s*,\s*(['\"])(.*?)\3\s*\)")


@dataclass(frozen=True, slots=True)
class Heading:
    """One column of a file: its position, its name without the instrument, and the instrument if one is named."""

    index: int
    name: str
    instrument: str | None


def plain(name: str) -> str:
    """Returns a heading in small letters, with underscores for what is no letter.

    >>> plain("<OPEN>"), plain("Close/Last"), plain(" Gmt time")
    ('open', 'close_last', 'gmt_time')
    """
    return re.sub(r"\W+", "_", name.strip().strip("<>").strip().lower()).strip("_") or name


def field_of(name: str) -> str | None:
    """Returns the field of bars that a heading names, or None."""
    return _FIELD_OF.get(plain(name))


def without_unit(name: str) -> str:
    """Returns the plain name of a heading without its unit or zone in brackets.

    >>> without_unit("Close Time (UTC)")
    'close_time'
    """
    return plain(re.sub(r"\s*[(\[].*$", "", name))


def marks_open(name: str) -> bool:
    """Returns True for the heading of a column that holds the opens of bars by its name."""
    return without_unit(name) in (*_OPENS, *_BEGINS)


def marks_close(name: str) -> bool:
    """Returns True for the heading of a column that holds the closes of bars."""
    return without_unit(name) in _CLOSES


def require_distinct(names: Iterable[str], where: str = "") -> None:
    """Raises ``DataParse`` for two columns whose names differ in case only, or not at all.

    >>> require_distinct(["open", "o", "O"])
    Traceback (most recent call last):
    ktrdr.errors.DataParse: o: two columns of one name: found o, O, expected one; rename one: case does not count
    """
    seen: dict[str, str] = {}
    for name in names:
        if (small := name.lower()) in seen:
            raise twins([seen[small], name], small, where)
        seen[small] = name


def twins(found: Sequence[str], field: str, where: str = "", hint: str = "") -> DataParse:
    """Returns the error for columns of one name; ``hint`` replaces the advice to rename one of them."""
    return DataParse(
        "two columns of one name",
        where=where,
        field=field,
        found=", ".join(found),
        expected="one",
        hint=hint or "rename one: case does not count",
    )


def names_instruments(name: str) -> bool:
    """Returns True for the heading of a column that holds instruments' names.

    >>> [name for name in ("act_symbol", "Asset_ID", "quote_asset_volume", "tradingsymbol") if names_instruments(name)]
    ['act_symbol', 'Asset_ID', 'tradingsymbol']
    """
    return _INSTRUMENT_COLUMNS.fullmatch(plain(name)) is not None


def names_lengths(name: str) -> bool:
    """Returns True for the heading of a column that may hold the lengths of bars."""
    return plain(name) in _LENGTH_COLUMNS


def seconds_of(text: str) -> int | None:
    """Returns the length of bars that a cell names, in seconds; None for text that names none.

    >>> [seconds_of(text) for text in ("1h", "H4", "60", "15min", "daily", "1M", "Q1")]
    [3600, 14400, 3600, 900, 86400, None, None]
    """
    found = re.fullmatch(r"(?P<n>\d*)\s*(?P<unit>[A-Za-z]*)|(?P<unit2>[MHDW])(?P<n2>\d+)", text.strip())
    if not found or not text.strip():
        return None
    unit = found["unit2"] or found["unit"] or ""
    if found["unit"] == "M":  # a month; MetaTrader writes minutes as M5
        return None
    seconds = _SECONDS_OF.get(unit.lower())
    return None if seconds is None else seconds * int(found["n2"] or found["n"] or 1)


def headings(names: Sequence[Hashable]) -> list[Heading]:
    """Parts names into field and instrument: pairs of a two-level head, their text form, and ``AAPL.Open``.

    >>> [(one.name, one.instrument) for one in headings(["Date", ("Close", "AAA"), "('Open', 'BBB')"])]
    [('Date', None), ('Close', 'AAA'), ('Open', 'BBB')]
    """
    parted = [Heading(index, *_parted(name)) for index, name in enumerate(names)]
    if any(field_of(one.name) in _PRICES for one in parted):
        return parted
    joined = [_unjoined(one) for one in parted]
    fields = {field_of(one.name) for one in joined}
    return joined if fields.issuperset(_PRICES) else parted


def _parted(name: Hashable) -> tuple[str, str | None]:
    parts: tuple[str, ...]
    if isinstance(name, tuple):
        parts = tuple(str(part).strip() for part in name)
    elif found := _PAIR.fullmatch(str(name).strip()):
        parts = (found[2].strip(), found[4].strip())
    else:
        return str(name), None
    known = next((at for at, part in enumerate(parts) if field_of(part)), 0)
    other = next((part for at, part in enumerate(parts) if at != known and part), None)
    return parts[known] or "Date", other


def _unjoined(heading: Heading) -> Heading:
    for pattern in (r"(?P<instrument>.+)[._ |](?P<field>\w+)", r"(?P<field>[A-Za-z]+)[._ |](?P<instrument>.+)"):
        found = re.fullmatch(pattern, heading.name.strip())
        if found and found["instrument"][0] not in "([" and field_of(found["field"]) in (*_PRICES, "volume"):
            return Heading(heading.index, found["field"], found["instrument"])
    return heading


def of_instrument(found: Sequence[Heading], wanted: str, where: str = "") -> tuple[list[Heading], str | None]:
    """Returns the columns of one instrument and of none, and the instrument's name.

    Raises ``DataParse`` where several are there and none is the one wanted.
    """
    instruments = list(dict.fromkeys(one.instrument for one in found if one.instrument is not None))
    chosen = choose(instruments, wanted, where)
    return [one for one in found if one.instrument in (None, chosen)], chosen


def choose(instruments: Sequence[str], wanted: str, where: str = "") -> str | None:
    """Returns the instrument of a file: the only one, or the one that is wanted.

    Raises ``DataParse`` that lists them where that does not tell.
    """
    if len(instruments) <= 1:
        return instruments[0] if instruments else None
    exact = [name for name in instruments if name == wanted]
    alike = exact or [name for name in instruments if same_name(name, wanted)]
    if len(alike) == 1:
        return alike[0]
    raise DataParse(
        "the file holds several instruments",
        where=where,
        found=some_of(instruments),
        expected=f"one that is called {wanted}" if wanted else "the name of one as symbol",
        hint="--instrument NAME picks one" if where else "name one of them as symbol",
    )


def same_name(one: str, other: str) -> bool:
    """Returns True for two ways to write one instrument.

    >>> same_name("BTC/USDT", "btcusdt"), same_name("EURUSD=X", "EURUSD"), same_name("AAPL.US", "AAPL")
    (True, True, True)
    """
    return bool(_spellings(one) & _spellings(other))


def _spellings(name: str) -> set[str]:
    small = name.strip().lower()
    return {re.sub(r"[^a-z0-9]", "", small), re.sub(r"[^a-z0-9]", "", re.split(r"[=.:]|-(?=bid|ask)", small)[0])} - {""}
