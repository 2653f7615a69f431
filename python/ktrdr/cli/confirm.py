"""The question before a deletion, for a person at a terminal."""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import Parameter

from ktrdr.errors import Cancelled

Yes = Annotated[bool, Parameter(name="--yes", negative="", show_default=False, help="Do not ask on a terminal.")]
"""The flag of a deletion that asks nothing."""


def asks(*, yes: bool) -> bool:
    """Returns True where somebody can answer: both the keyboard and the error stream are a terminal's.

    A script has nobody to ask. Its command line names what to delete, and that is the answer.
    """
    return not yes and sys.stdin.isatty() and sys.stderr.isatty()


def confirm(question: str) -> None:
    """Asks a person on the error stream; raises ``Cancelled`` unless the answer is yes.

    The result of the command keeps the output stream to itself, so ``--json`` can ask too.
    """
    from rich.console import Console
    from rich.prompt import Confirm
    from rich.text import Text

    try:
        agreed = Confirm.ask(Text(question), console=Console(stderr=True, highlight=False), default=False)
    except EOFError:
        agreed = False
    if not agreed:
        raise Cancelled("nothing was deleted", found="no", expected="yes", hint="--yes deletes without a question")
