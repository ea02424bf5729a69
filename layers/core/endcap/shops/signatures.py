"""Whether a webhook's body is signed by whom the shop has told its secret: base64 of HMAC-SHA256 over the raw bytes.

https://shopify.dev/docs/apps/build/webhooks/subscribe/https#step-2-validate-the-origin-of-your-webhook
https://developer.woocommerce.com/docs/apis/rest-api/v3/webhooks/
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Collection, Sequence


def signature(secret: bytes, body: bytes) -> str:
    """What a sender that knows `secret` writes beside `body`."""
    return base64.b64encode(hmac.new(secret, body, hashlib.sha256).digest()).decode()


def is_signed(body: bytes, given: str, secret: bytes) -> bool:
    """Whether `given` is the signature of `body`; takes as long whatever it is."""
    return hmac.compare_digest(signature(secret, body).encode(), given.strip().encode("utf-8", "replace"))


def keys_for(topic: str, lines: Sequence[bytes], topics: Collection[str]) -> list[bytes]:
    """What may sign a webhook of a topic, of the lines of a secret: `SECRET`, or `TOPIC SECRET` for one of `topics`.

    A topic that has lines of its own is signed by no other, and what they say signs nothing else.
    """
    own: list[bytes] = []
    others: list[bytes] = []
    for line in lines:
        named, _, secret = line.partition(b" ")
        if secret and named.decode("utf-8", "replace") in topics:
            own += [secret.strip()] if named == topic.encode() else []
        else:
            others.append(line)
    return own or others
