"""The gates of a promotion: one row each, with its name, its reason in plain words, and what it checks.

A gate looks at what the candidate's manifest states, at what probes of it gave (`endcap.probes`), and at the snapshots
before it: the current one, and the best of the last five that were promoted, so that many small losses don't pass where
one large loss would not. A first snapshot has nothing before it, and needs only items. `docs/operations.md` holds the
same table, and a test compares them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from endcap.errors import SnapshotError
from endcap.snapshot.figures import MEASURES, Figures, Measured, measures_of, share_of, validation_of

REMEMBERED: Final = 5
"""Promotions that the next one is compared with."""
LEAST_SHARE: Final = 0.5
"""Of items, groups, events, cases, ids and shares for sale: fewer than half of before is no ordinary day."""
LEAST_QUALITY: Final = 0.9
LEAST_POPULAR: Final = 0.2
"""Popular items change from week to week, though not nearly all of them at once."""
LEAST_ALIKE: Final = 0.5
"""Vectors of one text on two machines differ by some hundredths, those of two texts by about 1."""
MEASURED_FROM_EVENTS: Final = 1000
FEWEST_CASES: Final = 100
"""Below so many a rebuild measures nothing, and says so."""
LARGEST_ONE_GROUP: Final = 10
LARGEST: Final[Mapping[str, float]] = {"popularity": 100.0, "trend": 100.0, "contexts": 100.0}
"""Logarithms of demand: what is beyond is no number of purchases."""
LARGEST_IN_LIST: Final = 1000.0
"""A list is scaled so that the largest weight of a row is 1 on average."""
COPIES_KEPT: Final = 2
"""Of a snapshot, in a function's storage: the one that is served and the one that takes its place."""
SLOWEST_S: Final = 1.0
"""Processor time of a typical answer; a catalogue of 100,000 items takes some hundredths."""
CLOCK_SKEW_MS: Final = 300_000
WEIGHT_RANGE: Final = (0.0, 1000.0)
SCALE_RANGE: Final = (1e-6, 1e6)
SETTING_RANGES: Final[Mapping[str, tuple[float, float]]] = {
    "history_half_life_events": (0.1, 1000.0),
    "text_half_life_events": (0.1, 1000.0),
    "affinity_half_life_events": (0.1, 1000.0),
    "words_half_life_events": (0.1, 1000.0),
    "time_half_life_factor": (0.01, 100.0),
    "grade_strength": (0.0, 10.0),
    "history_floor": (0.0, 10.0),
    "repeat_demand": (0.0, 10.0),
    "query_share": (0.0, 1.0),
    "demand_fade_days": (0.0, 36_500.0),
    "rotation_half_life_s": (60.0, 31_536_000.0),
}
"""What `endcap.ranking.features.RankingSettings` can sensibly be; each rebuild stays far inside."""


class GateError(SnapshotError):
    """The snapshot is sound but not fit to be served, or worse than those before it; `force` overrides that."""


@dataclass(frozen=True)
class Case:
    """A candidate before the gates.

    Attributes
    ----------
    manifest, measured : of the candidate
    now_ms : the clock
    current : manifest of the current snapshot, None where there is none
    before : the last promotions, the current one first, at most `REMEMBERED`
    storage_mb : what functions have to keep snapshots in, MiB; None where that is not known
    """

    manifest: Mapping[str, Any]
    measured: Measured
    now_ms: int
    current: Mapping[str, Any] | None = None
    before: Sequence[Figures] = ()
    storage_mb: int | None = None

    @property
    def figures(self) -> Figures:
        """The candidate's own."""
        return Figures.of(self.manifest, self.measured.for_sale / max(1, self.measured.items))

    def best(self, value: Callable[[Figures], float | None]) -> float:
        """The highest of a number among the last promotions; 0 where none has it."""
        return max((found for one in self.before if (found := value(one)) is not None), default=0.0)


Problems = Iterator[str]


@dataclass(frozen=True)
class Gate:
    """One row: what is asked, why, and the problems that a candidate has with it."""

    name: str
    reason: str
    check: Callable[[Case], Problems]


def refusals(case: Case) -> dict[str, str]:
    """Name of each gate that refuses the candidate -> why, in words."""
    found = {gate.name: "; ".join(gate.check(case)) for gate in GATES}
    return {name: problems for name, problems in found.items() if problems}


def check_gates(case: Case) -> None:
    """Let a candidate pass, or not.

    Raises
    ------
    GateError : with every gate that refuses it
    """
    if found := refusals(case):
        raise GateError("; ".join(f"{name}: {problems}" for name, problems in found.items()))


