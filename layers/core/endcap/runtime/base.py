"""What all adapters are built with: clients with their limits of time, settings, who is answered."""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING, Self

from endcap.aws.clients import BATCH, REQUEST_PATH, SENDING, Clients, client, ending_with, patient
from endcap.batch import Deadline
from endcap.settings import Settings

if TYPE_CHECKING:
    from endcap.api.guard import Guard
    from endcap.live.waiting import Waiting


class Base:
    """Builds what one function asks for.

    Parameters
    ----------
    background : only a queue waits for the function, no shopper
    patient : a back end waits, which would rather have its write taken than be told at once that it was not
    recording : its lists are shown to shoppers, and recorded; those of a preview are not
    clients : makes the AWS client of a service, with its limits of time
    waiting : of the requests that are served, as `Base.waiting`

    Attributes
    ----------
    deadline : of the invocation that is running, which no client's call outlives
    """

    def __init__(
        self,
        *,
        background: bool = False,
        patient: bool = False,
        recording: bool = True,
        clients: Clients = client,
        waiting: Waiting | None = None,
    ) -> None:
        self._background, self._patient, self._recording = background, patient, recording
        self._waiting, self.deadline = waiting, Deadline()
        self._made_by = clients
        self._config = BATCH if background else SENDING if patient else REQUEST_PATH

    def with_clients(self, clients: Clients, waiting: Waiting | None = None) -> Self:
        """A runtime like this one, with nothing built yet, on other clients."""
        return type(self)(
            background=self._background,
            patient=self._patient,
            recording=self._recording,
            clients=clients,
            waiting=waiting,
        )

    @cached_property
    def _clients(self) -> Clients:
        patience_s = self.settings.call_patience_seconds
        made_by = self._made_by if patience_s is None else patient(self._made_by, patience_s)
        return lambda service, config: ending_with(made_by(service, config), self.deadline)

    @cached_property
    def settings(self) -> Settings:
        """Read from the process environment."""
        return Settings.from_env(os.environ)

    @cached_property
    def guard(self) -> Guard:
        """Who is answered."""
        from endcap.api.guard import Guard
        from endcap.api.limits import ClientLimits
        from endcap.observability import logger

        authorisation = self.settings.authorisation
        if authorisation == "jwt":
            logger.warning("tokens count whatever their scopes: any may read and erase everyone; set JwtScopes=require")
        return Guard(authorisation, ClientLimits(self.settings.client_rates))

    @cached_property
    def waiting(self) -> Waiting:
        """The deadline of the request that is served; everything that requests read keeps to it."""
        from endcap.live.waiting import READS_S, Waiting

        return self._waiting or Waiting(patience_s=self.settings.read_patience_seconds or READS_S)
