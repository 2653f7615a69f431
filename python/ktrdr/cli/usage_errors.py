"""Errors about what was typed: those of the argument parser in one line, and advice in the form of ``--set``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cyclopts import CoercionError, CycloptsError, UnknownCommandError, UnknownOptionError, UnusedCliTokensError

from ktrdr.errors import ArgumentInvalid, ConfigError, KtrdrError, UsageError
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


def as_typed(error: KtrdrError) -> KtrdrError:
    """Returns an error with its advice as ``RULE=VALUE`` where rules were typed so, by ``--set`` or ``--grid``.

    >>> as_typed(ConfigError("wrong type", where="request", path="execution.margin", hint="write margin: {x: 2}")).hint
    'write execution.margin.x=2'
    """
    if not isinstance(error, ConfigError):
        return error
    if error.faults:
        error = error.but(faults=[as_typed(fault) for fault in error.faults])
    head, _, advice = error.hint.partition(": ")
    if error.where != "request" or error.path is None or head != f"write {error.path.rpartition('.')[2]}":
        return error
    return error.but(hint="write " + ", or ".join(_setting(error.path, one) for one in advice.split(", or ")))


def _setting(rule: str, advice: str) -> str:
    """Returns a value of a rule, or the keys of a mapping, as settings; a remark as it is."""
    from ktrdr.config.yaml import read_yaml

    value = read_yaml(f"value: {advice}").data["value"]
    if isinstance(value, Mapping):
        return " and ".join(_settings(rule, value))
    return advice if isinstance(value, str) else f"{rule}={advice}"


def _settings(rule: str, value: Mapping[str, Any]) -> Iterator[str]:
    for key, inner in value.items():
        if isinstance(inner, Mapping):
            yield from _settings(f"{rule}.{key}", inner)
        else:
            yield f"{rule}.{key}={inner}"


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
