"""Runs a study chunk by chunk: what its sampler asks for is run once; a resumed one asks again for the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ktrdr._processor import usable_cores
from ktrdr.analysis.sweep.chunks import Chunk, ChunkWork, Market
from ktrdr.analysis.sweep.scenarios import Compiled, Grid, Scenarios, Value
from ktrdr.analysis.sweep.study.parameters import BATCH, Study
from ktrdr.analysis.sweep.study.sampler import Cell, CellSampler
from ktrdr.analysis.sweep.study.space import Space
from ktrdr.arguments import check_threads
from ktrdr.control import CancellationToken, ProgressBridge
from ktrdr.errors import ArgumentInvalid, Cancelled, SnapshotInconsistent
from ktrdr.operations.units.cluster import units_at
from ktrdr.operations.units.local import HERE, Units


def tried_of(
    grid: Grid | None, scenarios: Sequence[Mapping[str, Value]] | None, study: Study | None
) -> Scenarios | Space:
    """Returns the scenarios of a sweep, or the space of a study; raises ``ArgumentInvalid``."""
    if study is None:
        return Scenarios.of(grid, scenarios)
    if scenarios is not None:
        raise ArgumentInvalid("a study picks from a grid", where="scenarios", hint="leave out the list, or the study")
    return Space.of(grid)


def units_for(ray: str | None, study: Study | None) -> Units:
    """Returns the Ray cluster of an address, or this process for None; raises ``ArgumentInvalid`` for a study."""
    if ray is not None and study is not None:
        raise ArgumentInvalid("a study asks in turns, so it runs here", where="ray", found=ray, hint="leave it out")
    return units_at(ray)


def chunks_of(
    market: Market,
    tried: Scenarios | Space,
    compiled: Compiled,
    study: Study | None,
    threads: int | None,
    bridge: ProgressBridge,
    token: CancellationToken,
    before: Sequence[Chunk] = (),
    *,
    units: Units = HERE,
) -> Iterator[Chunk]:
    """Yields the scenarios of a sweep or a study that are not among those ``before``, chunk by chunk, in any order.

    A study asks by the results of all chunks before, so its chunks follow one another in this process.

    Raises ``Cancelled`` between two chunks, and ``SnapshotInconsistent`` where a sampler asks for others than before.
    """
    threads = None if threads is None else check_threads(threads)
    if isinstance(tried, Scenarios):
        workers = units.unit_threads(usable_cores()) if threads is None else threads
        work = ChunkWork(market, tried, compiled, market.spans(len(tried), before), workers)
        yield from _run(work, units, bridge, token)
    else:
        assert study is not None
        yield from _Asked(market, tried, compiled, study, threads or usable_cores()).chunks(bridge, token, list(before))


def _run(work: ChunkWork, units: Units, bridge: ProgressBridge, token: CancellationToken) -> Iterator[Chunk]:
    total = len(work.scenarios)
    done = total - sum(map(len, work.spans.values()))
    bridge.report("sweep", done, total, {})
    for _, chunk in units.run(work, work.spans, token):
        yield chunk
        done += chunk.table.height
        bridge.report("sweep", done, total, {})
    if done < total:
        raise Cancelled("the sweep was cancelled", found=f"scenario {done:,} of {total:,}")


class _Asked:
    """The scenarios that a sampler asks for, and what they gave."""

    def __init__(self, market: Market, space: Space, compiled: Compiled, study: Study, workers: int) -> None:
        self._market = market
        self._space = space
        self._compiled = compiled
        self._study = study
        self._workers = workers
        self._found: dict[Cell, float | None] = {}

    def chunks(self, bridge: ProgressBridge, token: CancellationToken, before: list[Chunk]) -> Iterator[Chunk]:
        """Yields a chunk for each batch with new cells.

        A resumed study asks from its beginning, and its sampler hears what ``before`` holds: so it comes to the state
        that it had, and nothing of that is run.
        """
        total = self._study.trials
        sampler = CellSampler(self._study, self._space.values)
        bridge.report("sweep", 0, total, {})
        for start in range(0, total, BATCH):
            if token.is_cancelled():
                raise Cancelled("the sweep was cancelled", found=f"trial {start:,} of {total:,}")
            asked = sampler.ask(min(BATCH, total - start))
            new = [cell for cell in dict.fromkeys(asked) if cell not in self._found]
            if new and before:
                self._take(new, self._checked(new, before.pop(0)))
            elif new:
                chunk = self._run(new)
                self._take(new, chunk)
                yield chunk
            sampler.tell([self._found[cell] for cell in asked])
            bridge.report("sweep", min(start + BATCH, total), total, {})

    def _run(self, cells: Sequence[Cell]) -> Chunk:
        compiled = replace(self._compiled, choices=self._space.choices(cells))
        return self._market.run(self._space.scenarios(cells), compiled, len(self._found), self._workers)

    def _checked(self, cells: Sequence[Cell], stored: Chunk) -> Chunk:
        expected = self._space.scenarios(cells).frame(0, len(cells))
        if not stored.table.select(expected.columns).equals(expected):
            place = f"scenario {stored.first}"
            raise SnapshotInconsistent("the sampler asks for other trials than before", where=place)
        return stored

    def _take(self, cells: Sequence[Cell], chunk: Chunk) -> None:
        self._found.update(zip(cells, chunk.table[self._study.metric].to_list(), strict=True))
