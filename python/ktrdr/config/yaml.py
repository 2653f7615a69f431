"""Reads one YAML document as plain values with the line of every path; only the YAML that a strategy needs.

YAML 1.2 core scalars (``NO`` and ``12:30`` are text, ``0o17`` is a number), no anchors, aliases, merge keys,
tags or repeated keys, at most 16 levels, 2,000 keys and 256 KiB. Built from parse events, so nothing is ever
constructed that the rules forbid.

>>> read_yaml("symbol: NO\\nrate: 1e-3").data
{'symbol': 'NO', 'rate': 0.001}
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from ktrdr.config.faults import Faults, together
from ktrdr.config.place import KeyPath, Place
from ktrdr.config.plain import MAX_DEPTH, finite, text_key
from ktrdr.errors import (
    ConfigAlias,
    ConfigDocument,
    ConfigDuplicateKey,
    ConfigError,
    ConfigNonfinite,
    ConfigTag,
    ConfigTooDeep,
)
from ktrdr.text import one_line

MAX_BYTES = 256 * 1024
MAX_KEYS = 2_000
"""Keys of a document: each unknown one is looked up among the known ones, which takes 0.2 ms."""

_NULL = re.compile(r"null|Null|NULL|~|")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NONFINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_MAX_DIGITS = 400  # beyond every float64, and short of the length that Python refuses to convert


@dataclass(frozen=True)
class Document:
    """A parsed file: plain ``data``, the ``place`` that knows the line of each path, and ``faults`` of single values.

    A value with a fault is None in ``data``.
    """

    data: Any
    place: Place
    faults: tuple[ConfigError, ...] = ()


def decode(raw: bytes, where: str) -> str:
    """Returns the bytes of a file as text; raises ``ConfigDocument`` for too many bytes or other text than UTF-8."""
    if len(raw) > MAX_BYTES:
        raise ConfigDocument("file too large", where=where, found=f"{len(raw)} bytes", expected=f"<= {MAX_BYTES} bytes")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ConfigDocument("not UTF-8", where=where, line=line, found=f"byte 0x{raw[error.start]:02x}") from None


def read_yaml(text: str, where: str = "") -> Document:
    """Returns ``text`` as plain values; raises a ``ConfigError`` leaf with line and path."""
    document = scan_yaml(text, where)
    Faults(document.faults).raise_all()
    return document


def scan_yaml(text: str, where: str = "") -> Document:
    """Returns ``text`` as plain values, with the faults that do not keep the rest from being read.

    Raises a ``ConfigError`` leaf, with the faults before it, for text that cannot be read to its end.
    """
    if (size := len(text.encode("utf-8", "surrogatepass"))) > MAX_BYTES:
        raise ConfigDocument("text too large", where=where, found=f"{size} bytes", expected=f"<= {MAX_BYTES} bytes")
    reader = _Reader(where)
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            reader.take(event)
    except yaml.YAMLError as error:
        raise together([*reader.faults, _syntax_error(error, where)]) from None
    except ConfigError as error:
        raise together([*reader.faults, error]) from None
    if not reader.documents:
        raise ConfigDocument("the file is empty", where=where, expected="one YAML document")
    return Document(reader.root, reader.place, tuple(reader.faults))


def _syntax_error(error: yaml.YAMLError, where: str) -> ConfigDocument:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "unreadable"
    line = mark.line + 1 if mark is not None else None
    return ConfigDocument(f"not valid YAML: {problem}", where=where, line=line)


@dataclass
class _Open:
    """A collection that is not closed yet, and the key that waits for its value."""

    items: dict[str, Any] | list[Any]
    path: KeyPath
    key: str | None = None

    @property
    def next_path(self) -> KeyPath:
        """Returns the path of the next value; before a key, that of the collection."""
        if isinstance(self.items, list):
            return (*self.path, len(self.items))
        return self.path if self.key is None else (*self.path, self.key)


@dataclass
class _Reader:
    """Builds the document from parse events."""

    where: str
    root: Any = None
    documents: int = 0
    keys: int = 0
    stack: list[_Open] = field(default_factory=list)
    lines: dict[KeyPath, int] = field(default_factory=dict)
    faults: list[ConfigError] = field(default_factory=list)

    @property
    def place(self) -> Place:
        return Place(self.where, self.lines)

    def take(self, event: Any) -> None:
        line = event.start_mark.line + 1
        if isinstance(event, yaml.DocumentStartEvent):
            self._start_document(line)
        elif isinstance(event, yaml.AliasEvent):
            raise self._refusal(ConfigAlias, "aliases are not allowed", line, f"*{event.anchor}")
        elif isinstance(event, yaml.ScalarEvent):
            self._refuse_decoration(event, line)
            self._take_scalar(event, line)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._refuse_decoration(event, line)
            self._open({} if isinstance(event, yaml.MappingStartEvent) else [], line)
        elif isinstance(event, yaml.CollectionEndEvent):
            self.stack.pop()

    def _start_document(self, line: int) -> None:
        self.documents += 1
        if self.documents > 1:
            raise ConfigDocument("a second document begins", where=self.where, line=line, expected="one YAML document")

    def _refuse_decoration(self, event: Any, line: int) -> None:
        if event.anchor is not None:
            self.faults.append(self._refusal(ConfigAlias, "anchors are not allowed", line, f"&{event.anchor}"))
        if event.tag is not None:
            self.faults.append(self._refusal(ConfigTag, "tags are not allowed", line, event.tag))

    def _take_scalar(self, event: Any, line: int) -> None:
        plain_style = event.style is None
        if self._wants_key():
            self._take_key(event.value, plain_style, line)
        else:
            path = self._begin_value(line)
            self._add(self._scalar(event.value, path) if plain_style else event.value)

    def _scalar(self, text: str, path: KeyPath) -> Any:
        try:
            return _resolve(text, self.place, path)
        except ConfigNonfinite as error:
            self.faults.append(error)
            return None

    def _take_key(self, text: str, plain_style: bool, line: int) -> None:
        parent = self.stack[-1]
        self.keys += 1
        if self.keys > MAX_KEYS:
            raise self._refusal(ConfigDocument, "too many keys", line, expected=f"at most {MAX_KEYS} in a document")
        if plain_style and text == "<<":
            raise self._refusal(ConfigAlias, "merge keys are not allowed", line, "<<")
        here = Place(self.where, {(): line, parent.path: line})
        key = text_key(_resolve(text, here, parent.path) if plain_style else text, here, parent.path)
        path = (*parent.path, key)
        if path in self.lines:
            fault = ConfigDuplicateKey(
                "the key occurs twice",
                where=self.where,
                line=line,
                path=self.place.at(*path).text,
                hint=f"first on line {self.lines[path]}",
            )
            self.faults.append(fault)
        self.lines[path] = line
        parent.key = key

    def _wants_key(self) -> bool:
        return bool(self.stack) and isinstance(self.stack[-1].items, dict) and self.stack[-1].key is None

    def _begin_value(self, line: int) -> KeyPath:
        path = self.stack[-1].next_path if self.stack else ()
        self.lines.setdefault(path, line)
        return path

    def _open(self, items: dict[str, Any] | list[Any], line: int) -> None:
        if self._wants_key():
            raise self._refusal(ConfigDocument, "a key must be text", line, "a collection as key")
        path = self._begin_value(line)
        if len(self.stack) >= MAX_DEPTH:
            raise self._refusal(ConfigTooDeep, "nested too deeply", line, expected=f"at most {MAX_DEPTH} levels")
        self._add(items)
        self.stack.append(_Open(items, path))

    def _add(self, value: object) -> None:
        if not self.stack:
            self.root = value
            return
        parent = self.stack[-1]
        if isinstance(parent.items, list):
            parent.items.append(value)
        elif parent.key is not None:
            parent.items[parent.key] = value
            parent.key = None

    def _refusal(self, leaf: Any, what: str, line: int, found: str | None = None, expected: str | None = None) -> Any:
        here = Place(self.where).at(*(self.stack[-1].next_path if self.stack else ()))
        return leaf(what, where=self.where, line=line, path=here.text or None, found=one_line(found), expected=expected)


def _resolve(text: str, place: Place, path: KeyPath) -> Any:
    """Returns the value of a plain scalar by the core schema of YAML 1.2."""
    if _NULL.fullmatch(text):
        return None
    if _BOOL.fullmatch(text):
        return text[0] in "tT"
    if _NONFINITE.fullmatch(text):
        raise place.error(ConfigNonfinite, "number is not finite", path, found=text)
    if _INT.fullmatch(text):
        return finite(_integer(text, place, path), place, path)
    return finite(float(text), place, path, text) if _FLOAT.fullmatch(text) else text


def _integer(text: str, place: Place, path: KeyPath) -> int:
    if len(text) > _MAX_DIGITS:
        raise place.error(ConfigNonfinite, "number overflows", path, expected="a finite number")
    return int(text, 0) if text[:2] in {"0o", "0x"} else int(text)
