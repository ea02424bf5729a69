"""Tokens as a shop's back end makes them, and a great many that it did not make."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
from collections.abc import Iterator, Mapping
from typing import Any

SECRET = "a-secret-of-the-storefront's-door"
BEFORE = "the-secret-that-was-in-use-before"
NOW_S = 1_800_000_000.0
HEADER: Mapping[str, Any] = {"alg": "HS256", "typ": "JWT"}


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def part(value: object) -> str:
    return b64(json.dumps(value).encode())


def claims(now_s: float = NOW_S, **others: Any) -> dict[str, Any]:
    return {"sub": "alice", "exp": now_s + 3600, **others}


def signed(payload: object, secret: str = SECRET, header: object = HEADER, algorithm: str = "sha256") -> str:
    """A token whose signature fits."""
    text = f"{part(header)}.{part(payload)}"
    return f"{text}.{b64(hmac.digest(secret.encode(), text.encode(), algorithm))}"


def no_good(seed: int, count: int, now_s: float = NOW_S) -> Iterator[tuple[str, str]]:
    """What is wrong with a token that names alice, and the token; from a seed."""
    drawn = random.Random(seed)
    kinds = (_unsigned, _wrong_algorithm, _wrong_key, _spoilt, _swapped, _over, _of_claims, _malformed)
    for number in range(count):
        yield kinds[number % len(kinds)](drawn, now_s)


def _unsigned(drawn: random.Random, now_s: float) -> tuple[str, str]:
    algorithm = drawn.choice(["none", "None", "NONE", "nOnE", "", None, 0, False, "HS256 ", ["HS256"], {"HS256": 1}])
    text = f"{part({**HEADER, 'alg': algorithm})}.{part(claims(now_s))}"
    tail = drawn.choice([".", ".e30", "." + b64(b"\0" * 32), f".{part(claims(now_s))}", ""])
    return f"alg {algorithm!r} and {tail!r}", text + tail


def _wrong_algorithm(drawn: random.Random, now_s: float) -> tuple[str, str]:
    name = drawn.choice(["HS384", "HS512", "RS256", "ES256", "EdDSA", "none", "hs256", "PS256", "HS1"])
    # Signed with the right secret, by the algorithm that the header names or by the one that is asked for.
    return f"alg {name}", signed(
        claims(now_s), header={**HEADER, "alg": name}, algorithm=drawn.choice(["sha256", "sha384", "sha512"])
    )


def _wrong_key(drawn: random.Random, now_s: float) -> tuple[str, str]:
    guess = drawn.choice(
        ["", "secret", SECRET[:-1], SECRET + " ", SECRET.upper(), BEFORE[::-1], drawn.randbytes(8).hex()]
    )
    return f"signed with {guess!r}", signed(claims(now_s), guess)


def _spoilt(drawn: random.Random, now_s: float) -> tuple[str, str]:
    token = signed(claims(now_s))
    at = drawn.randrange(len(token))
    other = drawn.choice([c for c in "ABCxyz019-_.=+/ é" if c != token[at]])
    return f"{other!r} at {at}", token[:at] + other + token[at + 1 :]


def _swapped(drawn: random.Random, now_s: float) -> tuple[str, str]:
    mine, other = (
        signed(claims(now_s, sub="mallory")).split("."),
        part(claims(now_s, sub=drawn.choice(["alice", "bob"]))),
    )
    return "the payload of another", f"{mine[0]}.{other}.{mine[2]}"


def _over(drawn: random.Random, now_s: float) -> tuple[str, str]:
    ends: Any = drawn.choice(
        [
            now_s,
            now_s - drawn.uniform(0, 1e8),
            now_s + 86_400 + 61,
            now_s + drawn.uniform(86_461, 1e9),
            None,
            str(now_s + 60),
            True,
            [now_s + 60],
            1e308,
            -1,
            0,
            now_s * 1000,
        ]
    )
    return f"exp {ends!r}", signed(claims(now_s, exp=ends))


def _of_claims(drawn: random.Random, now_s: float) -> tuple[str, str]:
    wrong: dict[str, Any] = drawn.choice(
        [
            {"sub": None},
            {"sub": ""},
            {"sub": 7},
            {"sub": ["alice"]},
            {"sub": "anon:" + "A" * 22},
            {"sub": "x" * 129},
            {"sub": "a\0b"},
            {"nbf": now_s + 3600},
            {"nbf": "soon"},
            {"iat": now_s + 3600},
            {"iat": None},
            {"iat": True},
            {"nbf": False},
            {"aud": "another"},
            {"aud": ["another"]},
            {"aud": None},
            {"aud": {"endcap-storefront": 1}},
        ]
    )
    return f"{wrong!r}", signed(claims(now_s, **wrong))


def _malformed(drawn: random.Random, now_s: float) -> tuple[str, str]:
    good = signed(claims(now_s))
    head, payload, mac = good.split(".")
    junk = drawn.randbytes(drawn.randrange(40))
    own = b64(hmac.digest(SECRET.encode(), junk, hashlib.sha256))
    return drawn.choice(
        [
            ("padded", good + "="),
            ("four parts", good + "."),
            ("two parts", f"{head}.{payload}"),
            ("a space before", " x" + good),
            ("no JSON", f"{b64(junk)}.{b64(junk)}.{own}"),
            ("no object", signed([claims(now_s)])),
            ("crit", signed(claims(now_s), header={**HEADER, "crit": ["exp"]})),
            ("typ", signed(claims(now_s), header={**HEADER, "typ": "at+jwt"})),
            ("header no object", signed(claims(now_s), header=["HS256"])),
            ("nothing", ""),
            ("dots", ".."),
            ("too long", signed(claims(now_s, note="x" * 3000))),
            ("too deep", signed(claims(now_s, note=_nested(30)))),
            ("the standard alphabet", f"{head}.{payload}.{mac[:-1]}+/"),
            ("twice", f"{good}{good}"),
        ]
    )


def _nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value
