"""The audit: a licence that is not allowed is named, and nobody says that all is well without having looked."""

from __future__ import annotations

import json
from email.message import Message
from typing import Any, cast

import pytest
from scripts import audit


class Package:
    """A distribution with these lines of metadata."""

    def __init__(self, *lines: tuple[str, str]) -> None:
        self.metadata = Message()
        for name, value in lines:
            self.metadata[name] = value


def classifier(words: str) -> tuple[str, str]:
    return "Classifier", f"License :: {words}"


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [("MIT", True), ("GPL-3.0-only", False), ("", False), ("MIT OR GPL-3.0-only", True), ("GPL-3.0-only OR MIT", True),
     ("MIT AND GPL-3.0-only", False), ("(GPL-2.0-only OR MIT) AND Zlib", True),
     ("Apache-2.0 WITH LLVM-exception", True),
     ("GPL-2.0-only WITH Classpath-exception-2.0", False), ("Unlicense/MIT", True), ("MIT AND", False), ("(MIT", False),
     ("MIT)", False), ("MIT MIT", False), ("mit", False), ("AGPL-3.0-only AND MIT OR MIT AND Zlib", True)],
)  # fmt: skip
def test_an_expression_needs_a_choice_that_is_allowed(expression: str, allowed: bool) -> None:
    assert audit.is_allowed(expression) is allowed


@pytest.mark.parametrize(
    ("lines", "licence"),
    [([("License-Expression", "MIT"), classifier("OSI Approved :: GNU General Public License (GPL)")], "MIT"),
     ([classifier("OSI Approved :: MIT License")], "MIT"),
     ([classifier("OSI Approved :: BSD License"), classifier("OSI Approved :: GNU General Public License (GPL)")], ""),
     ([classifier("DFSG approved"), classifier("OSI Approved :: MIT License")], "MIT"),
     ([("License", "Apache 2.0")], "Apache-2.0"),
     ([("License", "UNKNOWN"), classifier("OSI Approved :: MIT License")], "MIT"),
     ([("License", "Proprietary")], "Proprietary"), ([("License", "Copyright " * 20)], ""), ([], "")],
)  # fmt: skip
def test_the_licence_of_a_package(lines: list[tuple[str, str]], licence: str) -> None:
    assert audit.licence_of(cast(Any, Package(*lines))) == licence


def test_every_installed_package_has_a_licence_that_is_allowed() -> None:
    assert audit.refused(audit.python_licences()) == []
    assert audit.refused([("strange", "GPL-3.0-only"), ("silent", "")]) == [
        "strange: GPL-3.0-only: neither allowed nor answered in scripts/audit.py",
        "silent: no licence: neither allowed nor answered in scripts/audit.py",
    ]


def test_packages_that_were_skipped_were_not_looked_at() -> None:
    skipped = {"name": "numpy", "skip_reason": "Dependency not found"}
    bad = {"name": "torch", "version": "1.0", "vulns": [{"id": "CVE-1"}]}
    assert audit.python_holes(json.dumps({"dependencies": [skipped]})) == (0, [])
    assert audit.python_holes(json.dumps({"dependencies": [skipped, bad]})) == (1, ["torch 1.0: CVE-1"])


def test_what_cannot_be_had_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.holes("no-such-audit", [], audit.python_holes) == []
    assert "nobody has looked for known holes" in capsys.readouterr().out
    assert audit.holes("true", [], audit.rust_holes) == []
    assert "its data cannot be had" in capsys.readouterr().out
