"""``ktrdr completion``: prints the script with which a shell completes commands and flags."""

from __future__ import annotations

from typing import Literal

from ktrdr.cli.output import CommandResult


def completion(shell: Literal["bash", "zsh", "fish"], /) -> CommandResult:
    """Print the completion script of a shell.

    Parameters
    ----------
    shell
        The shell that reads it.
    """
    from ktrdr.cli.app import build

    script = build().generate_completion(prog_name="ktrdr", shell=shell)
    # Where the script has nothing to offer, as for a strategy or a file of bars, bash offers file names.
    script = script.replace("complete -F ", "complete -o default -F ")
    return CommandResult({"shell": shell, "script": script}, [script.rstrip("\n")])
