"""Schemathesis against the OpenAPI document, along its links: no server error, no answer that is not documented."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from support.process.processes import Place, furnish, strategy, wait_until
from support.process.service import TOKEN, Service, service
from support.soak import interpreter

pytestmark = pytest.mark.soak
VERSION = "4.32.5"
SEED = os.environ.get("SOAK_SEED") or "1"
EXAMPLES = os.environ.get("SOAK_EXAMPLES") or "40"
CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance",
    "response_headers_conformance", "unsupported_method", "ignored_auth",
)  # fmt: skip
"""Not ``use_after_free``: DELETE cancels an operation, as it is documented, and leaves it there."""
COMPLETED = 6
HOOKS = Path(__file__).parents[2] / "support" / "peers"
ENDLESS = ("--exclude-path-regex", "/events$")
"""A stream of events does not end before its operation."""

Tell = Callable[[str, object], None]


@pytest.fixture(scope="module")
def schemathesis(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Its program, in an environment of its own."""
    python = interpreter(tmp_path_factory.mktemp("venv") / "venv", f"schemathesis=={VERSION}")
    return str(Path(python).with_name("schemathesis"))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A data folder with the bars and a net of a small strategy."""
    return Place(furnish(tmp_path / "data", 3_000, ("mlp",)), f"sqlite:///{tmp_path / 'ktrdr.db'}")


def tried(schemathesis: str, place: Place, running: Service, folder: Path, *words: str) -> str:
    """Returns the words of the program about a service, with the document that the service gives."""
    with running.client(TOKEN) as client:
        (folder / "openapi.json").write_text(client.get("/openapi.json").text)
    store = place.store()
    done = [place.submit(store, "mlp", start=f"2024-01-{day}") for day in range(20, 20 + COMPLETED)]
    names = [wait_until(store, each.id, within_s=600).id for each in done]
    store.close()
    (folder / "operations.txt").write_text(" ".join(names))
    (folder / "strategy.yaml").write_text(yaml.safe_dump(strategy("mlp"), sort_keys=False))
    asked = [
        schemathesis, "run", "openapi.json", "--url", running.url, "--phases", "examples,coverage,fuzzing,stateful",
        "--checks", ",".join(CHECKS), "--seed", SEED, "--max-examples", EXAMPLES, "--continue-on-failure",
        "--request-timeout", "30", "--suppress-health-check", "all", *ENDLESS, *words,
    ]  # fmt: skip
    known = {"NO_COLOR": "1", "SCHEMATHESIS_HOOKS": "schemathesis_hooks", "PYTHONPATH": str(HOOKS)}
    done = subprocess.run(asked, capture_output=True, text=True, cwd=folder, env=os.environ | known)
    (folder / "schemathesis.txt").write_text(done.stdout + done.stderr)
    assert done.returncode == 0, f"{folder / 'schemathesis.txt'}\n{done.stdout[-8_000:]}{done.stderr[-2_000:]}"
    assert "Traceback" not in running.log
    return done.stdout


def test_trust_8_document(schemathesis: str, place: Place, tmp_path: Path, record_property: Tell) -> None:
    """Without a token, at a service that asks for none."""
    with service(place) as running:
        record_property("table", _counts("document", tried(schemathesis, place, running, tmp_path)))


STRANGER = ("--exclude-checks", "unsupported_method")
"""Somebody without a token is refused first, and does not hear which verbs an address has."""


@pytest.mark.parametrize("words", [("-H", f"Authorization: Bearer {TOKEN}"), STRANGER], ids=["given", "missing"])
def test_trust_8_document_token(
    schemathesis: str, place: Place, tmp_path: Path, words: tuple[str, ...], record_property: Tell
) -> None:
    """At a service that asks for a token: with it, and without."""
    with service(Place(place.folder, place.url, {"KTRDR_API_TOKEN": TOKEN})) as running:
        said = tried(schemathesis, place, running, tmp_path, *words)
    record_property("table", _counts(f"document, token {'missing' if words == STRANGER else 'given'}", said))


def _counts(name: str, said: str) -> str:
    """The lines of the report that count."""
    found = re.findall(r"^.*(?:Test cases|Stateful|Fuzzing|Coverage|generated|Seed|passed).*$", said, re.M)
    return "\n".join([f"{name}, seed {SEED}", *(f"  {line.strip()}" for line in found)])
