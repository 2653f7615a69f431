"""Objects that ``--json`` prints, against the schema that promises their shapes."""

from __future__ import annotations

import json
from typing import Any

import jsonschema

from ktrdr.cli.commands.reference.files import answers_schema
from ktrdr.cli.runs.summary import summary
from ktrdr.operations.kind import kind_of
from ktrdr.operations.store.store import Store

SCHEMA = answers_schema()


def checked(answer: dict[str, Any], shape: str) -> None:
    """Passes if an object has the shape of that name."""
    jsonschema.validate(answer, {"$ref": f"#/$defs/{shape}", "$defs": SCHEMA["$defs"]})


def answer_about(store: Store, operation_id: str) -> dict[str, Any]:
    """The object that the command line prints when an operation completes, as a program reads it."""
    operation = store.get(operation_id)
    answer = summary(store, operation, kind_of(operation.kind).result(store, operation_id))
    found: dict[str, Any] = json.loads(json.dumps(answer.data, allow_nan=False))
    return found
