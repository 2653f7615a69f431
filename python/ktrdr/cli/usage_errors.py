"""Errors of the argument parser as ktrdr errors: one line, with the nearest name."""

from __future__ import annotations

from cyclopts import CoercionError, CycloptsError, UnknownCommandError, UnknownOptionError, UnusedCliTokensError

from ktrdr.errors import ArgumentInvalid, UsageError
from ktrdr.text import nearest

_EVERYWHERE = ("--json", "--verbose", "--help")


def as_usage_error(error: CycloptsError) -> UsageError:
    """Returns ``argument_invalid`` for a value of the wrong type, else ``usage``."""
    error.verbose = False
    if isinstance(error, UnknownOptionError):
        return _unknown_flag(error)
    if isinstance(error, UnknownCommandError):
        return _unknown_command(error)
    if isinstance(error, UnusedCliTokensError):
        return _too_many(error)
    sentence = " ".join(str(error).split()).rstrip(".")
    kind = ArgumentInvalid if isinstance(error, CoercionError) else UsageError
    return kind(sentence or type(error).__name__)


def _too_many(error: UnusedCliTokensError) -> UsageError:
    command = " ".join(("ktrdr", *(error.command_chain or ())))
    found = " ".join(error.unused_tokens or [])
    return UsageError("more than the command takes", found=found, hint=f"`{command} --help` lists what it takes")


def _unknown_flag(error: UnknownOptionError) -> UsageError:
    known = [name for argument in error.argument_collection for name in argument.names if name.startswith("--")]
    written = error.token.keyword or error.token.value
    flag = written.partition("=")[0]
    if flag in _EVERYWHERE:
        return UsageError("the flag takes no value", found=written)
    return UsageError("unknown flag", found=flag, hint=_nearest(flag, [*known, *_EVERYWHERE]))


def _unknown_command(error: UnknownCommandError) -> UsageError:
    word = (error.unused_tokens or [""])[0]
    if word.startswith("-"):
        return UsageError("unknown flag", found=word, hint=_nearest(word, [*_EVERYWHERE, "--version"]))
    known = [name for name in (error.app or ()) if not name.startswith("-")]
    return UsageError("unknown command", found=word, hint=_nearest(word, known))


def _nearest(word: str, known: list[str]) -> str:
    # The start of a longer name is closer in meaning than a name of similar letters: --start is --start-date.
    if longer := sorted((name for name in known if name.startswith(word)), key=len):
        return f"did you mean {longer[0]}?"
    return nearest(word, known) or f"known: {', '.join(sorted(known))}"
