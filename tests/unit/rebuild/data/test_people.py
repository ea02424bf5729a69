"""Archives with ids, with pseudonyms and with both: the same shoppers in all of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from endcap.erasure.ledger import ledger_key
from endcap.errors import InvalidInputError
from endcap.events.interaction import Interaction, interaction_document
from endcap.identifiers import anonymous_id_of
from endcap.profiles.codec import encode_profile
from endcap.profiles.consent import refusal
from endcap.profiles.profile import UserProfile, deletion, profile_of
from endcap.pseudonyms import PseudonymKeys, names_of, pseudonymous
from endcap_local import demo
from endcap_rebuild.behaviour.lists import (
    ListSettings,
    basket_matrix,
    item_popularity,
    neighbour_matrix,
    next_counts,
    next_matrix,
)
from endcap_rebuild.behaviour.sparse import item_list, top_per_row
from endcap_rebuild.data.dataset import Shop, read_shop
from endcap_rebuild.data.people import People
from endcap_rebuild.data.reading import ReadReport, read_events
from endcap_rebuild.evaluation.data import read_data, write_known
from tests.fakes.real_shop import data_of, write_cut
from tests.fakes.table_export import export_files

NOW_MS = 1_768_471_200_000
DAY_MS = 86_400_000
FIRST, BOTH = PseudonymKeys({1: b"k" * 32}), PseudonymKeys({1: b"k" * 32, 2: b"l" * 32})
SECOND = PseudonymKeys({2: b"l" * 32})


def bought(user_id: str, item: str, days: int) -> Interaction:
    at_ms = NOW_MS - days * DAY_MS
    return Interaction(
        f"{user_id}-{item}-{days}", user_id, "purchase", at_ms, item, anonymous_id=anonymous_id_of(user_id)
    )


EVENTS = [
    bought("ann", "mug", 9),
    bought("anon:cookie", "mug", 8),
    bought("bob", "jug", 7),
    bought("ann", "jug", 6),
    bought("anon:cookie", "jug", 5),
    bought("ann", "pan", 4),
    bought("bob", "pan", 3),
]


def write(folder: Path, documents: Iterable[dict[str, Any]]) -> Path:
    (folder / "events").mkdir(parents=True)
    lines = "".join(json.dumps(document) + "\n" for document in documents)
    (folder / "events" / "archive").write_text(lines)
    (folder / "items.jsonl").write_text("".join(json.dumps({"item_id": i, "title": i}) + "\n" for i in HAVE))
    return with_ledger(folder)


def with_ledger(folder: Path, *names: str) -> Path:
    """The folder with a ledger of erasures that names these as erased up to now."""
    rows = [{"number": 1, "secret": b"salt".hex()}]
    rows += [{"subject": ledger_key(name, b"salt"), "until_ms": NOW_MS} for name in names]
    (folder / "erasures").mkdir(exist_ok=True)
    (folder / "erasures" / "ledger.json").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


HAVE = ("mug", "jug", "pan")


def told(events: Sequence[Interaction], *keys: PseudonymKeys | None) -> list[dict[str, Any]]:
    """The events as they are archived, a third of them with each of three keys; None for plain ids."""
    part = -(-len(events) // len(keys))
    documents = map(interaction_document, events)
    return [
        document if (key := keys[n // part]) is None else pseudonymous(document, key)
        for n, document in enumerate(documents)
    ]


def export(folder: Path, profiles: Mapping[str, UserProfile]) -> None:
    rows = [{"user_id": {"S": key}, "profile": {"B": encode_profile(one)}} for key, one in profiles.items()]
    for name, data in export_files(rows).items():
        path = folder / "profiles" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def shape(shop: Shop) -> list[list[str]]:
    """What each shopper bought, whoever they are."""
    ids = [item.item_id for item in shop.items]
    rows: dict[int, list[str]] = {}
    for user, item in zip(shop.table.user.tolist(), shop.table.item.tolist(), strict=True):
        rows.setdefault(user, []).append(ids[item])
    return sorted(rows.values())


PLAIN = sorted([["mug", "jug", "pan"], ["mug", "jug"], ["jug", "pan"]])


@pytest.mark.parametrize(
    ("keys", "given"),
    [
        ((None,), None),
        ((None,), BOTH),
        ((FIRST,), None),
        ((FIRST,), FIRST),
        ((FIRST,), BOTH),
        ((None, FIRST), FIRST),
        ((None, FIRST, BOTH), BOTH),
    ],
)
def test_shoppers_are_the_same_however_they_are_named(
    tmp_path: Path, keys: tuple[PseudonymKeys | None, ...], given: PseudonymKeys | None
) -> None:
    folder = write(tmp_path / "shop", told(EVENTS, *keys))
    shop = read_shop(folder, NOW_MS, 0, {}, keys=given)
    data = read_data(folder, NOW_MS, people=People(given))
    assert shape(shop) == shape(data.shop) == PLAIN
    assert shop.report.bad_row_count == 0
    known = write_known(data, np.ones(len(data.shop.table), dtype=bool), NOW_MS, tmp_path / "known")
    assert shape(read_shop(known, NOW_MS, 0, {})) == PLAIN  # as an evaluation rebuilds it, without keys


def test_after_a_rotation_the_profiles_say_who_is_who(tmp_path: Path) -> None:
    folder = write(tmp_path / "shop", told(EVENTS, FIRST, SECOND))
    assert len(shape(read_shop(folder, NOW_MS, 0, {}, keys=BOTH))) > len(PLAIN)
    known = {name: UserProfile(is_user=True) for name in ("ann", "bob", "anon:cookie")}
    export(folder, known)
    assert shape(read_shop(folder, NOW_MS, 0, {}, keys=BOTH)) == PLAIN


@pytest.mark.parametrize("keys", [(None,), (FIRST,), (None, FIRST, BOTH), (FIRST, SECOND)])
def test_who_was_erased_or_refuses_is_left_out_of_either(
    tmp_path: Path, keys: tuple[PseudonymKeys | None, ...]
) -> None:
    folder = write(tmp_path / "shop", told(EVENTS, *keys))
    known = {
        "ann": deletion(NOW_MS - 5 * DAY_MS),
        "bob": UserProfile(consent=refusal(NOW_MS)),
        "anon:cookie": profile_of([EVENTS[1]]),
    }
    export(folder, known)
    if keys != (None,):
        with pytest.raises(InvalidInputError, match="--pseudonym-keys"):
            read_shop(folder, NOW_MS, 0, {})
    shop = read_shop(folder, NOW_MS, 0, {}, keys=BOTH)
    assert shape(shop) == [["mug", "jug"], ["pan"]]
    assert shop.report.erased_events == 4


@pytest.mark.parametrize("given", [None, FIRST, BOTH])
@pytest.mark.parametrize("keys", [(None,), (FIRST,), (None, FIRST)])
def test_the_ledger_names_the_erased_of_either(
    tmp_path: Path, keys: tuple[PseudonymKeys | None, ...], given: PseudonymKeys | None
) -> None:
    folder = write(tmp_path / "shop", told(EVENTS, *keys))
    with_ledger(folder, "ann", *names_of("ann", FIRST))  # a key that is added afterwards changes nothing
    shop = read_shop(folder, NOW_MS, 0, {}, keys=given)
    assert all("pan" not in bought or "mug" not in bought for bought in shape(shop))
    assert shop.report.erased_events == 3


@pytest.mark.parametrize(
    "damage",
    [
        {"pseudonym": "ann"},
        {"pseudonym": 7},
        {"pseudonym": None},
        {"pseudonym_key": 0},
        {"pseudonym_key": "1"},
        {"pseudonym_key": True},
    ],
)
def test_what_is_no_pseudonym_is_a_bad_row(tmp_path: Path, damage: dict[str, Any]) -> None:
    row = pseudonymous(interaction_document(EVENTS[0]), FIRST) | damage
    report = ReadReport()
    events = list(read_events(write(tmp_path / "shop", [row, *told(EVENTS[1:], FIRST)]), report, NOW_MS))
    assert (len(events), report.bad_row_count) == (len(EVENTS) - 1, 1)


def test_identifies_of_either_kind_hand_the_same_over(tmp_path: Path) -> None:
    login = Interaction("login", "ann", "identify", NOW_MS, anonymous_id="cookie")
    for keys in (None, FIRST):
        people, folder = People(keys), tmp_path / str(keys is None)
        found = list(read_events(write(folder, told([*EVENTS, login], keys)), ReadReport(), NOW_MS, people=people))
        assert found[-1].user_id == found[0].user_id == people.name_of("ann")
        assert found[1].anonymous_id == found[-1].anonymous_id
        assert found[1].user_id == people.name_of("anon:cookie") == f"anon:{found[-1].anonymous_id}"


@pytest.mark.parametrize(
    "name",
    [
        "",
        *(
            pytest.param(name, marks=[pytest.mark.shared_data, pytest.mark.prove])
            for name in ("amazon-beauty", "movielens-small", "online-retail")
        ),
    ],
)
def test_lists_of_a_real_shop_are_the_same(tmp_path: Path, name: str) -> None:
    folder = data_of(name) if name else tmp_path / "cut"
    if not name:
        folder.mkdir()
        write_cut(Path(demo.__file__).parents[1] / "demo_data", folder, 300, 250)
    events = read_events(folder, ReadReport(), NOW_MS)
    (tmp_path / "events").mkdir()
    with (tmp_path / "events" / "archive").open("w") as file:
        file.writelines(json.dumps(pseudonymous(interaction_document(event), FIRST)) + "\n" for event in events)
    with_ledger(tmp_path)
    (items,) = folder.glob("items.jsonl*")
    (tmp_path / items.name).symlink_to(items)
    before, after = (lists_of(read_shop(one, NOW_MS, 0, {})) for one in (folder, tmp_path))
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one.indptr, other.indptr)
        np.testing.assert_array_equal(one.indices, other.indices)
        # Shoppers are summed up in another order, which may turn the last bit.
        np.testing.assert_array_max_ulp(one.weights, other.weights, maxulp=1)


def lists_of(shop: Shop) -> list[Any]:
    settings, n_items = ListSettings(), len(shop.items)
    popularity = item_popularity(shop.table, n_items)
    matrices = (
        next_matrix(next_counts(shop.table, n_items, settings, 0), popularity, settings),
        basket_matrix(shop.table, n_items, popularity, settings, shop.clock),
        neighbour_matrix(shop.table, n_items, popularity, settings),
    )
    return [item_list(top_per_row(matrix, 128)) for matrix in matrices]
