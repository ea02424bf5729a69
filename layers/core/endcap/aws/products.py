"""Which items the products of shop systems have, in rows of the items table.

Shop systems tell of products, and that one is gone by its id alone. A row's key is no item's id, and every reader takes
it for the tombstone of an item that nobody knows; it is not in the index.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from endcap.aws.clients import aws_errors
from endcap.errors import ConflictError

PREFIX: Final = "\0product/"
"""No id has a control character in it."""


class ProductTable:
    """The rows of products.

    Parameters
    ----------
    dynamodb : a boto3 DynamoDB client
    """

    def __init__(self, dynamodb: Any, table: str) -> None:
        self._dynamodb, self._table = dynamodb, table

    def begin(self, key: str, at_ms: int) -> frozenset[str] | None:
        """See `endcap.shops.products.Parts`.

        Raises
        ------
        ThrottledError, DependencyError
        """
        try:
            answer = self._update(
                key,
                UpdateExpression="SET told_at = :at, changed_at = :long_ago",
                ConditionExpression="attribute_not_exists(told_at) OR told_at <= :at",
                ExpressionAttributeValues={":at": {"N": str(at_ms)}, ":long_ago": {"N": "0"}},
                ReturnValues="ALL_NEW",
            )
        except ConflictError:
            return None
        return frozenset(answer.get("Attributes", {}).get("parts", {}).get("SS", ()))

    def finish(self, key: str, at_ms: int, item_ids: Collection[str]) -> None:
        """See `endcap.shops.products.Parts`; something newer that came meanwhile is left as it is.

        Raises
        ------
        ThrottledError, DependencyError
        """
        values: dict[str, Any] = {":at": {"N": str(at_ms)}}
        change = "REMOVE parts"
        if item_ids:
            change, values[":parts"] = "SET parts = :parts", {"SS": sorted(item_ids)}
        try:
            self._update(
                key, UpdateExpression=change, ConditionExpression="told_at = :at", ExpressionAttributeValues=values
            )
        except ConflictError:
            return

    def _update(self, key: str, **update: Any) -> Mapping[str, Any]:
        with aws_errors("write product"):
            answer: Mapping[str, Any] = self._dynamodb.update_item(
                TableName=self._table, Key={"item_id": {"S": PREFIX + key}}, **update
            )
        return answer
