"""Which interactions a model may learn from, and on which questions it is tuned and judged.

temporal        one moment for all: the first 90 % of the events are known, what comes later is asked for, at most ten
                questions per user, each from the user's history just before it; the model stays frozen. Settings are
                chosen on the events between 80 % and 90 %, by models that know the first 80 %.
leave-one-out   each user's last choice is asked for, everything before it is known, also what others did later: easier
                than live use, but what papers report. Settings are chosen on the last choice but one.
cold            as leave-one-out, but a tenth of the items is taken out of what models learn from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from endcap.arrays import Mask
from endcap.errors import InvalidInputError
from endcap_rebuild.data.event_table import EventTable
from endcap_rebuild.data.row_weights import NEXT_TARGET, is_target
from endcap_rebuild.evaluation.questions import Questions, next_items, next_orders

PROTOCOLS: Final = ("temporal", "leave-one-out", "cold")
TRAIN_SHARE: Final = 0.9
TRIAL_SHARE: Final = 0.8
QUESTIONS_PER_USER: Final = 10
COLD_SHARE: Final = 0.1
# Enough to choose settings by, and few enough that a dozen of them are tried in a minute.
VALIDATION_QUESTIONS: Final = 1_500


@dataclass(frozen=True)
class Part:
    """What a model may count from, up to a moment, and the questions that judge it.

    known : bool (rows of the table,)
    """

    known: Mask
    cutoff_ms: int
    questions: Questions

    @property
    def table(self) -> EventTable:
        """The interactions that may be counted from."""
        return self.questions.table.rows(self.known)


@dataclass(frozen=True)
class Split:
    """One protocol on one data set.

    validation : chooses settings; test : judges the models that were refitted with them
    left_out : bool (n_items,), the items taken out of both parts; none but in the protocol "cold"
    """

    validation: Part
    test: Part
    left_out: Mask


def split(
    table: EventTable,
    clock: bool,
    n_items: int,
    protocol: str,
    repeats: bool,
    max_cases: int | None,
    seed: int,
    target: str = NEXT_TARGET,
) -> Split:
    """Divide a shop's interactions.

    Parameters
    ----------
    repeats : ask for whole next orders, in which items may come again
    max_cases : most questions of the test; None for all
    seed : chooses the items that are left out
    target : what is asked for, see `is_target`

    Raises
    ------
    InvalidInputError : no such protocol or target, no usable times for "temporal", or nothing to ask
    """
    ask = next_orders if repeats else next_items
    left_out = np.zeros(n_items, dtype=np.bool_)
    wanted = is_target(table, target)
    if protocol == "temporal":
        if not clock:
            raise InvalidInputError("the timestamps are no usable clock: evaluate with --protocol leave-one-out")
        trial, test = (_until(table, wanted, share, ask) for share in (TRIAL_SHARE, TRAIN_SHARE))
        validation = replace(trial, questions=_before(trial.questions, test.cutoff_ms))
    elif protocol in PROTOCOLS:
        test = _last_choices(table, wanted, np.ones(len(table), dtype=np.bool_), ask)
        validation = _last_choices(table, wanted, test.known, ask)
        if protocol == "cold":
            touched = np.unique(table.item)
            drawn = np.random.default_rng([seed, 7]).choice(touched, int(len(touched) * COLD_SHARE), replace=False)
            left_out[drawn] = True
            kept = ~left_out[table.item]
            test = replace(test, known=test.known & kept)
            warm = kept[validation.questions.answers[validation.questions.starts[:-1]]]
            validation = Part(
                validation.known & kept, validation.cutoff_ms, validation.questions.chosen(np.flatnonzero(warm))
            )
    else:
        raise InvalidInputError(f"no such protocol: {protocol!r}; there are {', '.join(PROTOCOLS)}")
    if not len(test.questions):
        raise InvalidInputError("nobody's next choice is left to ask for: the data has too few interactions")
    return Split(
        replace(validation, questions=validation.questions.drawn(VALIDATION_QUESTIONS)),
        replace(test, questions=test.questions.drawn(max_cases)),
        left_out,
    )


Ask = Callable[[EventTable, Mask], Questions]


def _until(table: EventTable, wanted: Mask, share: float, ask: Ask) -> Part:
    """Known is what happened up to a share of the wanted events; asked is what came later."""
    cutoff_ms = int(np.quantile(table.time_ms[wanted], share, method="lower")) if wanted.any() else 0
    known = table.time_ms <= cutoff_ms
    return Part(known, cutoff_ms, _first_of_each_user(ask(table, wanted & ~known)))


def _before(questions: Questions, cutoff_ms: int) -> Questions:
    return questions.chosen(np.flatnonzero(questions.times_ms <= cutoff_ms))


def _first_of_each_user(questions: Questions) -> Questions:
    """At most ten questions of one user, so that a heavy user does not decide alone."""
    _, start = np.unique(questions.users, return_index=True)
    lengths = np.diff(np.append(start, len(questions)))
    nth = np.arange(len(questions)) - np.repeat(start, lengths)
    return questions.chosen(np.flatnonzero(nth < QUESTIONS_PER_USER))


def _last_choices(table: EventTable, wanted: Mask, known: Mask, ask: Ask) -> Part:
    """The last question of each user among the known rows; its history is known, what came with it or later is not."""
    questions = ask(table, known & wanted)
    users = questions.users
    last = np.flatnonzero(np.append(users[1:] != users[:-1], True)) if len(users) else np.empty(0, np.int64)
    questions = questions.chosen(last)
    bounds = table.user_bounds()
    remaining = known.copy()
    for user, end in zip(questions.users.tolist(), questions.end.tolist(), strict=True):
        remaining[end : bounds[user + 1]] = False
    return Part(remaining, int(table.time_ms[remaining].max(initial=0)), questions)
