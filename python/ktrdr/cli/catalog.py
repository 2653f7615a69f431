"""The commands of ``ktrdr``: each a "module:function" string and one line of help, imported when it is called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """A command: its function and its line of help.

    Args:
        target: "module:function".
        summary: the line that the list of commands shows.
        details: paragraphs that follow it on the command's own page.
    """

    target: str
    summary: str
    details: str = ""

    @property
    def help(self) -> str:
        """Returns the text of the command's own page."""
        return f"{self.summary}\n\n{self.details}" if self.details else self.summary


@dataclass(frozen=True)
class Group:
    """A noun with commands below it.

    Args:
        summary: the line that the list of commands shows.
        commands: by name.
        default: the command that the bare noun means; None shows the help.
    """

    summary: str
    commands: Mapping[str, Command]
    default: str | None = None


_DATA = Group(
    "Import, list, check, resample and delete bars; show the kept features.",
    {
        "import": Command("ktrdr.cli.commands.data.imports:import_bars", "Import bars from CSV, Parquet or Feather."),
        "list": Command("ktrdr.cli.commands.data.series:list_series_command", "List the stored series."),
        "check": Command("ktrdr.cli.commands.data.series:check", "Audit stored series."),
        "sample": Command("ktrdr.cli.commands.data.series:sample", "Write a seeded synthetic EURUSD."),
        "resample": Command("ktrdr.cli.commands.data.series:resample", "Make a longer timeframe from a stored series."),
        "delete": Command("ktrdr.cli.commands.data.series:delete", "Delete a stored series."),
        "cache": Command(
            "ktrdr.cli.commands.data.cache:cache", "Show or clear the features kept of earlier backtests."
        ),
    },
)
_STRATEGIES = Group(
    "List the available strategies, or copy one to edit it.",
    {
        "list": Command(
            "ktrdr.cli.commands.strategies:list_all", "List the strategies a name finds (also without list)."
        ),
        "copy": Command("ktrdr.cli.commands.strategies:copy", "Copy a built-in strategy to ./strategies."),
    },
    default="list",
)
_MODELS = Group(
    "List, show and delete the trained models.",
    {
        "list": Command("ktrdr.cli.commands.models:list_models", "List the trained models (also without list)."),
        "show": Command("ktrdr.cli.commands.models:show", "Show one model: net, training, metrics, warnings."),
        "report": Command(
            "ktrdr.cli.commands.models:report", "Write one model as an HTML file: losses, splits, labels."
        ),
        "delete": Command("ktrdr.cli.commands.models:delete", "Delete a model that no unfinished run needs."),
    },
    default="list",
)
_WORKERS = Group(
    "List the registered workers.",
    {"list": Command("ktrdr.cli.commands.workers:list_workers", "List the registered workers (also without list).")},
    default="list",
)
_BACKTEST = Group(
    "Run backtests.",
    {
        "run": Command("ktrdr.cli.commands.backtest:run", "Backtest a strategy over stored bars, or resume a run."),
        "show": Command("ktrdr.cli.commands.backtest:show", "Print a finished run in full, and write it out."),
        "report": Command("ktrdr.cli.commands.backtest:report", "Write a finished run as one HTML file."),
        "explain": Command("ktrdr.cli.commands.backtest:explain", "Say why each trade was entered and left."),
        "compare": Command("ktrdr.cli.commands.backtest:compare", "Print finished runs side by side."),
    },
)
_VERIFY = Group(
    "Prove that features know no future, and that a stored result is what it was.",
    {
        "look-ahead": Command(
            "ktrdr.cli.commands.studies.verify:look_ahead", "Name each feature that knows the future."
        ),
        "result": Command("ktrdr.cli.commands.studies.verify:result", "Derive a stored result again from its ledger."),
    },
)
_PAPER = Group(
    "Trade a strategy on paper, bar by bar as they close.",
    {
        "run": Command(
            "ktrdr.cli.commands.live.paper:run",
            "Trade a strategy on the bars of a feed, without money.",
            "A feed is a file that another program appends to (CSV with a head, or JSON lines), ws://... with JSON "
            "bars, or NAME for feeds/NAME in the data folder.\n\n"
            "The run lasts until --end-date, until the feed says that it ends, or until `ktrdr paper stop`. Ctrl-C "
            "saves it; it continues from its last bar. Stored bars before the first bar of the feed are its history.",
        ),
        "status": Command("ktrdr.cli.commands.live.paper:status", "Print what a paper run does, and its log."),
        "kill": Command("ktrdr.cli.commands.live.paper:kill", "Stop trading at once, also while the feed is silent."),
        "stop": Command("ktrdr.cli.commands.live.paper:stop", "End a run with its result."),
    },
)
_OPERATIONS = Group(
    "List and manage runs: show, cancel, resume, fork, delete.",
    {
        "list": Command("ktrdr.cli.commands.operations:list_operations", "List operations, newest first."),
        "show": Command("ktrdr.cli.commands.operations:show", "Show one operation."),
        "report": Command("ktrdr.cli.commands.operations:report", "Write a training or a study as one HTML file."),
        "note": Command("ktrdr.cli.commands.operations:note", "Replace the note of an operation."),
        "follow": Command("ktrdr.cli.commands.operations:follow", "Print progress until the operation ends or stops."),
        "cancel": Command("ktrdr.cli.commands.operations:cancel", "Stop an operation; it can be resumed."),
        "resume": Command("ktrdr.cli.commands.operations:resume", "Resume an operation in the foreground."),
        "restart": Command("ktrdr.cli.commands.operations:restart", "Run an operation again from its first bar."),
        "fork": Command(
            "ktrdr.cli.commands.operations:fork", "Start a new operation from a checkpoint, with other rules."
        ),
        "delete": Command("ktrdr.cli.commands.operations:delete", "Delete an operation with its ledger and result."),
    },
)
_CHECKPOINT = Group(
    "Inspect snapshots.",
    {"inspect": Command("ktrdr.cli.commands.checkpoint:inspect", "Print a snapshot as JSON.")},
)
_COMPLETION = Command(
    "ktrdr.cli.completion:completion",
    "Print the script that completes commands in bash, zsh or fish.",
    "bash: ktrdr completion bash > ~/.local/share/bash-completion/completions/ktrdr\n\n"
    "zsh: ktrdr completion zsh > ~/.zfunc/_cyclopts_ktrdr, with fpath+=~/.zfunc before compinit in ~/.zshrc\n\n"
    "fish: ktrdr completion fish > ~/.config/fish/completions/ktrdr.fish\n\n"
    "Make the folder first where there is none. A new shell reads the file.",
)

