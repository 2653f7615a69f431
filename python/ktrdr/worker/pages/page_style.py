"""Style of every page: one inline style sheet, and a policy that allows nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib

from fastapi.responses import HTMLResponse

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; color: #1c2430;
       background: #fff; }
h1 { font-size: 1.3rem; } h1 small { color: #66707d; font-weight: normal; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .4rem .6rem; }
th, td { vertical-align: top; }
th { border-bottom: 2px solid #d5dae1; font-weight: 600; } td { border-bottom: 1px solid #e8ebef; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; } code { font-size: .9em; }
.text { overflow-wrap: anywhere; }
progress { width: 5rem; vertical-align: middle; } .note { color: #66707d; font-size: .9em; }
.completed { color: #14733b; } .failed { color: #b3261e; } .running { color: #0b57a4; }
.interrupted, .cancelled { color: #8a5a00; }
form { display: grid; gap: .7rem; max-width: 26rem; } input, button { font: inherit; padding: .45rem .6rem; }
[role=alert] { color: #b3261e; min-height: 1.5em; }
@media (prefers-color-scheme: dark) { body { background: #14181d; color: #dde3ea; } a { color: #8ab8f0; }
  th { border-color: #3a424c; } td { border-color: #2a3038; } .note, h1 small { color: #98a2ae; }
  .completed { color: #6ecb8f; } .failed, [role=alert] { color: #f2968f; } .running { color: #8ab8f0; }
  .interrupted, .cancelled { color: #e0b060; } }
"""


def page(body: str, *, script: str = "", refresh_s: int | None = None) -> HTMLResponse:
    """Returns a whole page; style and script are allowed by their hashes, so injected code does not run."""
    head = "" if refresh_s is None else f'<meta http-equiv="refresh" content="{refresh_s}">'
    tail = f"<script>{script}</script>" if script else ""
    text = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">{head}'
        f"<title>ktrdr</title><style>{STYLE}</style></head><body>{body}{tail}</body></html>"
    )
    scripts = _hash(script) if script else "'none'"
    policy = (
        f"default-src 'none'; style-src {_hash(STYLE)}; script-src {scripts}; connect-src 'self'; "
        "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    )
    return HTMLResponse(text, headers={"content-security-policy": policy})


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
