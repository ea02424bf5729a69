"""The storefront door: what a request from a browser must pass before anything is done for it."""

from __future__ import annotations

import hmac
import ipaddress
import secrets as random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from endcap.api.guard import limited
from endcap.api.limits import ClientLimits
from endcap.errors import ForbiddenError, UnauthorisedError
from endcap.settings import SettingsError
from endcap.storefront.origins import Origins
from endcap.storefront.visits import Visit, is_nobody, visit_of

FRONT_HEADER: Final = "x-endcap-front"
VIEWER_HEADER: Final = "cloudfront-viewer-address"


@dataclass(frozen=True, slots=True)
class Door:
    """Lets browsers in.

    Attributes
    ----------
    secrets : that tokens are signed with, the present one first
    front_key : what the front (CloudFront) puts into a header of its own, so that nobody goes round it; empty for none
    limits : of each visitor, and of each address without a token
    new_key : 16 random bytes
    """

    secrets: Sequence[str]
    origins: Origins
    limits: ClientLimits
    front_key: str = ""
    clock: Callable[[], float] = time.time
    new_key: Callable[[], bytes] = lambda: random.token_bytes(16)

    def enter(self, event: Mapping[str, Any]) -> Visit | None:
        """The visit that an event of the HTTP API belongs to; None for nobody's, of whom nothing is read or kept.

        Raises
        ------
        ForbiddenError : round the front, or from a page of somebody else
        TooManyRequestsError : the visitor asks for more than their share, or the address without a token
        UnauthorisedError : a token is no good
        SettingsError : there is no secret to tell tokens by
        """
        if not self.secrets:
            raise SettingsError("environment variable STOREFRONT_SECRETS is not set")
        headers = event.get("headers") or {}
        self.check_page(headers)
        if is_nobody(headers):
            self._limit(self._address(event))
            return None
        try:
            visit = visit_of(headers, event.get("cookies") or (), self.secrets, self.clock(), self.new_key())
        except UnauthorisedError:
            self._limit(self._address(event))
            raise
        # Many shoppers may share an address, of an office or of a mobile network; each has a token after one request.
        self._limit(visit.visitor.anonymous_id if visit.known else self._address(event))
        return visit

    def _limit(self, client: str) -> None:
        limited(self.limits.wait_s("browser", client))

    def check_page(self, headers: Mapping[str, str]) -> None:
        """Raise a ForbiddenError for what comes round the front, or from a page of somebody else."""
        if self.front_key and not hmac.compare_digest(
            headers.get(FRONT_HEADER, "").encode("utf-8", "replace"), self.front_key.encode()
        ):
            raise ForbiddenError("the storefront door is behind its front")
        if not self.origins.admits(headers):
            raise ForbiddenError("pages of this origin may not call the storefront door")

    def _address(self, event: Mapping[str, Any]) -> str:
        """Whom a limit is for: an IPv4 address, or the network that an IPv6 address is one of very many of."""
        source = str(event["requestContext"]["http"].get("sourceIp", ""))
        if self.front_key:  # what the header says is the front's word then
            source = (event.get("headers") or {}).get(VIEWER_HEADER, source).rpartition(":")[0] or source
        try:
            address = ipaddress.ip_address(source.strip("[]"))
        except ValueError:
            return source
        return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else str(address)
