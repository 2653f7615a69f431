"""The place of a feed: a file, a WebSocket, or a name that the data folder resolves."""

from __future__ import annotations

import re
from pathlib import Path

from ktrdr._lazy import require
from ktrdr.data.store.repository import Repository
from ktrdr.decision.feeds.base import Feed
from ktrdr.decision.feeds.file import FileFeed
from ktrdr.errors import ArgumentInvalid, DataNotFound
from ktrdr.time import Timeframe

NAME = r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}"
"""A feed that the data folder resolves: ``feeds/NAME.csv``, ``.jsonl``, or ``.url`` with the address of a WebSocket."""
_FILES = (".csv", ".jsonl")
_ADDRESS = re.compile(r"wss?://[^\s]+")


def place_of(feed: str, *, allow_path: bool) -> str:
    """Returns the text by which a request keeps a feed: an address, an absolute path, or a name.

    Raises:
        ArgumentInvalid: no address, path or name; a path or an address where only names are allowed.
        DataNotFound: no such file.
    """
    if re.fullmatch(NAME, feed):
        return feed
    if not allow_path:
        hint = "the data folder of the workers resolves it: feeds/NAME.csv, NAME.jsonl or NAME.url"
        raise ArgumentInvalid("a feed is named", where="feed", found=feed[:80], expected=NAME, hint=hint)
    if _ADDRESS.fullmatch(feed):
        return feed
    path = Path(feed).absolute()
    if not path.is_file():
        hint = "a file that will be appended to has to be there, empty if need be"
        raise DataNotFound("no such feed", where=feed, expected="a file, ws://... or a name", hint=hint)
    return str(path)


def open_feed(place: str, symbol: str, timeframe: Timeframe, data_dir: Path | None) -> Feed:
    """Returns the feed of a place, not started; raises ``DataNotFound`` for a name that the data folder lacks."""
    if _ADDRESS.fullmatch(place):
        return _socket(place, symbol, timeframe)
    if not re.fullmatch(NAME, place):
        return FileFeed(Path(place))
    folder = (Repository() if data_dir is None else Repository(data_dir)).root / "feeds"
    for suffix in _FILES:
        if _lies_in(folder, path := folder / f"{place}{suffix}"):
            return FileFeed(path)
    if _lies_in(folder, path := folder / f"{place}.url"):
        address = path.read_text().strip()
        if _ADDRESS.fullmatch(address):
            return _socket(address, symbol, timeframe)
    raise DataNotFound("no such feed", where=f"feeds/{place}", expected=f"{place}.csv, {place}.jsonl or {place}.url")


def _lies_in(folder: Path, path: Path) -> bool:
    return path.is_file() and path.resolve().is_relative_to(folder.resolve())


def _socket(address: str, symbol: str, timeframe: Timeframe) -> Feed:
    require("websockets")
    from ktrdr.decision.feeds.websocket import SocketFeed

    return SocketFeed(address, symbol, timeframe)
