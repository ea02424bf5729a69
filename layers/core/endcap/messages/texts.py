"""What a language has to have: every sentence and word that answers are made of.

A language is one file with one `Texts`, and one entry in `language`. Names in braces are filled in; a test holds all
languages to the same ones.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from string import Formatter
from typing import Final, NamedTuple

Counted = tuple[str, str]
"""How to say that it is one, and that it is `{n}`."""

FALLBACK_TERM: Final = "similarity"
"""The term whose sentence stands in for one that has none."""


class TermTexts(NamedTuple):
    """What is said about one term of the score; "" where there is nothing of its own to say.

    Attributes
    ----------
    meaning : what the term measures
    plain, named : why an item is high. `{names}` are the past items that carried the term, `{deeds}` these and what
        the shopper did with each, `{label}` a category or brand, `{did}` what was done with the item itself; `plain`
        is for when there is nothing to point at
    against, against_named : likewise, why an item is low
    borrowed, borrowed_named : why an item is high that nobody has chosen yet, so that the term is borrowed from items
        like it; "" for terms that borrow nothing
    """

    meaning: str
    plain: str = ""
    named: str = ""
    against: str = ""
    against_named: str = ""
    borrowed: str = ""
    borrowed_named: str = ""


class Portrait(NamedTuple):
    """What is said of a shopper.

    Attributes
    ----------
    drawn_to, passes_over, praises, complains : likes and dislikes
    concerned, lately, searched, searched_then, in_cart : what they are after, `{done}` being what was done with an item
    """

    drawn_to: str
    passes_over: str
    praises: str
    complains: str
    concerned: str
    lately: str
    searched: str
    searched_then: str
    in_cart: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """One language, spoken to one audience.

    Attributes
    ----------
    name : what English calls it
    script : what a title in the language has in it; None where that tells nothing
    names_joined : between the titles of items; list_joined, list_ended : between the parts of other lists
    worded : a sentence, without its full stop, and the words that it is about
    date, months : a day by its parts; the months from January on, as `date` has them
    days, every_days : spans of days
    past, past_other : event type -> what the shopper did with an item, as in "which you bought"
    done, done_other, done_often : event type -> what the shopper did with one item, said by itself; several times
    deed, deeds_joined : items and what the shopper did with all of them; between several of these
    terms : term -> its texts
    against, against_named : why an item is low for a term that says nothing of its own
    own, own_too : why an item is high for what was done with it itself, `{did}`; the same after a sentence about others
    own_against : why it is low for that
    without_out, without_same, without_other : where an item would be without something of the past
    chosen, chosen_at_all, times, last_hours, last_days : how often an item was chosen of late
    bought_* : when the shopper bought an item, and when such items are bought again
    contexts, context_other : name of a context -> a place in it; of any other name
    devices : name of a kind of device -> how it is called
    popular, unpopular : demand in a context
    aspects : aspect of goods -> its name
    tags : tag that writers may give items -> its name, where that is not the tag itself
    portrait : a profile
    searches : how often somebody has searched
    score, settings, choices : the main parameters of the ranking, by their names
    learned, strongest, weightiest, chosen_for_all, scenarios : the same in a few sentences, with a form for each part
    questions : what a conversation may ask about -> how it asks
    price_spans : the cheap, the middling and the dear, in words that a turn is read by
    """

    name: str
    script: re.Pattern[str] | None
    full_stop: str
    names_joined: str
    list_joined: str
    list_ended: str
    worded: str
    date: str
    months: tuple[str, ...]
    days: Counted
    every_days: Counted
    past: Mapping[str, str]
    past_other: str
    done: Mapping[str, str]
    done_other: str
    done_often: str
    deed: str
    deeds_joined: str
    terms: Mapping[str, TermTexts]
    against: str
    against_named: str
    own: str
    own_too: str
    own_against: str
    your_search: str
    nearest_only: str
    without_out: str
    without_same: str
    without_other: str
    chosen: str
    chosen_at_all: str
    times: Counted
    last_hours: Counted
    last_days: str
    bought_times: str
    bought_ago: str
    bought_usually: str
    bought_again: str
    bought_by_others: str
    contexts: Mapping[str, str]
    context_other: str
    devices: Mapping[str, str]
    popular: str
    unpopular: str
    aspects: Mapping[str, str]
    tags: Mapping[str, str]
    portrait: Portrait
    searches: Counted
    score: str
    settings: Mapping[str, str]
    choices: Mapping[str, str]
    learned: str
    strongest: str
    strongest_term: str
    weightiest: str
    weightiest_event: str
    chosen_for_all: str
    choice: str
    scenarios: str
    questions: Mapping[str, str]
    price_spans: tuple[str, str, str]


def counted(number: int, forms: Counted) -> str:
    """A number in words that fit it."""
    return filled(forms[number != 1], n=number)


_HAN: Final = r"[\u3400-\u9fff]"
_APART: Final = re.compile(rf"{_HAN}[-\u2212+]?[A-Za-z0-9]|[A-Za-z0-9%]{_HAN}")
"""What touches, and in Chinese stands apart."""


def filled(template: str, /, **values: object) -> str:
    """`template` with the names in braces filled in, as by `str.format`.

    Where a figure or a Latin word would touch Chinese a space comes between. What is filled in stays as it is within.
    """
    parts = _parts(template)
    if parts is None:
        return template.format(**values)
    text = ""
    for before, name, form in parts:
        for part in (before, format(values[name], form) if name else ""):
            apart = text and part and _APART.match(text[-1] + part[:2])
            text += f" {part}" if apart else part
    return text


def signed(number: float, form: str) -> str:
    """A number as by `format`, with a minus where that has a hyphen."""
    return format(number, form).replace("-", "\u2212")


@lru_cache(maxsize=512)
def _parts(template: str) -> tuple[tuple[str, str, str], ...] | None:
    """Each name of a template after the text before it, with its format; None where the template is not Chinese."""
    if not re.search(_HAN, template):
        return None
    return tuple((before, name or "", form or "") for before, name, form, _ in Formatter().parse(template))
