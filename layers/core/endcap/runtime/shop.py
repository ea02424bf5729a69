"""What the shop sells, and how its system speaks to us."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING

from endcap.aws.clients import BEST_EFFORT, SENDING
from endcap.runtime.base import Base

if TYPE_CHECKING:
    from endcap.aws.items import ItemTable
    from endcap.aws.known_items import KnownItems
    from endcap.aws.products import ProductTable
    from endcap.aws.webhook_secrets import WebhookSecret


class Shop(Base):
    """What the shop sells, and how its system speaks to us."""

    @cached_property
    def items(self) -> ItemTable:
        """The items table."""
        from endcap.aws.items import ItemTable

        return ItemTable(self._clients("dynamodb", self._config), self.settings.items_table)

    @cached_property
    def products(self) -> ProductTable:
        """Which items the products of shop systems have."""
        from endcap.aws.products import ProductTable

        return ProductTable(self._clients("dynamodb", self._config), self.settings.items_table)

    @cached_property
    def known_items(self) -> KnownItems:
        """Which items there are, for a hint: its client is made when it is first asked."""
        from endcap.aws.known_items import KnownItems

        return KnownItems(lambda: self._clients("dynamodb", BEST_EFFORT), self.settings.items_table)

    @cached_property
    def webhook_secrets(self) -> Mapping[str, WebhookSecret]:
        """Shop system -> what its webhooks are signed with; of those that have something."""
        from endcap.aws.webhook_secrets import WebhookSecret

        settings = self.settings
        arns = {"shopify": settings.shopify_secret, "woocommerce": settings.woocommerce_secret}
        client = partial(self._clients, "secretsmanager", SENDING)
        return {system: WebhookSecret(client, arn) for system, arn in arns.items() if arn}
