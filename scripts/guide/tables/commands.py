"""Reference of the command line, from the program itself."""

from __future__ import annotations

import re

from ktrdr.cli.app import build


def commands() -> str:
    """Returns every command with its arguments and flags, one heading each."""
    text: str = build().generate_docs(output_format="markdown")
    _, first, rest = text.partition("\n## ktrdr ")
    body = re.sub(r"\]\(#[a-z-]+\)", "]", first + rest)
    body = re.sub(r"\[(`[a-z-]+`)\]", r"\1", body)
    return _literal_flags(body).replace("```console", "```text")


def _literal_flags(text: str) -> str:
    """Returns the text with flags in sentences as code: typography would join their two dashes."""
    return re.sub(r"(?<![`\w-])(--[a-z][a-z-]*)(?![`\w-])", r"`\1`", text)
