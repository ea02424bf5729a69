"""What bodies of a topic look like.

A signature covers a webhook's body and not the header that names its topic, so a body that somebody has got hold of
could be sent again as of another one: a list of what is held of a customer as the wish to be forgotten. The form of a
body says what it is as far as bodies differ; where they
don't, as where each is an id alone, secrets of their own do: see `endcap.shops.signatures.keys_for`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from endcap.errors import FieldError, InvalidRequestError


@dataclass(frozen=True, slots=True)
class Form:
    """Names of fields at the top of a body.

    Attributes
    ----------
    has : one of these is there
    never : none of these is, since bodies of other topics have them
    only : nothing else is, where this is not empty
    """

    has: frozenset[str]
    never: frozenset[str] = frozenset()
    only: frozenset[str] = frozenset()

    def check(self, raw: Mapping[str, Any]) -> None:
        """
        Raises
        ------
        InvalidRequestError : `raw` is of another form
        """
        odd = sorted((self.never & raw.keys()) | (raw.keys() - self.only if self.only else set()))
        if odd:
            raise InvalidRequestError([FieldError(field=odd[0][:64], message="is not of what this topic sends")])
        if not self.has & raw.keys():
            wanted = " or ".join(sorted(self.has))
            raise InvalidRequestError([FieldError(field="", message=f"is not what this topic sends: no {wanted}")])
