"""Answers of this checkout beside another one's, field by field, to the same requests over the same snapshot.

    git worktree add ../before COMMIT
    python -m tests.benchmarks.same_answers --before ../before [--snapshot DIR] [--differences FILE]

The snapshot is what the other checkout makes of its own bundled data, or one that it has made. Each checkout serves it
by its own functions, on the stack in moto that its own tests have, with its own defaults, at a fixed time; nothing asks
for `understand`, and no writer is named. Every answer is compared as JSON, numbers to six digits. What
another change than that of language has added or reworded is listed in `ASIDE`, and counted. The exit status is 1
where anything else differs.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.checkouts import NOW, endcap, run_python

DRAWN: Final = ("recommendation_id", "cursor", "receipt")
"""What each answer draws for itself, or signs."""
ASIDE: Final = (
    (".reasons[].text", "Lower for you.", "a sentence of its own for what a falling demand takes away"),
    (".body.described", None, "profiles told to a shop's own people, a field that there was not"),
)
"""What something else than language has changed since: the end of a path, what was there before, and what it is."""
_DIGITS: Final = 6

_SERVE: Final = """
import importlib.util, json, sys, time
from pathlib import Path
from urllib.parse import urlencode

folder, requests, out = (Path(argument) for argument in sys.argv[1:])
sys.path.insert(0, str(Path.cwd()))
asked = json.loads(requests.read_text(encoding="utf-8"))
time.time = lambda: asked["at"]

from endcap.aws.profiles import ProfileTable
from endcap.aws.snapshots import SnapshotBucket
from endcap.events.interaction import Interaction
from endcap.profiles.profile import profile_of
from tests.fakes import moto_stack
from tests.fakes.inline_workers import reading_inline


class Context:
    function_name, memory_limit_in_mb, aws_request_id = "function", 512, "request"
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:function"

    def get_remaining_time_in_millis(self):
        return 600_000


