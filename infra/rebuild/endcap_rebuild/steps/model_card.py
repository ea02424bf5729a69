"""The model card that travels with a snapshot: what it is, what it was made from, and how well it did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from endcap.snapshot.parts import Weights
from endcap_rebuild.data.dataset import Shop
from endcap_rebuild.data.outliers import OutlierReport
from endcap_rebuild.settings import RebuildSettings
from endcap_rebuild.text.encoders import LoadedEncoder

_REASONS: Final = 10


def model_card(
    shop: Shop, loaded: LoadedEncoder, metrics: Mapping[str, Any], weights: Weights, settings: RebuildSettings
) -> str:
    """Markdown for people; no function reads it."""
    config = loaded.encoder.config
    touched = int((np.bincount(shop.table.item, minlength=len(shop.items)) > 0).sum())
    lines = [
        "# Endcap snapshot",
        "",
        "Ranks a shop's items for its shoppers: item-to-item lists and popularity counted from interactions, texts",
        "read by a compact encoder, and one linear score over them (`weights.json`).",
        "",
        "## Data",
        "",
        f"- {len(shop.items):,} items, {touched:,} of them with interactions",
        f"- {len(shop.table):,} interactions of {len(shop.table.user_ids):,} users{_span(shop)}",
        f"- {shop.report.bad_row_count:,} rows refused, {shop.report.duplicate_events:,} repeated events dropped",
        f"- left out: {shop.report.unknown_item_events:,} events of unknown items, "
        f"{shop.report.erased_events:,} of erased users",
        *_outliers(shop.outliers),
        "",
        "## Data report",
        "",
        *_report(shop),
        "",
        "## Text encoder",
        "",
        f"{config.name} ({config.language}), {config.d_text} numbers per text, sha256 `{loaded.encoder.sha256}`.",
        *_choice(loaded.choice),
        *_fields(loaded),
        "",
        "## User encoder",
        "",
        *_user_encoder(metrics),
        "",
        "## Settings",
        "",
        f"Budget {settings.budget}, seed {settings.seed}. Lists: {_pairs(metrics['selection']['lists'])}.",
        f"Features: {_pairs(weights.settings)}.",
        *_signals(metrics["selection"]),
        "",
        "## Weights",
        "",
        *_validation(metrics["validation"]),
        *_fairness(metrics.get("fairness")),
        "",
        "| term | weight | scale |",
        "| --- | --- | --- |",
        *(f"| {name} | {term.weight:.4g} | {term.scale:.4g} |" for name, term in weights.terms.items() if term.weight),
        "",
        "## Limits",
        "",
        "- Validation knows what shoppers chose from what they were shown, not what else they would have liked.",
        "- Items without interactions borrow the lists of the items nearest by text; their ranks are guesses.",
        "- The score describes this shop's past. Rebuild when the catalogue or its customers change.",
    ]
    return "\n".join(lines) + "\n"


def _report(shop: Shop) -> list[str]:
    """What the data looked like when it was read."""
    found = shop.report.data_report()
    kinds = ", ".join(f"{name} {count:,}" for name, count in found["rows_by_type"].items()) or "none"
    lacking = ", ".join(f"{count:,} without {name}" for name, count in found["items_without"].items())
    lines = [
        f"- rows by type: {kinds}",
        f"- {found['unknown_item_share']:.1%} of the events name unknown items",
        f"- items: {lacking}",
        f"- the largest share of one user is {found['largest_user_share']:.1%} of the events",
    ]
    for file in found["files"]:
        guesses = ", ".join(f"{name} {value}" for name, value in file["guesses"].items())
        lines.append(
            f"- {file['file']}: {file['format']}, {file['lines']:,} lines" + (f" ({guesses})" if guesses else "")
        )
    refused = shop.report.document(samples=False)["refused"]
    lines += [f"- {group['count']:,} rows refused: {group['reason']}" for group in refused[:_REASONS]]
    return lines


def _outliers(report: OutlierReport) -> list[str]:
    """Who was no shopper, by number and sign; nothing where there is none."""
    if not report.users:
        return []
    signs = Counter(sign for outlier in report.named for sign in outlier.signs)
    done = "left out" if report.left_out else "kept, as was asked for"
    return [
        f"- {report.users:,} users who act as no shopper does (usual are {report.usual_events:g} events), {done}:",
        f"  {report.events:,} events; signs: {', '.join(f'{sign} {n}' for sign, n in sorted(signs.items()))}",
    ]


def _fairness(shown: Mapping[str, Any] | None) -> list[str]:
    """What the lists of the window show; nothing where there was too little to make lists for."""
    if not shown:
        return []
    return [
        "",
        f"{shown['lists']:,} lists of ten for this window show {shown['coverage']:.1%} of the catalogue; Gini",
        f"of the exposure {shown['exposure_gini']:.3f}; popularity of the items {shown['popularity_lift']:+.0%}",
        "against that of the histories.",
    ]


def _user_encoder(metrics: Mapping[str, Any]) -> list[str]:
    """How it was trained and what it was worth; where there is none, why."""
    trial, trained = metrics.get("trial_encoder"), metrics.get("encoder")
    if trained is None:
        return ["None: the score was not better with one." if trial else "None: the rebuild trained none."]
    shipped = "int8" if trained["int8"] else "float32"
    lines = [
        f"Trained for {trained['epochs']} epochs of {trained['steps']} steps, soft labels",
        f"at {trained['soft_weight']:g} of the loss, temperature {trained['temperature']:g}, shipped as {shipped}.",
    ]
    if trial and "ndcg" in trial:
        lines.append(f"By itself it reached NDCG@10 {trial['ndcg']:.4f} on a sample of the later window.")
    return lines


def _signals(selection: Mapping[str, Any]) -> list[str]:
    """What the window has taught about the types of events; nothing where they weigh what they do by default."""
    learned = selection.get("type_weights")
    return [f"Times as much as by default in lists and popularity: {_pairs(learned)}."] if learned else []


def _pairs(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in settings.items())


def _span(shop: Shop) -> str:
    if not shop.clock:
        return "; timestamps are no usable clock, so everything that depends on time is off"
    days = [datetime.fromtimestamp(int(ms) / 1000, UTC).date() for ms in (shop.table.time_ms.min(), shop.cutoff_ms)]
    return f", {days[0]} to {days[1]}"


def _validation(evidence: Mapping[str, Any]) -> list[str]:
    if "before" not in evidence:
        return [f"Defaults: {evidence['reason']}."]
    rows = [
        f"| {name} | {row['ndcg_at_10']:.4f} | {row['hit_rate_at_10']:.4f} | {row['mrr']:.4f} |"
        for name, row in (("default weights", evidence["before"]), ("chosen weights", evidence["after"]))
    ]
    unseen = evidence["held_out_ndcg_at_10"]
    if "with_repeats" in evidence:
        rows += [
            f"| {name}, repeats allowed | {row['ndcg_at_10']:.4f} | {row['hit_rate_at_10']:.4f} | {row['mrr']:.4f} |"
            for name, row in zip(("default", "chosen"), evidence["with_repeats"].values(), strict=True)
        ]
    return [
        f"Chosen on {evidence['cases']:,} next items of a window later than everything the trial lists were counted",
        "from, ranked among the whole catalogue without what the shopper had seen. The weights are a mean over",
        "searches on random halves of the window, drawn towards the default ones and the single term or pair that does",
        f"best by itself; on the halves that a search had not seen, NDCG@10 went from {unseen['before']:.4f} to",
        f"{unseen['after']:.4f}.",
        "",
        "| weights | NDCG@10 | hit rate@10 | MRR |",
        "| --- | --- | --- | --- |",
        *rows,
        "",
        *_compared(evidence),
        "",
        *_new_items(evidence["new_items"]),
        *_repeats(evidence),
    ]


def _repeats(evidence: Mapping[str, Any]) -> list[str]:
    """What having been chosen before is worth, where seen items may come again."""
    if "repeats" not in evidence:
        return []
    share, demand = evidence["repeats"]["share"], evidence["repeats"]["demand"]
    return [
        "",
        f"By {evidence['repeat_cases']:,} repeats, having been chosen before weighs {share:g} times as much as all",
        f"other terms together; {demand:.2g} of the demand for such an item, a logarithm, is added to it.",
    ]


def _compared(evidence: Mapping[str, Any]) -> list[str]:
    """What the chosen weights were compared with, each on cases that it had not seen."""
    return [
        f"Chosen: {evidence['chosen']}. Each mixture counts by how often it was best when the window's users were",
        "drawn anew; equal parts are written with =.",
        "",
        "| way, on unseen halves | NDCG@10 | chosen mixture less this, 95 % |",
        "| --- | --- | --- |",
        *(
            f"| {row['way']} | {row['ndcg_at_10']:.4f} | {row['chosen_less_this']:+.4f}, {row['low']:+.4f} to "
            f"{row['high']:+.4f} |"
            for row in evidence["compared"]
        ),
    ]


def _new_items(found: Mapping[str, Any]) -> list[str]:
    """How new items were brought into balance with known ones."""
    cases, share = found["cases"], found["share_of_choices"]
    chosen = f"Of the choices {cases:,} ({share:.1%}) were items that nobody had chosen before"
    if "times" not in found:
        return [f"{chosen}, too few to set", "the bonus for new items by."]
    row = next(row for row in found["tried"] if row["times"] == found["times"])
    recall, before = row["recall_of_new_at_10"], found["searched"]["recall_of_new_at_10"]
    return [
        f"{chosen}.",
        f"New items get {row['share_of_places']:.1%} of the first ten places; {found['times']:g} times their share was",
        f"the aim. There {recall:.1%} of those choices are found; with the bonus of the search it were {before:.1%}.",
    ]


def _choice(choice: Mapping[str, Any]) -> list[str]:
    """How the encoder was chosen; nothing where it was named."""
    lines = []
    if "reason" in choice:
        chosen = f"by measuring: {choice['reason']}" if "measured" in choice else choice["reason"]
        lines += ["", f"Chosen {chosen}."]
    if "measured" in choice:
        lines += ["", f"The incumbent is the encoder {choice['incumbent']}.", *_measured(choice["measured"])]
    student = choice.get("student")
    if student is not None:
        taught = f", taught by {student['teacher']}," if "teacher" in student else ""
        lines += ["", f"A student of this shop's own{taught} was {'' if student['shipped'] else 'not '}shipped:"]
        lines[-1] += f" {student['reason']}."
        lines += _measured(student.get("measured", ()))
        lines += _generated(student.get("generated_pairs", {}))
    return lines


def _generated(verdict: Mapping[str, Any]) -> list[str]:
    """Whether queries that a writer has made up were learned from, and what that gave."""
    probes = verdict.get("parts", {}).get("held_out_queries")
    if probes is None:
        return []
    refused = "" if verdict["taken"] else "not "
    return [
        "",
        f"Generated queries were {refused}learned from: on {probes['questions']:,} that were held out",
        f"(an upper bound, as the same writer made them up) NDCG@10 changes by {probes['gain']:+.4f}, 95 % from "
        f"{probes['low']:+.4f} to {probes['high']:+.4f}, mean of {verdict['seeds']} seeds.",
    ]


def _fields(loaded: LoadedEncoder) -> list[str]:
    """What it reads of an item, and how that was chosen, where there was a choice."""
    measured = loaded.choice.get("fields", {}).get("measured", ())
    return ["", f"It reads of an item: {', '.join(loaded.text_fields)}.", *_measured(measured, "fields")]


def _measured(rows: Sequence[Mapping[str, Any]], what: str = "encoder") -> list[str]:
    """A table of what the gate found."""
    if not rows:
        return []
    lines = [
        "",
        f"| {what} | questions | NDCG@10, new items from the last items | NDCG@10, searches |",
        "| --- | --- | --- | --- |",
    ]
    for row in rows:
        parts = [row[part] for part in ("cold_items", "search")]
        gains = " | ".join(f"{part['ndcg_at_10']:.4f}" for part in parts)
        lines.append(f"| {row['name']} | {' + '.join(str(part['questions']) for part in parts)} | {gains} |")
    return lines