COMMANDS: Mapping[str, Command | Group] = {
    "demo": Command("ktrdr.cli.commands.demo:demo", "Run the whole pipeline once on sample data."),
    "validate": Command("ktrdr.cli.commands.validate:validate", "Check a strategy file and print what it needs."),
    "strategies": _STRATEGIES,
    "indicators": Command(
        "ktrdr.cli.commands.reference.indicators:indicators", "Print the indicators a strategy may use, or one of them."
    ),
    "rules": Command("ktrdr.cli.commands.reference.files:rules", "Print the rules, their ranges and their defaults."),
    "schema": Command(
        "ktrdr.cli.commands.reference.files:schema", "Print the JSON Schema of a strategy file, or of --json."
    ),
    "models": _MODELS,
    "data": _DATA,
    "train": Command("ktrdr.cli.commands.train:train", "Train a strategy's net into a model bundle."),
    "backtest": _BACKTEST,
    "research": Command(
        "ktrdr.cli.commands.studies.research:research",
        "Design, train, backtest and judge a strategy from a brief.",
        "The cycle runs here until its end; Ctrl-C saves it. With --worker it is queued there, and -f follows it.\n\n"
        "The strategy is written to strategies/ in the data folder, where its name is found.\n\n"
        "--json prints operation_id, status, result_hash, verdict (overfit, strong_signal, weak_signal, no_signal), "
        "reason, stages (operations by name), gates (name, passed, reason, figures), spans, strategy, strategy_file, "
        "model, usage, assessment (figures, strengths, weaknesses, suggestions, hypotheses), metrics of the backtest "
        "and warnings.",
    ),
    "walk-forward": Command(
        "ktrdr.cli.commands.studies.walk_forward:walk_forward",
        "Train again on each of several spans; trade the bars after it.",
    ),
    "sweep": Command(
        "ktrdr.cli.commands.studies.sweep:sweep",
        "Backtest a strategy under many rules, and judge the best of them.",
        "A grid is --grid RULE=a,b,c, or --grid RULE=first:last:step for numbers, and may be given many times; every "
        "combination is a scenario. Any rule of execution and decisions can be swept. With --trials a sampler is asked "
        "so many times for one of them; one that it gives again is neither run nor counted again.\n\n"
        "The scenarios run here on all cores, with --worker there. Ctrl-C saves; a kill loses no more than the last "
        "few of them.\n\n"
        "--json prints operation_id, status, result_hash, scenarios, failed, best (scenario, parameters, metrics, dsr, "
        "pbo) and warnings. --out FILE.parquet or FILE.csv writes a row for each scenario.",
    ),
    "paper": _PAPER,
    "verify": _VERIFY,
    "operations": _OPERATIONS,
    "checkpoint": _CHECKPOINT,
    "workers": _WORKERS,
    "worker": Command("ktrdr.cli.commands.worker:worker", "Serve operations over HTTP and run them."),
    "doctor": Command("ktrdr.cli.commands.doctor:doctor", "Print versions, machine, data folder, and what is missing."),
    "completion": _COMPLETION,
}
