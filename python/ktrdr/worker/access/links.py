"""Links of the OpenAPI document: from each answer that names an operation to the routes of an operation."""

from __future__ import annotations

from typing import Any

_ID = "{operation_id}"
_NAMES = {
    "Accepted": "$response.body#/operation_id",
    "OperationView": "$response.body#/operation_id",
    "OperationList": "$response.body#/operations/0/operation_id",
}
"""Answers that name an operation, and the place of its id."""


def add_links(document: dict[str, Any]) -> None:
    """Adds to each answer that names an operation a link to every route of an operation, and of its own noun.

    A link is named after its route: its method, and the words behind the id, such as ``post cancel``.
    """
    paths = document["paths"]
    for path, verbs in paths.items():
        noun = path.split("/")[1]
        targets = _routes(paths, "operations") | _routes(paths, noun)
        for operation in verbs.values():
            for answer in operation["responses"].values():
                if (place := _NAMES.get(_schema_of(answer))) is not None:
                    answer["links"] = {
                        name: {"operationId": target, "parameters": {"operation_id": place}}
                        for name, target in targets.items()
                    }


def _routes(paths: dict[str, Any], noun: str) -> dict[str, str]:
    """Returns the routes of one operation under a noun: the ids of the document by the names of their links."""
    start = f"/{noun}/{_ID}"
    return {
        f"{verb} {path.removeprefix(start).strip('/')}".strip(): operation["operationId"]
        for path, verbs in paths.items()
        for verb, operation in verbs.items()
        if path.startswith(start)
    }


def _schema_of(answer: dict[str, Any]) -> str:
    """Returns the name of the schema of an answer in JSON; empty for another answer."""
    schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
    return str(schema.get("$ref", "")).rpartition("/")[2]