def app(name):
    spec = importlib.util.spec_from_file_location(name, Path("functions") / name / "app.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


answers = {}
inline = reading_inline()
next(inline)
with moto_stack.stack():
    bucket = SnapshotBucket(moto_stack.client("s3"), moto_stack.BUCKET, out.parent / "cache")
    version = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["version"]
    bucket.upload(folder, version)
    bucket.flip(version, None)
    table = ProfileTable(moto_stack.client("dynamodb"), moto_stack.PROFILES)
    for user_id, events in asked["histories"].items():
        did = [Interaction(f"e{k}", user_id, kind, at_ms, item) for k, (kind, item, at_ms) in enumerate(events)]
        table.update(user_id, lambda _, did=did: profile_of(did, None))
    apps = {name: app(name) for name in {one["function"] for one in asked["requests"]}}
    for one in asked["requests"]:
        path = one["route"]
        for name, value in one.get("ids", {}).items():
            path = path.replace("{" + name + "}", value)
        event = {
            "version": "2.0",
            "routeKey": f"{one['method']} {one['route']}",
            "rawPath": path,
            "rawQueryString": urlencode(one.get("query", {})),
            "headers": {"content-type": "application/json"},
            "requestContext": {"http": {"method": one["method"], "path": path}, "stage": "$default"},
            "isBase64Encoded": False,
            "pathParameters": one.get("ids", {}),
            "queryStringParameters": one.get("query", {}),
        }
        if "body" in one:
            event["body"] = json.dumps(one["body"])
        answer = apps[one["function"]].handler(event, Context())
        answers[one["name"]] = {"status": answer["statusCode"], "body": json.loads(answer["body"] or "null")}
out.write_text(json.dumps(answers), encoding="utf-8")
"""


def requests_of(items: list[dict[str, Any]], at_s: int) -> dict[str, Any]:
    """What is asked: lists for shoppers of several kinds, searches, neighbours, filters and profiles.

    Parameters
    ----------
    items : of the catalogue; those that stand evenly apart are asked about
    at_s : when, in seconds since 1970
    """
    some = [str(item["item_id"]) for item in items[:: max(1, len(items) // 60)]]
    kinds = ("view", "purchase", "add_to_cart", "like", "dislike")
    histories = {
        f"u{n}": [
            (kinds[(n + k) % len(kinds)], some[(7 * n + 3 * k) % len(some)], (at_s - 3600 * (k + 1) * (n + 1)) * 1000)
            for k in range(2 + 3 * n)
        ]
        for n in range(6)
    }
    session = [
        {"event_id": f"s{k}", "event_type": kind, "item_id": some[5 * k + 2], "timestamp": at_s - 60 * (k + 1)}
        for k, kind in enumerate(kinds)
    ]
    words = [str(item["title"]).lower() for item in items[11 :: max(1, len(items) // 12)]]
    told = {"explain": True, "fields": ["title", "price", "categories", "brand", "attributes"], "limit": 20}
    bodies: dict[str, dict[str, Any]] = {
        "nobody": {},
        "a session": {"interactions": session},
        "as of a moment": {"interactions": session, "as_of": at_s},
        "similar": {"relation": "similar", "items": [some[3]]},
        "similar, for a session": {"relation": "similar", "items": [some[9]], "interactions": session},
        "together": {"relation": "together", "items": [some[4]]},
        "filtered": {"filter": "price < 3 AND available = true", "interactions": session},
        "candidates": {"candidates": some[:30], "interactions": session},
        "varied": {"diversity": 0.5, "interactions": session},
        "boosted": {"boost": [{"filter": "price < 2", "weight": 0.5}]},
        "an unusable filter": {"filter": "price <"},
        **{f"query: {text}": {"query": text, "interactions": session} for text in words},
        **{
            f"query that could be understood: {text}": {"query": text}
            for text in ("mug under 5, not red", "without glass", "cheapest first", "不要红色的杯子", "300 元以内的灯")
        },
    }
    asked = [
        {"name": name, "function": "recommend", "method": "POST", "route": "/recommendations", "body": told | body}
        for name, body in bodies.items()
    ]

    def get(name: str, function: str, route: str, ids: Mapping[str, str], **query: object) -> dict[str, Any]:
        texts = {key: str(value) for key, value in query.items()}
        return {"name": name, "function": function, "method": "GET", "route": route, "ids": dict(ids), "query": texts}

    for user in histories:
        ids = {"user_id": user}
        asked.append(
            get(f"for {user}", "recommend", "/users/{user_id}/recommendations", ids, explain="true", fields="title")
        )
        asked.append(get(f"profile of {user}", "manage_users", "/users/{user_id}/profile", ids, language="en"))
    for item in some[:8]:
        for route in ("similar", "together"):
            asked.append(get(f"{route} to {item}", "recommend", f"/items/{{item_id}}/{route}", {"item_id": item}))
    asked += [get(f"search: {text}", "recommend", "/search", {}, q=text, explain="true") for text in words]
    return {"at": at_s, "histories": histories, "requests": asked}


def differences(before: Any, now: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Where two answers differ: path, and what each has; numbers to six digits."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in (*before, *(key for key in now if key not in before)):
            if key not in DRAWN:
                yield from differences(before.get(key), now.get(key), f"{path}.{key}")
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for one, other in zip(before, now, strict=True):
            yield from differences(one, other, f"{path}[]")
    elif isinstance(before, float | int) and isinstance(now, float | int) and not isinstance(before, bool):
        if f"{before:.{_DIGITS}g}" != f"{now:.{_DIGITS}g}":
            yield path, before, now
    elif before != now:
        yield path, before, now


def _known(path: str, before: Any) -> str | None:
    """Why a difference is left aside; None where it is not."""
    return next((why for end, was, why in ASIDE if path.endswith(end) and before == was), None)


def main() -> None:
    """Compare, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, required=True, help="a checkout of the commit to compare with")
    parser.add_argument("--snapshot", type=Path, help="one that it has made; of its bundled data by default")
    parser.add_argument("--differences", type=Path, help="where to write all of them, as JSON lines")
    options = parser.parse_args()
    checkouts = {"before": options.before.resolve(), "now": NOW}
    with tempfile.TemporaryDirectory(prefix="endcap-same-answers-") as place:
        folder = Path(place)
        snapshot = options.snapshot.resolve() if options.snapshot else folder / "snapshot"
        if not options.snapshot:
            data = checkouts["before"] / "infra/local/endcap_local/demo_data"
            endcap(checkouts["before"], "rebuild", "--data", str(data), "--out", str(snapshot))
        items = [json.loads(line) for line in (snapshot / "items.jsonl").read_text(encoding="utf-8").splitlines()]
        as_of_ms = json.loads((snapshot / "manifest.json").read_text(encoding="utf-8"))["catalog_as_of_ms"]
        asked = requests_of(items, as_of_ms // 1000 + 3600)
        (folder / "requests.json").write_text(json.dumps(asked), encoding="utf-8")
        found = {}
        for name, checkout in checkouts.items():
            out = folder / name / "answers.json"
            out.parent.mkdir()
            run_python(checkout, _SERVE, str(snapshot), str(folder / "requests.json"), str(out))
            found[name] = json.loads(out.read_text(encoding="utf-8"))
    told = [(name, *one) for name in found["before"] for one in differences(found["before"][name], found["now"][name])]
    known = [
        next((why for end, was, why in ASIDE if path.endswith(end) and old == was), None) for _, path, old, _ in told
    ]
    left = [one for one, why in zip(told, known, strict=True) if why is None]
    same = len(found["before"]) - len({name for name, *_ in left})
    print(f"{same} of {len(found['before'])} answers are equal field by field, but for what is left aside:")
    for end, _, why in ASIDE:
        print(f"  {end}: {known.count(why)} times, {why}")
    for path, count in Counter(path for _, path, _, _ in left).most_common():
        print(f"  differs: {path}, {count} times")
    if options.differences:
        lines = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in left)
        options.differences.write_text(lines, encoding="utf-8")
    sys.exit(1 if left else 0)


if __name__ == "__main__":
    main()
