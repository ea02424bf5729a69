"""What a writer has a part in, where the stack has one: queries read, and reasons worded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from endcap.api.resolved import ResolvedRequest
from endcap.profiles.profile import UserProfile
from endcap.recommend.request import Recommendation
from endcap.runtime import Runtime
from endcap.serving.records import may_be_told

if TYPE_CHECKING:
    from endcap.writing.asked import Asked
    from endcap.writing.phrases import Phrases
    from endcap.writing.queries import WrittenQuery


def read_by_writer(
    runtime: Runtime, readings: Asked[WrittenQuery], profile: UserProfile, asked: Sequence[ResolvedRequest]
) -> list[ResolvedRequest]:
    """The requests, with what a writer has read in the queries that are to be understood, where it has in time."""
    from endcap.writing.queries import ask

    found = []
    for one in asked:
        query, wanted = one.request.query, one.request.understand and one.request.understood is None
        if query is not None and wanted and may_be_told(runtime, profile, one):
            written = ask(readings, runtime.writer, query)
            one = replace(one, request=replace(one.request, written=written), plain=replace(one.plain, written=written))
        found.append(one)
    return found


def worded_by_writer(
    runtime: Runtime,
    phrases: Phrases,
    profile: UserProfile,
    asked: Sequence[ResolvedRequest],
    lists: Sequence[Recommendation],
) -> list[Recommendation]:
    """The lists with their reasons as a writer has worded them."""
    from endcap.writing.phrases import worded

    return [
        worded(found, phrases) if may_be_told(runtime, profile, one) else found
        for one, found in zip(asked, lists, strict=True)
    ]
