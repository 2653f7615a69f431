"""Route of the metric catalogue: names, units and definitions, from the core."""

from __future__ import annotations

from fastapi import APIRouter

from ktrdr import _core
from ktrdr.simulation.metrics import names_by_kind
from ktrdr.worker.views import MetricCatalogue, MetricView

router = APIRouter(prefix="/catalog", tags=["results"])


@router.get("/metrics")
async def metrics() -> MetricCatalogue:
    """Returns every metric with unit, group, direction and definition, in the order in which they are shown."""
    return MetricCatalogue(
        kinds=list(_core.METRIC_KINDS),
        metrics=[_view(name) for names in names_by_kind().values() for name in names],
    )


def _view(name: str) -> MetricView:
    facts = _core.METRICS[name]
    return MetricView(
        name=name,
        unit=facts["unit"],
        kind=facts["kind"],
        better=facts["better"],
        definition=facts["definition"],
        whole=facts["whole"],
        headline=facts["headline"],
    )
