"""Numbers in CHANGELOG.md, RELEASING.md and the workflows that the sources must bear out."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from ktrdr.analysis.sweep import saved as sweep_saved
from ktrdr.decision.job import snapshot as paper_snapshot
from ktrdr.neural.metadata import FORMAT_VERSION
from ktrdr.operations.store.migrations.schema import HEAD
from ktrdr.training.job import snapshot
from ktrdr.training.run import identity
from ktrdr.worker.app import create_api
from support.source_tree import CORE, ROOT

CHANGELOG = (ROOT / "CHANGELOG.md").read_text()
VERSIONS = dict(re.findall(r"^\| (\S.*?) \| ([0-9.]+) \|", CHANGELOG, re.M))
KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
NEEDED_BY_A_RUNNER = {"install Rust", "install valgrind", "create the draft"}
"""Steps that no make target can do: programs of the system, and a call of the host itself."""


def constant(name: str) -> str:
    """Returns the number that the core gives a constant outside its tests."""
    texts = [re.sub(r"#\[cfg\(test\)\]\nmod .*", "", file.read_text(), flags=re.S) for file in CORE.rglob("*.rs")]
    found = {number for text in texts for number in re.findall(rf"const {name}: u16 = (\d+);", text)}
    return max(found, key=int)


def package_version() -> str:
    found = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.M)
    assert found is not None
    return found[1]


def test_stored_formats() -> None:
    assert VERSIONS["snapshot, container"] == constant("CONTAINER")
    assert VERSIONS["snapshot, payload"] == constant("SCHEMA")
    assert VERSIONS["snapshot of a training"] == str(snapshot.VERSION)
    assert VERSIONS["snapshot of a paper run"] == str(paper_snapshot.VERSION)
    assert VERSIONS["snapshot of a sweep"] == str(sweep_saved.VERSION)
    assert VERSIONS["training semantics"] == str(identity.SEMANTICS)
    assert VERSIONS["trading semantics"] == constant("SEMANTICS")
    assert VERSIONS["database"] == HEAD
    assert VERSIONS["model bundle"] == str(FORMAT_VERSION)


def test_interfaces_carry_the_package_version() -> None:
    minor = ".".join(package_version().split(".")[:2])
    assert VERSIONS["HTTP"] == VERSIONS["`--json`"] == minor
    assert create_api(cast(Any, None)).openapi()["info"]["version"] == package_version()


def test_the_changelog_has_its_form() -> None:
    assert CHANGELOG.startswith("# Changelog\n")
    headings = re.findall(r"^## \[(.*?)\](.*)$", CHANGELOG, re.M)
    assert headings[0] == ("Unreleased", "")
    assert all(re.fullmatch(r" - \d{4}-\d\d-\d\d", date) for _, date in headings[1:])
    assert set(re.findall(r"^### (.*)$", CHANGELOG, re.M)) <= KINDS


def test_releasing_names_files_that_exist() -> None:
    text = (ROOT / "RELEASING.md").read_text()
    paths = set(re.findall(r"`((?:python|rust|tests|benches|\.github)/[\w./-]+)`", text)) - {
        "rust/core/src/snapshot/v3.rs"
    }
    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_a_release_is_refused_without_its_heading() -> None:
    done = subprocess.run(
        [ROOT / "scripts" / "check_release.sh", f"v{package_version()}"], capture_output=True, text=True, check=False
    )
    assert (done.returncode == 0) == (f"## [{package_version()}] - " in CHANGELOG), done.stderr


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_a_workflow_only_calls_make(file: Path) -> None:
    workflow = yaml.safe_load(file.read_text())
    for name, job in workflow["jobs"].items():
        assert "uses" in job or job["timeout-minutes"] <= 60, name
        for step in job.get("steps", []):
            if "run" in step and step.get("name") not in NEEDED_BY_A_RUNNER:
                command, target, *_ = step["run"].split()
                assert command == "make" and target in TARGETS, step


def test_workflows_say_that_they_are_untried() -> None:
    assert {file.name for file in WORKFLOWS} == {"ci.yml", "wheels.yml", "docs.yml", "release.yml"}
    assert all("# Untried: " in file.read_text() for file in WORKFLOWS)
