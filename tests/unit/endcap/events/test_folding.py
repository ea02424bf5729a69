"""Folded counts: each note counts once, what is over keeps what matters most, and nothing else grows."""

from __future__ import annotations

from unittest.mock import patch

import pytest

from endcap.errors import StoredDataError
from endcap.events import folding
from endcap.events.counts import COARSE, FINE, HOUR_MS, Increment
from endcap.events.folding import REMEMBERED, Folded, Note, decoded, packed, unpacked

NOW_MS = 1_768_471_200_000  # at the start of a 10-minute and of a 2-hour bucket
RUNNING_MS = NOW_MS + 60_000


def note(name, counts, start_ms=NOW_MS, level=FINE):
    return Note(name, (Increment(level, start_ms, counts),))


def counts(folded):
    return {start: bucket.counts for start, bucket in folded.buckets.items()}


def batch(*notes, folded=None, now_ms=RUNNING_MS):
    return (folded or Folded(FINE)).with_batch(notes, now_ms)


def test_notes_add_up_by_their_bucket_and_level():
    folded = batch(
        note("1", {"da": 1, "ca": 1}), note("2", {"da": 2}), note("3", {"da": 4}, level=COARSE), note("4", {"db": 1}, 0)
    )
    assert counts(folded) == {NOW_MS: {"ca": 1, "da": 3}}
    assert counts(batch(note("5", {"da": 1}), folded=folded)) == {NOW_MS: {"ca": 1, "da": 4}}


def test_a_batch_that_comes_again_is_not_added_again():
    notes = [note("1", {"da": 1}), note("2", {"da": 2})]
    folded = batch(*notes)
    assert batch(*notes, folded=folded) is None
    longer = batch(*notes, note("3", {"da": 4}), folded=folded)
    assert counts(longer) == {NOW_MS: {"da": 7}}
    assert batch(*notes[:1], folded=longer) is None
    assert batch() is None


def test_a_batch_is_remembered_while_many_others_come():
    folded = batch(note("first", {"da": 1}))
    for n in range(REMEMBERED - 1):
        folded = batch(note(f"other {n}", {"db": 1}), folded=folded)
    assert batch(note("first", {"da": 1}), folded=folded) is None
    assert len(folded.batches) == REMEMBERED


def test_what_is_of_no_use_any_more_goes():
    folded = batch(note("1", {"da": 1}))
    later = batch(note("2", {"db": 1}, NOW_MS + 24 * HOUR_MS), folded=folded, now_ms=NOW_MS + 24 * HOUR_MS)
    assert counts(later) == {NOW_MS + 24 * HOUR_MS: {"db": 1}}


def test_a_bucket_that_is_over_keeps_what_was_chosen_most_and_exactly():
    people = {f"p{n}": 1 for n in range(10)}
    many = {f"d{n}": n + 1 for n in range(10)} | {"i1": 1, "i2": 2, "i3": 3, "c1": 1} | people
    with patch.object(folding, "KEPT", 2), patch.object(folding, "GROWING", 8):
        growing = batch(note("1", many))
        assert counts(growing)[NOW_MS] == (
            {name: count for name, count in many.items() if name not in ("d0", "d1", "p0", "p1")}
        )
        over = batch(note("2", {"da": 1}, NOW_MS + FINE.width_ms), folded=growing, now_ms=NOW_MS + FINE.width_ms)
        assert counts(over)[NOW_MS] == {"d9": 10, "d8": 9, "p9": 1, "p8": 1, "i3": 3, "i2": 2, "c1": 1}
        late = batch(note("3", {"d9": 1}), folded=over, now_ms=NOW_MS + FINE.width_ms)
        assert counts(late)[NOW_MS]["d9"] == 11


@pytest.mark.parametrize("item_id", ["灯/笼", "a b.c", 'say "hi"', "\\", "x" * 128])
def test_items_may_have_any_id(item_id):
    folded = batch(note("1", {"d" + item_id: 3}))
    assert decoded(folded.encoded(), FINE) == folded
    assert unpacked(packed(note("1", {"d" + item_id: 3}).increments)) == note("1", {"d" + item_id: 3}).increments


def test_damaged_bytes_are_told_from_good_ones():
    data = batch(note("1", {"da": 1})).encoded()
    with pytest.raises(StoredDataError):
        decoded(data, COARSE)
    for cut in range(len(data)):
        with pytest.raises(StoredDataError):
            decoded(data[:cut], FINE)
    for damaged in (b"", b"[]", packed([])[:-1]):
        with pytest.raises(StoredDataError):
            unpacked(damaged)
