"""What lists are made from: the current snapshot with what has changed since, or else the last promoted list.

Who the shopper is, is another matter: without their profile a list goes by the running session, on either rung.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Protocol

from endcap.errors import DependencyError, EndcapError, SnapshotMissingError
from endcap.index.overlay import Overlay
from endcap.live.catalogue import LiveCatalogue
from endcap.live.popular import Popular
from endcap.live.transfer import Transfer
from endcap.live.waiting import Waiting
from endcap.snapshot.snapshot import Snapshot

LOST: Final = "snapshot"
FIRST_S: Final = 0.4
LIST_S: Final = 0.25
"""How long a request waits for the first snapshot at most, and what it leaves of its time for the list."""
LOADING_S: Final = 6.0
"""How long it waits where S3 answers and there is no list: less than what is left of the function's ten seconds."""
START_S: Final = 6.0
"""How long a start may take for the snapshot and its changes, where a request waits for it: Lambda gives it ten."""
START_AHEAD_S: Final = 120.0
"""The same under provisioned concurrency and SnapStart, where nobody waits, and Lambda gives 130 seconds at least:
https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html"""
_LOOK_S: Final = 0.1


class Current(Protocol):
    """The current snapshot, as `endcap.live.snapshot.Followed` has it."""

    @property
    def loading(self) -> bool: ...

    @property
    def missing(self) -> bool: ...

    @property
    def transfer(self) -> Transfer: ...

    def get(self, wait_s: float = ..., /) -> Snapshot | None: ...


class Ladder:
    """Finds the best there is to make lists from within the time that a request has."""

    def __init__(self, current: Current, catalogue: LiveCatalogue, popular: Popular, waiting: Waiting) -> None:
        self._current, self._catalogue, self._popular, self._waiting = current, catalogue, popular, waiting
        self._stand_in: Overlay | None = None

    def start(self, *, ahead: bool) -> None:
        """Load the snapshot, and what has changed since, while the function starts, as long as S3 answers.

        A request that waits for the start is not kept waiting for what would not be done in time by the rate at which
        bytes have come so far, nor for bytes that come no more. What is not done goes on beside requests, which are
        answered from the list meanwhile.

        Parameters
        ----------
        ahead : no request is waiting for this start
        """
        try:
            snapshot = self._current.get()
            if snapshot is not None or self._current.loading:
                self._waiting.extend(START_AHEAD_S if ahead else START_S)
                snapshot = snapshot or self._arriving(ahead=ahead)
        except EndcapError:  # a request will say so
            return
        if snapshot is not None:
            _ = self._catalogue.over(snapshot, START_AHEAD_S).index

    def _arriving(self, *, ahead: bool) -> Snapshot | None:
        """The snapshot that is being loaded, waited for as long as that leads to it."""
        left_s = self._waiting.left_s()
        while left_s > 0 and self._current.loading and not self._current.transfer.stands_still:
            if not ahead and self._current.transfer.left_s() > left_s:
                return None
            snapshot = self._current.get(min(_LOOK_S, left_s))
            if snapshot is not None:
                return snapshot
            left_s = self._waiting.left_s()
        return self._current.get(0.0)  # done since it was last looked at, or not at all

    def begin(self, named: Iterable[str]) -> Snapshot:
        """What the lists of a request are made from; what has changed since it is being read.

        Without a snapshot it is the popular list, and the answer loses "snapshot".

        Parameters
        ----------
        named : ids of items that the request is about

        Raises
        ------
        SnapshotError, EncoderError, DependencyError, ThrottledError : there is neither a snapshot nor a list
        """
        self._stand_in = None
        try:
            first_s, list_s = self._waiting.of_patience(FIRST_S), self._waiting.of_patience(LIST_S)
            snapshot, failure = self._current.get(min(first_s, self._waiting.left_s() - list_s)), None
        except EndcapError as exc:
            snapshot, failure = None, exc
        if snapshot is None and not self._current.missing:
            self._stand_in = self._popular.over(named)
            if self._stand_in is not None:
                self._waiting.lose(LOST)
                return self._stand_in.snapshot
        if snapshot is None and failure is not None:
            raise failure
        snapshot = snapshot or self.loaded()
        self._catalogue.begin(snapshot)
        return snapshot

    def over(self, snapshot: Snapshot) -> Overlay:
        """What has changed since a snapshot that `begin` gave."""
        if self._stand_in is not None and self._stand_in.snapshot is snapshot:
            return self._stand_in
        return self._catalogue.over(snapshot)

    def loaded(self) -> Snapshot:
        """The current snapshot, for what nothing else can stand in for: waited for as long as S3 answers.

        Raises
        ------
        SnapshotError, EncoderError, DependencyError, ThrottledError : there is none
        """
        snapshot = self._current.get()
        if snapshot is None and self._current.loading:
            self._waiting.extend(LOADING_S)
            snapshot = self._current.get(LOADING_S)
        if snapshot is not None:
            return snapshot
        if self._current.missing:
            raise SnapshotMissingError("no snapshot has been promoted yet: import or rebuild a shop")
        raise DependencyError("the snapshot is not loaded yet")
