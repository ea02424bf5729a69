"""`endcap export aggregates`: read a folder, pay, and write the tables."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from endcap.pseudonyms import PseudonymKeys
from endcap_rebuild.aggregates.ledger import spend
from endcap_rebuild.aggregates.noise import Noise, laplace
from endcap_rebuild.aggregates.release import ReleaseSettings, released
from endcap_rebuild.data.dataset import read_shop
from endcap_rebuild.data.options import PLAIN, ReadOptions

LEDGER: Final = "privacy-ledger.json"
POPULARITY: Final = "popularity.csv"
TOGETHER: Final = "together.csv"
ABOUT: Final = "release.json"
_KEYS_ASKED: Final = (
    "the archive holds pseudonyms of a key that was not given, and who goes by two of them would be protected as one: "
    "give the stack's keys (--pseudonym-keys)"
)


def export_aggregates(
    data: Path,
    out: Path,
    settings: ReleaseSettings,
    ledger: Path | None = None,
    dataset: str | None = None,
    limit: float | None = None,
    now: datetime | None = None,
    noise: Noise = laplace,
    keys: PseudonymKeys | None = None,
    reading: ReadOptions = PLAIN,
) -> dict[str, Any]:
    """Write `popularity.csv` (item_id,users), `together.csv` (item_id,with_item_id,users) and `release.json`.

    Users who act as no shopper does are not left out: who they are depends on what others do, and no user adds more
    than the bound anyway.

    Parameters
    ----------
    ledger : `privacy-ledger.json` of the data when None
    dataset : the name under which the ledger keeps what was spent; the folder's when None. A log that grows keeps its
        name, for it is about the same people
    limit : as for `ledger.spend`
    keys : of the pseudonyms that an archive carries: without them one user may stand for several and would be
        protected as one of them alone, so that pseudonyms are refused
    reading : how the files are to be read, where they don't say it themselves

    Returns
    -------
    what `release.json` holds, and the budget under "budget"

    Raises
    ------
    InvalidInputError : the data, a setting or the ledger can't be used
    BudgetError : too much would have been spent; nothing was written
    """
    now = now or datetime.now(UTC)
    now_ms = int(now.timestamp() * 1000)
    shop = read_shop(data, now_ms, 0, {}, options=reading, keep_outliers=True, keys=keys, must_know=_KEYS_ASKED)
    shop.report.require_good(reading.allow_bad)
    name, at = dataset or data.resolve().name, now.strftime("%Y-%m-%dT%H:%M:%SZ")
    noise(
        shop.table.key[:0].astype("int64"), settings.half, 1
    )  # a library that is missing is told before anything is paid
    budget = spend(ledger or data / LEDGER, name, settings.epsilon, settings.delta, limit, at)
    release = released(shop.table, len(shop.items), settings, noise)
    ids = [item.item_id for item in shop.items]
    out.mkdir(parents=True, exist_ok=True)
    ranked = sorted(zip(ids, release.popularity.tolist(), strict=True), key=lambda row: (-row[1], row[0]))
    _write(out / POPULARITY, ("item_id", "users"), ranked)
    pairs = sorted(release.together.items(), key=lambda row: (-row[1], row[0]))
    _write(out / TOGETHER, ("item_id", "with_item_id", "users"), ((ids[a], ids[b], n) for (a, b), n in pairs))
    # No number of users or events stands here: those are not noisy.
    about = {
        **asdict(settings),
        "threshold": settings.threshold,
        "noise": {
            "popularity": f"Laplace, scale {settings.most_items / settings.half:g}",
            "together": f"Laplace, scale {settings.most_pairs / settings.half:g}",
        },
        "protects": "one user with everything that they did, added or removed",
        "dataset": name,
        "at": at,
        "items": len(ids),
        "pairs": len(pairs),
    }
    (out / ABOUT).write_text(json.dumps(about, ensure_ascii=False, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return {**about, "budget": asdict(budget)}


def _write(file: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with file.open("w", newline="", encoding="utf-8") as written:
        table = csv.writer(written, lineterminator="\n")
        table.writerow(header)
        table.writerows(rows)
