"""Bodies that have broken parsers, validators or stores elsewhere: none of them is a request, whatever the route."""

from __future__ import annotations

import base64


def deep(levels: int) -> str:
    return "[" * levels + "]" * levels


HOSTILE = {
    "empty": "",
    "no JSON": "events=1",
    "cut off": '{"events": [',
    "5,000 digits": '{"events": ' + "9" * 5000 + "}",
    "400 digits": '{"events": [{"timestamp": ' + "9" * 400 + "}]}",
    "2,000 deep": '{"events": ' + deep(2000) + "}",
    "100,000 deep": deep(100_000),
    "17 deep": deep(17),
    "NaN": '{"events": [{"value": NaN}]}',
    "Infinity": '{"events": [{"value": -Infinity}]}',
    "1e400": '{"events": [{"value": 1e400}]}',
    "lone surrogate": '{"events": [{"user_id": "\\ud800"}]}',
    "lone surrogate as a name": '{"\\udc00": 1}',
    "lone surrogate as it is": '{"events": "\ud800"}',
    "a list": "[]",
    "a number": "3",
    "null": "null",
    "text": '"events"',
    "wrong types": '{"events": {"0": 1}, "items": 3, "attributes": "none", "preferences": [1], "consent": 1}',
    "nothing in it": '{"events": [], "items": []}',
    "multipart without a boundary": "--\r\ncontent-disposition: form-data; name=a\r\n\r\n1\r\n----",
    "null character": '{"events": [{"user_id": "a\\u0000b"}]}',
}
HOSTILE_BASE64 = {
    "invalid base64": "not base64!",
    "not UTF-8": base64.b64encode(b'{"events": "\xff\xfe"}').decode(),
    "UTF-16": base64.b64encode('{"events": []}'.encode("utf-16")).decode(),
    "cut base64": base64.b64encode(b'{"events": []}').decode()[:-3],
}