def _clock(case: Case) -> Problems:
    latest = case.now_ms + CLOCK_SKEW_MS
    times = [("catalog_as_of_ms", case.manifest.get("catalog_as_of_ms"))]
    if case.manifest.get("clock_usable"):
        times.append(("training_cutoff_ms", case.manifest.get("training_cutoff_ms")))
    for name, value in times:
        if not isinstance(value, int) or not 0 <= value <= latest:
            yield f"{name} is {value}, which is not before now"
    created = case.manifest.get("created")
    if created:  # a snapshot that nobody has dated has none
        try:
            at_ms = datetime.fromisoformat(str(created)).timestamp() * 1000
        except (ValueError, OverflowError):
            yield f"created is {created!r}, which is no time"
        else:
            if at_ms > latest:
                yield f"created is {created}, which is not before now"


def _settings(case: Case) -> Problems:
    for name, (lowest, highest) in SETTING_RANGES.items():
        value = case.measured.settings.get(name)
        if value is not None and not lowest <= value <= highest:
            yield f"{name} is {value:g}, not within {lowest:g} and {highest:g}"
    for name, (weight, scale) in case.measured.terms.items():
        if not WEIGHT_RANGE[0] <= weight <= WEIGHT_RANGE[1] or not SCALE_RANGE[0] <= scale <= SCALE_RANGE[1]:
            yield f"the term {name} has weight {weight:g} and scale {scale:g}"
    if case.measured.terms and not any(weight for weight, _ in case.measured.terms.values()):
        yield "no term of the score has a weight"


def _documents(case: Case) -> Problems:
    if case.measured.unreadable_documents:
        yield f"{case.measured.unreadable_documents} documents are no items"


def _columns(case: Case) -> Problems:
    if case.measured.wrong_columns:
        yield f"{case.measured.wrong_columns} items have other attributes in the columns than in their documents"
    if case.measured.wrong_groups:
        yield f"{case.measured.wrong_groups} items are in another group than their documents say"


def _vectors(case: Case) -> Problems:
    for what, alike in (("text", case.measured.texts_alike), ("item", case.measured.items_alike)):
        if alike is not None and not alike >= LEAST_ALIKE:
            yield f"{what} vectors are not those of the items' texts"


def _encoders(case: Case) -> Problems:
    for what, apart in case.measured.told_apart.items():
        if not apart:
            yield f"different {what} all get the same vector"


def _for_sale(case: Case) -> Problems:
    measured = case.measured
    share, n = measured.for_sale / max(1, measured.items), measured.for_sale
    before = max(case.best(lambda one: one.for_sale), measured.compared.for_sale if measured.compared else 0.0)
    if not n:
        yield "nothing is for sale"
    elif share < LEAST_SHARE * before:
        yield f"{share:.1%} of the items are for sale, {before:.1%} were"


def _groups(case: Case) -> Problems:
    n_items, n_groups, before = case.measured.items, case.measured.groups, case.best(lambda one: one.groups)
    if n_groups < 2 and n_items >= LARGEST_ONE_GROUP:
        yield f"all {n_items} items are variants of one, so that a list shows a single item"
    elif n_groups < LEAST_SHARE * before:
        yield f"there are {n_groups} groups of variants, {before:.0f} were"


def _items(case: Case) -> Problems:
    n, before = case.measured.items, case.best(lambda one: one.items)
    if not n:
        yield "there is no item"
    elif n < LEAST_SHARE * before:
        yield f"there are {n} items, {before:.0f} were"


def _ids(case: Case) -> Problems:
    compared = case.measured.compared
    if compared is not None and compared.ids_kept < LEAST_SHARE:
        yield f"only {compared.ids_kept:.1%} of the current ids are there"


def _popular(case: Case) -> Problems:
    kept = case.measured.compared.popular_kept if case.measured.compared else None
    if kept is not None and kept < LEAST_POPULAR:
        yield f"only {kept:.1%} of the items that are most popular now are popular in it"


def _demand(case: Case) -> Problems:
    for name, value in case.measured.largest.items():
        if value > (most := LARGEST.get(name, LARGEST_IN_LIST)):
            yield f"{name} has a number of {value:g}, more than {most:g}"


def _events(case: Case) -> Problems:
    n, before = case.figures.events, case.best(lambda one: one.events)
    if before and n is None:
        yield f"the number of events is missing, {before:.0f} were"
    elif n is not None and n < LEAST_SHARE * before:
        yield f"there are {n} events, {before:.0f} were"


