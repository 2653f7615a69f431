"""A request keeps the strategy's text, survives JSON, and notices when its name means something else."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from ktrdr.backtesting.inputs.request import BacktestRequest
from ktrdr.errors import ArgumentInvalid, ConfigError, ConfigNotFound, IdentityMismatch
from ktrdr.strategy.submitted import StrategyText


def submitted(folder: Path, monkeypatch: pytest.MonkeyPatch, **rest: Any) -> tuple[Path, BacktestRequest]:
    monkeypatch.chdir(folder)
    (folder / "strategies").mkdir()
    file = folder / "strategies" / "mine.yaml"
    file.write_text(StrategyText.of("v3_minimal").text.replace("name: v3_minimal", "name: mine"))
    return file, BacktestRequest.of("mine", "EURUSD", "1h", **rest)


def test_it_survives_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, request = submitted(tmp_path, monkeypatch, start="2024-01-01", execution={"commission": {"rate": 0.25}})
    again = BacktestRequest.of_spec(json.loads(json.dumps(request.to_spec())))
    assert again == request
    assert again.config(1).strategy.execution.commission.rate == 0.25


def test_the_text_stays_when_the_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, request = submitted(tmp_path, monkeypatch)
    request.check_name()
    file.write_text(file.read_text().replace("period: 14", "period: 15"))
    assert next(iter(request.config(2).strategy.indicators.values())).params["period"] == 14
    with pytest.raises(IdentityMismatch) as caught:
        request.check_name()
    error = caught.value
    assert (error.part, error.found, error.expected) == ("strategy", 15, 14)
    assert "indicators." in str(error)
    assert ".period" in str(error)
    assert "--stored" in str(error)


@pytest.mark.parametrize("now", [None, "name: [", "version: '3.0'"])
def test_a_name_that_means_nothing_any_more_has_changed(
    now: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, request = submitted(tmp_path, monkeypatch)
    file.unlink()
    if now is not None:
        file.write_text(now)
    with pytest.raises(IdentityMismatch, match="--stored") as caught:
        request.check_name()
    assert caught.value.part == "strategy"


def test_a_description_and_a_comment_decide_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, request = submitted(tmp_path, monkeypatch)
    text = file.read_text()
    described = re.sub(r"^description: .*$", "description: another", text, flags=re.MULTILINE)
    assert described != text
    file.write_text("# looked at\n" + described + "\n")
    request.check_name()
    file.write_text(described.replace("period: 14", "period: 15"))
    with pytest.raises(IdentityMismatch):
        request.check_name()


def test_an_order_that_decides_features_is_a_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, request = submitted(tmp_path, monkeypatch)
    lines = file.read_text().splitlines()
    first, second = (
        next(i for i, line in enumerate(lines) if line.strip().startswith(word)) for word in ("oversold:", "neutral:")
    )
    lines[first], lines[second] = lines[second], lines[first]
    file.write_text("\n".join(lines) + "\n")
    with pytest.raises(IdentityMismatch):
        request.check_name()


def test_a_path_a_text_or_a_mapping_has_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, request = submitted(tmp_path, monkeypatch)
    for source in (file, StrategyText(request.strategy_text), {**request.config(2).strategy.canonical()}):
        unnamed = BacktestRequest.of(source, "EURUSD", "1h")
        assert unnamed.strategy_name is None
        unnamed.check_name()


def test_what_needs_no_bars_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ArgumentInvalid):
        BacktestRequest.of("v3_minimal", "EURUSD", "4h")
    with pytest.raises(ArgumentInvalid):
        BacktestRequest.of("v3_minimal", "EURUSD", "1h", start="2024-02-30")
    with pytest.raises(ConfigError):
        BacktestRequest.of("v3_minimal", "EURUSD", "1h", execution={"comission": {"rate": 0}})
    with pytest.raises(ConfigNotFound):
        BacktestRequest.of(str(tmp_path / "x.yaml"), "EURUSD", "1h", allow_path=False)
