"""Consent: who refuses to be known, and what is kept of them.

`{"personalization": false}` in a shopper's consent is a refusal. It lets go of everything that is stored, as an erasure
does, and from then on nothing that the shopper does is taken in; the refusal itself stays, also through an erasure.
When the shopper consents again, what they did in between stays unknown, however late it comes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from endcap.profiles.entries import NEVER_SET, Register, register
from endcap.profiles.profile import UserProfile

PURPOSE: Final = "personalization"
"""The consent that counts here; a shop may state others, which are kept and mean nothing to Endcap."""


def refuses(profile: UserProfile) -> bool:
    """Whether a shopper has refused to be known."""
    said = profile.consent.value
    return isinstance(said, Mapping) and said.get(PURPOSE) is False


def refusal(at_ms: int) -> Register:
    """The refusal and nothing else."""
    return register({PURPOSE: False}, at_ms)


def emptied(profile: UserProfile) -> UserProfile:
    """What is kept of a shopper who refuses: the consent, and the memory of what was erased."""
    return replace(
        profile,
        interactions=(),
        strong=(),
        texts=(),
        impressions=(),
        attributes=NEVER_SET,
        preferences=NEVER_SET,
    )
