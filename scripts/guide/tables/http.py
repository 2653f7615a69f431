"""Reference of the HTTP service, from its OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from scripts.guide.markdown import code, plain, table

from ktrdr.worker.app import create_api

Schema = Mapping[str, Any]


def routes() -> str:
    """Returns every route by its first noun, with parameters, fields of the body and of the answer."""
    document = create_api(cast("Any", None)).openapi()
    nouns: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, route in methods.items():
            noun = path.strip("/").split("/")[0] or "pages"
            nouns.setdefault(noun, []).append(_route(document, f"{method.upper()} {path}", route))
    return "\n".join(f"## {noun}\n\n{''.join(parts)}" for noun, parts in sorted(nouns.items()))


def _route(document: Schema, name: str, route: Schema) -> str:
    parts = [f"### {code(name)}\n\n{plain(route.get('description') or route.get('summary', ''))}\n"]
    rows = [_parameter(one) for one in route.get("parameters", ())]
    parts.append(table(("parameter", "in", "type", "meaning"), rows))
    body = _schema_of(document, route.get("requestBody", {}))
    parts.append(_fields(document, body, "body"))
    answer = _schema_of(document, route["responses"].get("200") or route["responses"].get("201") or {})
    parts.append(_fields(document, answer, "answer"))
    return "\n".join(part for part in parts if part) + "\n"


def _parameter(one: Schema) -> tuple[str, ...]:
    needed = " (required)" if one.get("required") else ""
    return code(one["name"]), one["in"] + needed, _type(one["schema"]), plain(one.get("description", ""))


def _schema_of(document: Schema, part: Schema) -> Schema:
    content = part.get("content", {})
    return _resolved(document, content.get("application/json", {}).get("schema", {}))


def _resolved(document: Schema, schema: Schema) -> Schema:
    if "$ref" in schema:
        found: Schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return found
    return schema


def _fields(document: Schema, schema: Schema, head: str) -> str:
    rows = list(_rows(document, schema))
    return table((head, "type", "meaning"), rows)


def _rows(document: Schema, schema: Schema) -> Iterator[tuple[str, ...]]:
    for name, value in schema.get("properties", {}).items():
        needed = " (required)" if name in schema.get("required", ()) else ""
        meaning = value.get("description") or _resolved(document, value).get("description", "")
        yield code(name) + needed, _type(value), plain(meaning.split("\n\n")[0])


def _type(schema: Schema) -> str:
    """Returns the type of a value in words."""
    if "$ref" in schema:
        return code(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(one) for one in schema["anyOf"]))
    if "enum" in schema:
        return ", ".join(code(one) for one in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return str(schema.get("type", schema.get("const", "any")))
