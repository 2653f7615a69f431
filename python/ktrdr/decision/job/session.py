"""A paper run in its process: the feed's lines through the gate to the orchestrator, and the saves between them."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ktrdr.backtesting.identity import Parts
from ktrdr.backtesting.results import BacktestResults
from ktrdr.data.bars import BarSeries
from ktrdr.decision.base import Event, Step
from ktrdr.decision.broker import PaperBroker
from ktrdr.decision.engine import DecisionEngine, LiveRun
from ktrdr.decision.feeds.base import Feed
from ktrdr.decision.feeds.clock import FeedClock
from ktrdr.decision.feeds.gate import BarGate
from ktrdr.decision.job.controls import Controls
from ktrdr.decision.job.events import events_frame
from ktrdr.decision.job.request import PaperRequest
from ktrdr.decision.job.snapshot import PaperState
from ktrdr.decision.job.tables import bars_frame, held_frame, longer_frame, new_rows
from ktrdr.decision.orchestrator import DecisionOrchestrator
from ktrdr.decision.risk import DAILY_LOSS, DayState
from ktrdr.errors import Cancelled, DataError, DataTooShort
from ktrdr.neural.runtime import run_state
from ktrdr.operations.models import Segment
from ktrdr.operations.running.io import RunIO
from ktrdr.operations.running.recorder import Recorder
from ktrdr.time import iso

_WAIT_S = 0.05
_REPORT_EVERY_S = 0.25

log = logging.getLogger("ktrdr.paper")


class PaperSession:
    """One paper run in its process.

    Args:
        request: the run as it was submitted.
        engine: its strategy on its symbol, as far as it had come.
        feed: its bars.
        controls: its files.
        parts: named hashes of the inputs that are known before the first bar.
        state: where the run was stopped; None for a new one.
    """

    def __init__(
        self,
        request: PaperRequest,
        engine: DecisionEngine,
        feed: Feed,
        controls: Controls,
        parts: Parts,
        state: PaperState | None,
    ) -> None:
        self.engine = engine
        self._request = request
        self._feed = feed
        self._controls = controls
        self._parts = {name: value.hex() for name, value in parts}
        self._rows: dict[str, int] = dict(state.rows) if state is not None else {}
        self._amended: dict[str, tuple[int, float | None, bool]] = dict(state.amended) if state is not None else {}
        self._events: list[Event] = []
        self._reported_at_s = 0.0
        self._dirty = state is None
        self.broker = PaperBroker(controls.journal)
        self.orchestrator = DecisionOrchestrator(
            {engine.symbol: engine},
            self.broker,
            market=self.broker.execute,
            limits=request.limits,
            switch=controls.switch,
            log=self.note,
            day=DayState(**state.day) if state is not None and state.day else None,
            killed=None if state is None else state.killed,
        )
        if state is not None:
            self.orchestrator.overrides = state.overrides
            self._amend()  # the broker may have shown what the run had not saved
        self.gate = BarGate(engine.symbol, engine.config.timeframe, engine.reached_ns, self.note)
        self.clock = FeedClock(engine.symbol, engine.config.timeframe, self.note)
        self.version = 0

    def note(self, event: Event) -> None:
        """Keeps a line of the log, which the next save stores."""
        self._events.append(event)
        self._dirty = True
        log.info("%s %s: %s", event.symbol, event.kind, event.text)

    def run(self, recorder: Recorder, io: RunIO) -> BacktestResults:
        """Takes bars until the run ends, and returns its result; raises ``Cancelled`` where it is stopped before."""
        # The switches stay set between two bars: setting them at each would double what a small net takes.
        with run_state(self.engine.config.threads):
            self._feed.start(self.engine.last_ns)
            try:
                while not self._ends(recorder, io):
                    pass
                self._require_decisions()
            except DataError:
                self._save(recorder)  # the log says what the feed has brought
                raise
            finally:
                self._feed.close()
            return self.engine.finish()

    def _ends(self, recorder: Recorder, io: RunIO) -> bool:
        """Takes what the feed has now; returns True once the run has its last bar."""
        lines = self._feed.take(_WAIT_S)
        for line in lines:
            if io.token.is_cancelled():
                break
            if line.ends:
                return self._has_traded("the feed has ended", recorder)
            for bar in self.gate.admit(line):
                if self._is_beyond(bar):
                    return self._has_traded("the run's end", recorder)
                self._poll(recorder)  # a feed that catches up brings thousands of bars at once
                self._take(bar, recorder)
                if self._is_last(bar):
                    return self._has_traded("the run's end", recorder)
        self._poll(recorder)
        self.clock.look(self.gate.last_ns)
        if io.token.is_cancelled():
            self._save(recorder, stops=True)
            raise Cancelled("the run was stopped", found=f"bar {self._bar}")
        if not lines:
            self._save(recorder)
        self._report(recorder)
        return self._controls.stop.reason() is not None and self._has_traded("stop was asked for", recorder)

    def _require_decisions(self) -> None:
        """Raises ``DataTooShort`` for a run that ends before its first decision."""
        if self.engine.live is None:
            counts = self.gate.counts
            raise DataTooShort(
                "the run has ended before its first decision",
                symbol=self.engine.symbol,
                found=f"{counts['bars']} bars, {counts['refused']} lines refused",
                expected="bars for the warm-up, stored before the feed's first one or brought by it",
                hint="`ktrdr paper status` shows the log",
            )

    def _has_traded(self, why: str, recorder: Recorder) -> bool:
        self.note(Event(self.engine.last_ns or 0, self.engine.symbol, "end", why))
        recorder.progress.report("paper", self._bar, None, self.figures())
        return True

    def _take(self, bar: BarSeries, recorder: Recorder) -> None:
        self.version += 1
        waited = self.engine.live is None
        step = self.orchestrator.on_bar(self.engine.symbol, bar)
        self._dirty = True
        if waited and self.engine.live is not None:
            self._started(self.engine.live, recorder)
        self._feed.taken(int(bar.timestamp[0]))
        self.clock.took(int(bar.timestamp[0]))
        if step is not None and step.order is not None:
            self._said(step)
        recorder.progress.reached(int(bar.timestamp[0]))
        recorder.reach(PaperSavePoint(self, self.version, self._bar))
        self._report(recorder)

    def _started(self, live: LiveRun, recorder: Recorder) -> None:
        recorder.record_start(model_id=live.bundle.id)
        short = live.net.block_rows < live.bundle.model.block_rows
        why = "a short block has the bits of the padded one" if short else "a short block has other bits here"
        log.info("%s: each bar is scored in a block of %d rows: %s", live.bundle.id, live.net.block_rows, why)

    def _said(self, step: Step) -> None:
        order = step.order
        assert order is not None
        side = "buy" if order.side > 0 else "sell"
        log.info("%s %s %s, %s, confidence %.3f", order.id, side, order.symbol, order.reason, step.raw.confidence)

    def _poll(self, recorder: Recorder) -> None:
        """Asks the kill switch; what it has done is saved and shown at once, whatever the feed does."""
        before = self.orchestrator.killed
        self.orchestrator.poll()
        if before is None and self.orchestrator.killed is not None:
            self.version += 1
            self._amend()
            recorder.progress.report("paper", self._bar, None, self.figures())
            self._save(recorder, stops=True)

    def _amend(self) -> None:
        live = self.engine.live
        if live is None:
            return
        row = len(live.account) - 1
        signal, confidence, forced = live.account.last_action()
        self._amended[str(row)] = (signal, None if math.isnan(confidence) else confidence, forced)

    @property
    def _bar(self) -> int:
        fed = self.engine.waiting
        return self.engine.row or (0 if fed is None else len(fed))

    def _is_beyond(self, bar: BarSeries) -> bool:
        end_ns = self._request.end_ns
        return end_ns is not None and int(bar.timestamp[0]) >= end_ns

    def _is_last(self, bar: BarSeries) -> bool:
        end_ns = self._request.end_ns
        return end_ns is not None and int(bar.close_ns[0]) >= end_ns

    def _save(self, recorder: Recorder, *, stops: bool = False) -> None:
        """Saves what is not saved yet: the feed has nothing more just now, or the run stops."""
        if self._dirty or stops:
            recorder.reach(PaperSavePoint(self, self.version, self._bar), stops=True)

    def _report(self, recorder: Recorder) -> None:
        now_s = time.monotonic()
        if now_s - self._reported_at_s >= _REPORT_EVERY_S:
            self._reported_at_s = now_s
            recorder.progress.report("paper", self._bar, None, self.figures())

    def figures(self) -> dict[str, Any]:
        """Returns what a status shows beside the bar."""
        engine = self.engine
        live = self.engine.live
        orchestrator = self.orchestrator
        working = engine.working
        return {
            "equity": engine.equity,
            "trades": 0 if live is None else live.account.stream.trade_count,
            "position": engine.quantity,
            "working": None if working is None else working.id,
            "feed": self._feed.state,
            "next_bar": self._next_bar(),
            "clock": self.clock.state(self.gate.last_ns),
            **self.gate.counts,
            "overrides": orchestrator.overrides,
            "stopped": orchestrator.killed or (DAILY_LOSS if orchestrator.day.stopped else None),
            "warm_up": live is None,
            "block_rows": None if live is None else live.net.block_rows,
        }

    def _next_bar(self) -> str | None:
        last_ns = self.gate.last_ns
        return None if last_ns is None else iso(last_ns + self.engine.config.timeframe.ns)

    def state(self, rows: Mapping[str, int]) -> PaperState:
        """Returns the state between two bars, with these rows of each table."""
        live = self.engine.live
        orchestrator = self.orchestrator
        loaded = None if live is None else live.loaded
        day = orchestrator.day
        return PaperState(
            bar=self._bar,
            parts=self._parts,
            rows=dict(rows),
            lead_rows=0 if loaded is None else loaded.lead_rows,
            start_row=None if loaded is None else loaded.start_row,
            first_simulated=None if loaded is None else loaded.first_simulated,
            equity=self.engine.equity,
            amended=dict(self._amended),
            day={} if day.day is None else {"day": day.day, "equity": day.equity, "stopped": day.stopped},
            killed=orchestrator.killed,
            overrides=orchestrator.overrides,
            synthetic=live is not None and live.loaded.recent.provenance.synthetic,
        )

    def unsaved(self) -> tuple[PaperState, list[Segment]]:
        """Returns the state, and the rows since the last call; the broker's journal is on the disk before them."""
        self.broker.sync()
        rows = dict(self._rows)
        segments: list[Segment] = []
        live = self.engine.live
        tables = {"events": events_frame(self._events)}
        if live is None:
            fed = self.engine.waiting
            done = rows.get("waiting", 0)
            if fed is not None and len(fed) > done:
                tables["waiting"] = bars_frame(fed.rows(done, len(fed)))
        else:
            tables["held"] = held_frame(self.engine.held(), rows.get("held", 0))
            if not rows.get("held"):
                tables["longer"] = longer_frame(live.loaded)
        for name, frame in tables.items():
            first = rows.get(name, 0)
            segments += new_rows(name, first, frame)
            rows[name] = first + frame.height
        self._rows = rows
        self._events.clear()
        self._dirty = False
        return self.state(rows), segments


@dataclass(eq=False)
class PaperSavePoint:
    """A paper run between two bars, as the recorder saves it."""

    session: PaperSession
    version: int
    bar: int
    is_last: bool = False
    _taken: tuple[PaperState, list[Segment]] | None = None

    @property
    def is_current(self) -> bool:
        """Returns False once the run has moved past this point."""
        return self.session.version == self.version

    def _unsaved(self) -> tuple[PaperState, list[Segment]]:
        if self._taken is None:
            self._taken = self.session.unsaved()
        return self._taken

    def snapshot(self) -> bytes:
        """Returns the state as bytes."""
        return self._unsaved()[0].seal()

    def identity(self) -> bytes:
        """Returns one hash over the inputs that are known before the first bar."""
        return self._unsaved()[0].identity

    def segments(self) -> list[Segment]:
        """Returns the rows since the last save."""
        return self._unsaved()[1]

    def trial(self) -> None:
        """Returns None: trading on live bars chooses nothing."""
