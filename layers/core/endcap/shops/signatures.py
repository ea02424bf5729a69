"""Whether a webhook's body is signed by whom the shop has told its secret: base64 of HMAC-SHA256 over the raw bytes.

https://shopify.dev/docs/apps/build/webhooks/subscribe/https#step-2-validate-the-origin-of-your-webhook
https://developer.woocommerce.com/docs/apis/rest-api/v3/webhooks/
"""

from __future__ import annotations

import base64
import hashlib
import hmac


def signature(secret: bytes, body: bytes) -> str:
    """What a sender that knows `secret` writes beside `body`."""
    return base64.b64encode(hmac.new(secret, body, hashlib.sha256).digest()).decode()


def is_signed(body: bytes, given: str, secret: bytes) -> bool:
    """Whether `given` is the signature of `body`; takes as long whatever it is."""
    return hmac.compare_digest(signature(secret, body).encode(), given.strip().encode("utf-8", "replace"))
