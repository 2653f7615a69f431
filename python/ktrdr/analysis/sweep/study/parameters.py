"""The parameters of a study: sampler, number of trials, seed, and the metric that it seeks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal, TypedDict, get_args

from ktrdr._lazy import require
from ktrdr.analysis.sweep.result import better_of
from ktrdr.arguments import check_whole
from ktrdr.errors import ArgumentInvalid

Sampler = Literal["tpe", "random"]
SAMPLERS: Final[tuple[str, ...]] = get_args(Sampler)
BATCH: Final = 16
"""Trials that are asked for together, so that every core has one; fixed, since it decides what is asked."""
MOST_TRIALS: Final = 100_000
LARGEST_SEED: Final = 2**32 - 1


class StudyOptions(TypedDict, total=False):
    """Keyword arguments that make a sweep a study; it needs ``ktrdr[study]``.

    Args:
        trials: number of times that a sampler is asked for a scenario of the grid, in place of all; one that it gives
            again is neither run nor counted again.
        sampler: ``tpe``, by default, prefers what did well; ``random`` draws each value alike.
        seed: of the sampler, by default 0; equal seeds give equal scenarios.
        metric: that the sampler seeks, by default ``sharpe``.
    """

    trials: int | None
    sampler: Sampler | None
    seed: int | None
    metric: str | None


@dataclass(frozen=True)
class Study:
    """A study of a grid.

    Args:
        trials: number of times that the sampler is asked; a scenario that it gives again is neither run nor counted
            again.
        sampler: ``tpe`` prefers what did well, ``random`` draws each value alike.
        seed: of the sampler; equal seeds give equal trials.
        metric: that the sampler seeks, in its better direction.
    """

    trials: int
    sampler: str = "tpe"
    seed: int = 0
    metric: str = "sharpe"

    @classmethod
    def of(
        cls, trials: int | None = None, sampler: str | None = None, seed: int | None = None, metric: str | None = None
    ) -> Study | None:
        """Returns the study of these parameters, None where ``trials`` is; raises ``ArgumentInvalid``.

        >>> Study.of(200, seed=7)
        Study(trials=200, sampler='tpe', seed=7, metric='sharpe')
        """
        given = {"sampler": sampler, "seed": seed, "metric": metric}
        named = {name: value for name, value in given.items() if value is not None}
        if trials is None:
            for name, value in named.items():
                raise ArgumentInvalid("is for a study", where=name, found=value, hint="give a number of trials too")
            return None
        study = cls(trials, **named)  # type: ignore[arg-type]
        trials = check_whole("trials", study.trials, 1, MOST_TRIALS)
        seed = check_whole("seed", study.seed, 0, LARGEST_SEED)
        if study.sampler not in SAMPLERS:
            raise ArgumentInvalid(
                "no such sampler", where="sampler", found=study.sampler, expected=" or ".join(SAMPLERS)
            )
        better_of(study.metric)
        return replace(study, trials=trials, seed=seed)

    def facts(self) -> dict[str, object]:
        """Returns all that decides which trials are asked for, JSON-ready; raises ``LibraryMissing``."""
        require("optuna")
        import optuna

        return {**vars(self), "batch": BATCH, "optuna": optuna.__version__}
