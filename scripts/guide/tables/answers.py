"""Tables of the objects that ``--json`` prints, from their JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scripts.guide.markdown import code, plain, table

from ktrdr.cli.commands.reference.files import answers_schema

_WORDS = {"string": "text", "integer": "whole number", "boolean": "true or false", "array": "list"}


def answers() -> str:
    """Returns the shapes by command, and under a heading for each shape its keys."""
    found = answers_schema()
    shapes = found["$defs"]
    commands = table(
        ("command", "answers with"),
        [(code(f"ktrdr {name}"), ", ".join(code(one) for one in names)) for name, names in found["commands"].items()],
    )
    parts = [f"## {name}\n\n{_sentence(shape)}\n\n{_keys(shape)}" for name, shape in shapes.items()]
    return "\n\n".join([f"Version {found['version']}.", commands, *parts])


def _sentence(shape: Mapping[str, Any]) -> str:
    text = plain(shape["description"])
    return f"{text[0].upper()}{text[1:]}."


def _keys(shape: Mapping[str, Any]) -> str:
    if "properties" not in shape:
        return ""
    needed = shape.get("required", ())
    rows = [
        (code(name), type_text(value), "" if name in needed else "sometimes", plain(value.get("description", "")))
        for name, value in shape["properties"].items()
    ]
    return table(("key", "type", "", "meaning"), rows)


def type_text(shape: Mapping[str, Any]) -> str:
    """Returns the type of a value in words.

    >>> type_text({"type": ["string", "null"]}), type_text({"enum": ["buy", "sell"]})
    ('text or null', '`buy` or `sell`')
    """
    if "$ref" in shape:
        return code(shape["$ref"].rpartition("/")[2])
    if "enum" in shape or "const" in shape:
        return " or ".join(code(str(one)) for one in shape.get("enum", [shape.get("const")]))
    if shape.get("type") == "array" and "$ref" in shape.get("items", {}):
        return f"list of {type_text(shape['items'])}"
    found = shape.get("type", "any")
    return " or ".join(_WORDS.get(one, one) for one in ([found] if isinstance(found, str) else found))
