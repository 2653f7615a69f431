"""YAML 1.2 scalars, the lines of paths, and the limits of a file."""

from __future__ import annotations

from typing import Any

import pytest

from ktrdr.config.yaml import MAX_KEYS, decode, read_yaml
from ktrdr.errors import ConfigDocument, ConfigError, ConfigTooDeep

SCALARS = [
    ("NO", "NO"), ("yes", "yes"), ("on", "on"), ("true", True), ("True", True), ("FALSE", False), ("tRue", "tRue"),
    ("12:30", "12:30"), ("1_000", "1_000"), ("0o17", 15), ("017", 17), ("0x1F", 31), ("+3", 3), ("-0", 0),
    (".5", 0.5), ("-.5", -0.5), ("1.", 1.0), ("1e3", 1000.0), ("1E-2", 0.01), ("1e", "1e"), ("1.2.3", "1.2.3"),
    ("2024-01-01", "2024-01-01"), ("~", None), ("null", None), ("", None), ("nULL", "nULL"),
    ("'1'", "1"), ('"true"', "true"), ("'<<'", "<<"), ("=", "="), ("0b11", "0b11"), ("inf", "inf"), ("nan", "nan"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), SCALARS)
def test_scalars_follow_the_core_schema(text: str, value: Any) -> None:
    found = read_yaml(f"key: {text}").data["key"]
    assert (found, type(found)) == (value, type(value))


def test_every_path_has_its_line() -> None:
    document = read_yaml("a: 1\nb:\n  - x\n  - c: {d: 2}\n    e: |\n      text\n")
    assert document.data == {"a": 1, "b": ["x", {"c": {"d": 2}, "e": "text\n"}]}
    lines = {path: document.place.line(path) for path in [("a",), ("b",), ("b", 0), ("b", 1), ("b", 1, "e")]}
    assert lines == {("a",): 1, ("b",): 2, ("b", 0): 3, ("b", 1): 4, ("b", 1, "e"): 5}
    assert document.place.line(("b", 1, "c", "d", "absent")) == 4


def test_sixteen_levels_and_no_more() -> None:
    assert read_yaml("[" * 16 + "]" * 16).data
    with pytest.raises(ConfigTooDeep):
        read_yaml("[" * 17 + "]" * 17)


def test_deep_and_wide_nonsense_ends_soon_and_as_one_of_our_errors() -> None:
    for text in ("[" * 200_000, "{a: " * 60_000, "- " * 120_000, "? " * 120_000, "&a [*a" * 1_000, "%" * 1_000):
        with pytest.raises(ConfigError):
            read_yaml(text)


@pytest.mark.parametrize(
    "text", ["", "# only a comment", "a: 1\n...\nb: 2", "a: \x00", "a: 'open", "? [1]\n: 2", "\ta: 1"]
)
def test_what_is_not_one_document(text: str) -> None:
    with pytest.raises(ConfigDocument) as caught:
        read_yaml(text, "file.yaml")
    assert str(caught.value).startswith("file.yaml")
    assert "\n" not in str(caught.value)


def test_a_byte_order_mark_is_no_part_of_the_first_key() -> None:
    assert read_yaml("\ufeffa: 1").data == {"a": 1}


@pytest.mark.parametrize(
    ("raw", "line"), [(b"a: 1\nb: \xff", 2), ("a: é".encode("latin-1"), 1), ("a: 1".encode("utf-16"), 1)]
)
def test_bytes_that_are_not_utf8_are_refused_with_the_line(raw: bytes, line: int) -> None:
    with pytest.raises(ConfigDocument, match="not UTF-8") as caught:
        decode(raw, "file.yaml")
    assert caught.value.line == line


def test_the_size_limit_counts_bytes() -> None:
    limit = 256 * 1024
    assert len(decode(b"x" * limit, "f")) == limit
    with pytest.raises(ConfigDocument):
        decode(b"x" * (limit + 1), "f")
    with pytest.raises(ConfigDocument):
        read_yaml("é" * (limit // 2) + "x")


def test_a_document_has_a_bounded_number_of_keys() -> None:
    """20,000 unknown ones took 3.7 s of a worker's processor before they were refused."""
    lines = [f"key{count}: 1" for count in range(MAX_KEYS)]
    assert len(read_yaml("\n".join(lines)).data) == MAX_KEYS
    nested = "a:\n" + "\n".join(f"  - {{{line}}}" for line in lines)
    for text in ("\n".join([*lines, "more: 1"]), nested):
        with pytest.raises(ConfigDocument, match=f"too many keys: expected at most {MAX_KEYS}"):
            read_yaml(text)