def _cases(case: Case) -> Problems:
    n, before = case.figures.cases, case.best(lambda one: one.cases)
    if before and (n or 0) < LEAST_SHARE * before:
        yield f"it was measured on {n or 0} cases, those before on {before:.0f}"


def _metrics(case: Case) -> Problems:
    stated, cases = measures_of(case.manifest), case.figures.cases
    for name, value in stated.items():
        if share_of(value) is None:
            yield f"{name} is {value!r}, which is no share"
    wanted = set(Figures.of(case.current).measures) if case.current else set()
    n_events = case.figures.events or 0
    said_why = cases is not None and cases < FEWEST_CASES and "reason" in validation_of(case.manifest)
    if n_events >= MEASURED_FROM_EVENTS and not said_why:
        wanted |= set(MEASURES)
    for name in sorted(wanted - set(stated)):
        yield f"{name} is missing"


def _quality(case: Case) -> Problems:
    dearer = case.current is not None and _dearer_on_the_same_cases(case.manifest, case.current)
    now = Figures.of(case.current).measures if case.current else {}
    for name, after in case.figures.measures.items():
        best = case.best(lambda one, name=name: one.measures.get(name))  # type: ignore[misc]
        if after < LEAST_QUALITY * best:
            yield f"{name} would fall from {best:.4f} to {after:.4f}"
        elif dearer and after < now.get(name, 0.0):
            yield f"{name} would fall from {now[name]:.4f} to {after:.4f} on the same cases, at a higher cost"


def _dearer_on_the_same_cases(new: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    budgets = [manifest.get("run", {}).get("budget") for manifest in (new, old)]
    measured = [
        (
            *(manifest.get(name) for name in ("counts", "training_cutoff_ms", "seed")),
            validation_of(manifest).get("cases"),
        )
        for manifest in (new, old)
    ]
    return budgets == ["full", "fast"] and measured[0] == measured[1]


def _answers(case: Case) -> Problems:
    for kind, route in case.measured.routes.items():
        found = [(route.failed, "failed"), (route.unsound, "are no list"), (route.short, "lack items")]
        if any(n for n, _ in found):
            parts = ", ".join(f"{n} {what}" for n, what in found if n)
            yield f"of {route.asked} answers ({kind}) {parts}" + (f": {route.problem}" if route.problem else "")


def _speed(case: Case) -> Problems:
    for kind, route in case.measured.routes.items():
        if route.typical_s > SLOWEST_S:
            yield f"an answer ({kind}) takes {route.typical_s:.1f} s"


def _storage(case: Case) -> Problems:
    stated = [entry.get("bytes", 0) for entry in case.manifest.get("files", {}).values()]
    needed_mb = COPIES_KEPT * sum(stated) / (1 << 20)
    if case.storage_mb is not None and needed_mb > case.storage_mb:
        yield f"two versions take {needed_mb:,.0f} MB, and functions keep {case.storage_mb:,} (SnapshotStorageMb)"


GATES: Final[tuple[Gate, ...]] = (
    Gate("clock", "its times are in the past, or changes since then would be overlooked", _clock),
    Gate("settings", "weights, scales, half-lives and shares are ones that a rebuild can give", _settings),
    Gate("documents", "every document is an item by today's rules, so that answers can show it", _documents),
    Gate("columns", "attribute columns and groups say what the documents say, or filters and lists lie", _columns),
    Gate("vectors", "the vectors are those of the items' texts, not of other items", _vectors),
    Gate("encoders", "the encoders tell texts and shoppers apart", _encoders),
    Gate("for_sale", "something is for sale, and no less than half the share that was", _for_sale),
    Gate("groups", "lists can show more than one item, and there are half the groups of variants that were", _groups),
    Gate("items", "there are items, and half as many as there were", _items),
    Gate("ids", "half of the current ids are still there, or profiles and archive speak of other items", _ids),
    Gate("popular", "a fifth of what is most popular now is popular in it", _popular),
    Gate("demand", "popularity and lists have numbers that a rebuild can give, or they drown all else", _demand),
    Gate("events", "it was built from half as many events as those before", _events),
    Gate("cases", "its quality was measured on half as many cases as theirs", _cases),
    Gate("metrics", "its quality was measured where theirs was, and from 1,000 events on", _metrics),
    Gate("quality", "NDCG@10 and hit rate are nine tenths of the best of the last five", _quality),
    Gate("answers", "every kind of request that lists come from is answered, with all that could be shown", _answers),
    Gate("speed", "a typical answer takes less than a second of processor time", _speed),
    Gate("storage", "functions have room for it beside the one that it takes the place of", _storage),
)
