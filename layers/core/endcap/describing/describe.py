"""One item described by a writer: never paid for twice, and never beyond a budget."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from endcap.catalog.item import Item
from endcap.describing.asked import Asked, asked_about, request_of
from endcap.describing.enriched import Enriched, grounded
from endcap.describing.lines import answer_of, line_of
from endcap.describing.prompt import Prompt
from endcap.describing.writer import FREE, Price, Request, Writer, WriterError, Written, most_of
from endcap.errors import DependencyError, InvalidItemError


class BudgetError(InvalidItemError):
    """What an answer could cost is not left."""


class Answers(Protocol):
    """What was answered, by its name, whoever asked."""

    def get(self, key: str) -> Mapping[str, Any] | None:
        """An answer, a failed one too; None where nobody has asked."""

    def put(self, key: str, answer: Mapping[str, Any]) -> None:
        """Keep an answer."""


class Ledger(Protocol):
    """What is spent, and what may be by what is being asked."""

    def reserve(self, usd: float, budget: float) -> bool:
        """Set so many US dollars aside, if the budget has them."""

    def settle(self, reserved: float, spent: float) -> None:
        """Put what was spent in place of what was set aside."""


@dataclass(frozen=True)
class Describer:
    """Has items described, one by one.

    Attributes
    ----------
    budget : US dollars, of all that it was ever asked together
    """

    writer: Writer
    answers: Answers
    ledger: Ledger
    price: Price = FREE
    budget: float = 0.0

    def asked(self, item: Item, prompt: Prompt) -> Asked:
        """The item as this writer is asked about it."""
        return asked_about(item, prompt, self.writer.name)

    def describe(self, one: Asked, prompt: Prompt, brands: Iterable[str] = ()) -> Enriched | None:
        """What is kept of an answer; None where it has not the form.

        Parameters
        ----------
        brands : of the shop

        Raises
        ------
        BudgetError : nothing was asked
        InvalidItemError : there is an answer, and it is none that could be used
        DependencyError, ThrottledError : the writer can't be asked now, or what was answered can't be kept
        """
        kept = self.answers.get(one.key)
        answer = (answer_of(kept) if kept else None) or self._ask(request_of(one, prompt), prompt)
        if answer.failed:
            raise InvalidItemError(f"not described: {answer.failed}")
        found = grounded(answer.value, one.item, brands, prompt.form)
        return None if found is None else found.kept

    def _ask(self, request: Request, prompt: Prompt) -> Written:
        most = 0.0 if self.price.is_free else most_of([request], self.price, prompt.most_tokens)
        if most and not self.ledger.reserve(most, self.budget):
            raise BudgetError("not described: the budget has not what it could cost")
        try:
            (answer,) = self.writer.write([request], prompt.schema, prompt.most_tokens)
        except WriterError as exc:
            if most:
                self.ledger.settle(most, 0.0)
            raise DependencyError(f"the writer can't be asked: {exc}") from exc
        # Who is killed in between has it on the books twice, and asks for nothing twice.
        self.answers.put(answer.key, line_of(answer, self.price))
        if most:
            self.ledger.settle(most, self.price.of(answer.usage))
        return answer
