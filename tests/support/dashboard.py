"""The dashboard as a person uses it: forms filled in, buttons pressed, runs started."""

from __future__ import annotations

import json
import os
from pathlib import Path

import yaml

from support.process.browser import Page
from support.process.processes import strategy

RUN_S = 400
"""Longest wait for a run: its process first imports torch."""
STATUS = "document.querySelector('[data-status]')?.dataset.status"


def show(page: Page, name: str) -> None:
    """Keeps the picture where somebody wants to look at it."""
    if folder := os.environ.get("KTRDR_PICTURES"):
        (Path(folder) / f"{name}.png").write_bytes(page.picture())


def fill(page: Page, **fields: str) -> None:
    """Types into the form of a page."""
    for name, text in fields.items():
        page.run(f"document.querySelector('main form [name={name}]').value = {json.dumps(text)}")


def click(page: Page, words: str) -> None:
    """Presses the button or follows the link with these words."""
    found = (
        f"[...document.querySelectorAll('main button, main a, dialog button')].find(e => e.textContent === '{words}')"
    )
    page.wait(f"{found} !== undefined && !{found}.disabled")
    page.run(f"{found}.click()")


def started(page: Page, url: str, kind: str, **fields: str) -> str:
    """Starts a backtest from the form; returns its id, from the address that follows."""
    page.open(f"{url}/dashboard/start/backtest")
    text = yaml.safe_dump(strategy(kind), sort_keys=False)
    fill(page, strategy_yaml=text, symbol="EURUSD", timeframe="1h", start_date="2024-01-20", end_date="2026-12-31")
    fill(page, **fields)
    click(page, "Start backtest")
    page.wait(f"location.pathname.startsWith('/dashboard/operations/') && {STATUS} !== undefined")
    return str(page.run("location.pathname.split('/').pop()"))
