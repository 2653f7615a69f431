"""The completion scripts: a real bash completes with its own, and every shell's knows every command."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ktrdr.cli.catalog import COMMANDS, Group

ASKS = """
source {script}
complete -p ktrdr
for line in "ktrdr op" "ktrdr models " "ktrdr backtest run --st" "ktrdr data import --rep"; do
    read -ra COMP_WORDS <<< "$line"
    [[ $line == *" " ]] && COMP_WORDS+=("")
    COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)) COMPREPLY=()
    _ktrdr
    echo "${{COMPREPLY[@]}}"
done
"""


@pytest.fixture(scope="module")
def scripts() -> dict[str, str]:
    """Each shell's script, made once: it imports every command."""
    from ktrdr.cli.completion import completion

    return {shell: completion(shell).data["script"] for shell in ("bash", "zsh", "fish")}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_command_is_in_the_script(scripts: dict[str, str], shell: str) -> None:
    for name, entry in COMMANDS.items():
        assert name in scripts[shell]
        for verb in entry.commands if isinstance(entry, Group) else ():
            assert verb in scripts[shell], (name, verb)


def test_bash_completes(scripts: dict[str, str], tmp_path: Path) -> None:
    script = tmp_path / "ktrdr"
    script.write_text(scripts["bash"])
    run = subprocess.run(["bash", "-c", ASKS.format(script=script)], capture_output=True, text=True, check=True)
    assert run.stderr == ""
    defined, *answers = run.stdout.splitlines()
    assert defined == "complete -o default -F _ktrdr ktrdr"
    assert [set(answer.split()) for answer in answers] == [
        {"operations"},
        {"list", "show", "report", "delete"},
        {"--start-date", "--strict", "--stored"},
        {"--repair", "--replace"},
    ]


def test_the_help_says_where_to_put_it(ktrdr: Callable) -> None:
    said = ktrdr("completion --help").out
    for place in ("bash-completion/completions/ktrdr", "_cyclopts_ktrdr", "fish/completions/ktrdr.fish"):
        assert place in said
    assert ktrdr("completion tcsh").code == 2
