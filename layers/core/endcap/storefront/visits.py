"""Who acts at the storefront door: a visitor, known to the shop or not, by what the browser brings and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from endcap.errors import UnauthorisedError
from endcap.events.machines import is_reader
from endcap.identifiers import anonymous_key
from endcap.storefront.tokens import RENEWED_AFTER_S, Visitor, link_of, read_visitor, shopper_of, write_visitor

COOKIE: Final = "ec_id"
VISITOR_HEADER: Final = "endcap-visitor"
SHOPPER_HEADER: Final = "endcap-shopper"
NEW: Final = "new"
"""What a page sends as the header that has no token yet, and can't rely on the cookie."""
NOBODY: Final = "none"
"""What a page sends as the header whose shopper has not agreed to be known: nothing is read or kept of them."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One request's shopper.

    Attributes
    ----------
    user_id : whom the shop says it is; None where it says nothing
    by_header : whether the visitor's token comes in the header and goes in the body, not as a cookie
    fresh : whether the browser has yet to be told its token
    known : whether it brought a token of ours
    """

    visitor: Visitor
    user_id: str | None
    by_header: bool
    fresh: bool
    known: bool

    @property
    def shopper(self) -> str:
        """The key of the profile that this visit reads, and the only one."""
        return self.user_id if self.user_id is not None else anonymous_key(self.visitor.anonymous_id)

    def unlinked(self, secrets: Sequence[str]) -> bool:
        """Whether the visitor has not been said yet to be this shopper."""
        return self.user_id is not None and self.visitor.link != link_of(self.user_id, secrets)

    def linked(self, secrets: Sequence[str]) -> Visit:
        """The same, once the visitor has been said to be this shopper; as it is where no shopper is known."""
        if self.user_id is None:
            return self
        return replace(self, visitor=replace(self.visitor, link=link_of(self.user_id, secrets)), fresh=True)

    def token(self, secrets: Sequence[str]) -> str:
        """The visitor's token."""
        return write_visitor(self.visitor, secrets)


def is_nobody(headers: Mapping[str, str]) -> bool:
    """Whether a request is to be answered without knowing who asks: so the page says, or it is a crawler's.

    Parameters
    ----------
    headers : by names in lower case
    """
    return headers.get(VISITOR_HEADER) == NOBODY or is_reader(headers.get("user-agent", "")[:512])


def forgets(headers: Mapping[str, str], cookies: Sequence[str]) -> bool:
    """Whether the browser still has a cookie of ours, though its shopper does not want to be known."""
    named = any(cookie.partition("=")[0] == COOKIE for cookie in cookies)
    return named and headers.get(VISITOR_HEADER) == NOBODY


def visit_of(
    headers: Mapping[str, str], cookies: Sequence[str], secrets: Sequence[str], now_s: float, key: bytes
) -> Visit:
    """The visit that a request belongs to.

    Parameters
    ----------
    headers : by names in lower case
    cookies : `name=value` each
    key : of the visitor, where this is a new one: 16 random bytes

    Raises
    ------
    UnauthorisedError : a token in a header is forged or has expired. A cookie of the kind, which no script can put
        right, makes a new visitor instead
    """
    said = headers.get(SHOPPER_HEADER)
    user_id = None if said is None else shopper_of(said.strip(), secrets, now_s)
    given = headers.get(VISITOR_HEADER)
    if given is None:
        visitor = _by_cookie(cookies, secrets, now_s)
    elif given == NEW:
        visitor = None
    elif (visitor := read_visitor(given, secrets, now_s)) is None:
        raise UnauthorisedError(f"the visitor's token is no good, or has expired; send {NEW} for another")
    if visitor is None:
        return Visit(Visitor(key, int(now_s)), user_id, given is not None, fresh=True, known=False)
    signed_out = user_id is None and any(visitor.link)  # what follows is said to be somebody again at the next sign-in
    renewed = signed_out or now_s - visitor.issued_s > RENEWED_AFTER_S
    if renewed:
        visitor = Visitor(visitor.key, int(now_s), b"\0" * len(visitor.link) if signed_out else visitor.link)
    return Visit(visitor, user_id, given is not None, fresh=renewed, known=True)


def _by_cookie(cookies: Sequence[str], secrets: Sequence[str], now_s: float) -> Visitor | None:
    """The visitor of the one cookie; None for none, and for several that differ.

    A page of a sibling domain can put a second cookie before ours: it must not lend its visitor to somebody else.
    """
    tokens = {value for name, _, value in (cookie.partition("=") for cookie in cookies) if name == COOKIE}
    return read_visitor(tokens.pop(), secrets, now_s) if len(tokens) == 1 else None
