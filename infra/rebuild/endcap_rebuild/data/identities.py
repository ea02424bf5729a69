"""Anonymous ids in files from before these had profiles of their own.

There an anonymous id stands as the `user_id` of what it did, and an `identify` names it as it is. One that was written
since says under which key (`interaction_document`), and means nobody else's events.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from endcap.events.interaction import Interaction
from endcap.events.types import IDENTIFY
from endcap.identifiers import anonymous_key, clean_id
from endcap_rebuild.data.people import People


@dataclass
class Identities:
    """Who was identified in a file, and by what.

    Attributes
    ----------
    plain : anonymous ids that stand where users do, and the anonymous id that each of them is
    users : ids that somebody turned out to be; none of them is an anonymous one
    """

    plain: dict[str, str] = field(default_factory=dict)
    users: set[str] = field(default_factory=set)

    def note(self, row: Mapping[str, Any], event: Interaction, people: People) -> None:
        """Take in one event, the row that it was read from, and who names its users."""
        if event.event_type == IDENTIFY:
            self.users.add(event.user_id)
            if event.anonymous_id and "anonymous_key" not in row:
                said = str(row["anonymous_id"])
                self.plain[people.name_of(clean_id(said))] = event.anonymous_id

    def is_anonymous(self, user_id: str) -> bool:
        """Whether what stands as a user's id is an anonymous one; certain once all rows are noted."""
        return user_id in self.plain and user_id not in self.users

    def keyed(self, event: Interaction) -> Interaction:
        """The event under the key of whose it is."""
        if event.event_type == IDENTIFY or not self.is_anonymous(event.user_id):
            return event
        anonymous_id = self.plain[event.user_id]
        return replace(event, user_id=anonymous_key(anonymous_id), anonymous_id=anonymous_id)
