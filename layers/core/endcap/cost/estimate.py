"""What a storefront's stack costs in a month: arithmetic over public prices, and nothing that was billed.

Every line is a quantity times a price. Quantities come from the storefront's numbers, from the template (memory,
processor, alarms, tracing) and from `Assumptions`, each of which says what it rests on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from endcap.cost.month import MONTH_S, Assumptions, Deployment, Usage
from endcap.cost.prices import PRICES, Price
from endcap.cost.quantities import GB, quantities


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the bill."""

    service: str
    what: str
    quantity: float
    unit: str
    usd: float
    price: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """A month's bill."""

    lines: tuple[Line, ...] = field(default_factory=tuple)

    @property
    def usd(self) -> float:
        """Together."""
        return math.fsum(line.usd for line in self.lines)

    def by_service(self) -> dict[str, float]:
        """US dollars by service, in the order of the lines."""
        services: dict[str, list[float]] = {}
        for line in self.lines:
            services.setdefault(line.service, []).append(line.usd)
        return {service: math.fsum(parts) for service, parts in services.items()}


def estimate(
    usage: Usage,
    deployment: Deployment,
    assumed: Assumptions | None = None,
    prices: Mapping[str, Price] = PRICES,
    free_tier: bool = False,
) -> Estimate:
    """What a month costs."""
    lines = []
    for service, what, quantity, name in quantities(usage, deployment, assumed or Assumptions()):
        price = prices[name]
        lines.append(Line(service, what, quantity, price.unit, price.cost(quantity, free_tier), name))
    return Estimate(tuple(lines))


def personalize_estimate(
    usage: Usage, assumed: Assumptions | None = None, prices: Mapping[str, Price] = PRICES
) -> Estimate:
    """The same month on Amazon Personalize with one campaign of User-Personalization-v2.

    A campaign is billed for one request a second at least, for as long as it is there; trainings read everything that
    has happened so far: https://aws.amazon.com/personalize/pricing/
    """
    assumed = assumed or Assumptions()
    trainings = min(usage.rebuilds, assumed.trainings)
    raw_bytes = 500 * usage.events + assumed.item_bytes * usage.item_changes
    taken = (
        ("Recommendations, one a second at least", float(max(usage.requests, MONTH_S)), "personalize_requests"),
        ("Training", trainings * usage.events * assumed.months, "personalize_training"),
        ("Ingestion", raw_bytes / GB, "personalize_ingestion"),
    )
    return Estimate(
        tuple(
            Line("Personalize", what, quantity, prices[name].unit, prices[name].cost(quantity), name)
            for what, quantity, name in taken
        )
    )
