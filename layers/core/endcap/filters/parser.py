"""Filter expressions, `price < 50 AND categories CONTAINS "Kitchen" AND NOT purchased WITHIN 30d`, read into a tree.

```
expression = term (OR term)* ; term = factor (AND factor)* ; factor = NOT factor | "(" expression ")" | condition
condition  = field (= | != | < | <= | > | >=) value | field [NOT] IN (value, ...) | field [NOT] CONTAINS value
           | field MENTIONS value
           | field IS [NOT] NULL | field [NOT] EXISTS | (created_at | expires_at) WITHIN duration | available
           | kind of interaction [WITHIN duration]
field      = price, brand, title, ... | attributes.name | attributes."any name" | the bare name of an attribute
value      = 'text' | "text" | 12.5 | true | false | $parameter | $user.attribute
duration   = 90s | 15m | 12h | 30d | 2w
```
Keywords are read in any case. `docs/filters.md` says what each condition means.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple, NoReturn

from endcap.filters.tree import (
    ATTRIBUTES,
    FIELDS,
    Both,
    Compare,
    Contains,
    Exists,
    Expression,
    ExpressionError,
    Field,
    History,
    Mentions,
    Node,
    Not,
    OneOf,
    Recent,
    Scalar,
    Sort,
    Value,
    checked,
)

__all__ = ["Expression", "ExpressionError", "expression"]

MAX_CHARS: Final = 2000
MAX_DEPTH: Final = 16
MAX_CONDITIONS: Final = 100
MAX_LISTED: Final = 200


def expression(text: str, where: str = "filter") -> Expression:
    """The expression that `text` writes; texts seen lately are not read again.

    Raises
    ------
    ExpressionError : with the position and what was expected there
    """
    try:
        return Expression(text, _read(text), where)
    except ExpressionError as exc:
        raise ExpressionError(exc.plain, exc.position, where) from None


class _Token(NamedTuple):
    kind: str
    text: str
    position: int  # from 1

    @property
    def keyword(self) -> str:
        """The keyword that this is, "" for anything else."""
        upper = self.text.upper()
        return upper if self.kind == "word" and upper in _KEYWORDS else ""


_KEYWORDS: Final = frozenset({"AND", "OR", "NOT", "IN", "CONTAINS", "IS", "NULL", "EXISTS", "WITHIN", "TRUE", "FALSE"})
_QUOTED: Final = r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'"""
_TOKENS: Final = re.compile(
    rf"""(?P<space>\s+)
    | (?P<duration>[0-9]+(?:\.[0-9]+)?[smhdw]\b)
    | (?P<number>[-+]?[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?)
    | (?P<text>{_QUOTED})
    | (?P<parameter>\$\w+(?:\.[\w-]+)*)
    | (?P<word>[^\W\d][\w-]*(?:\.[\w-]+)*(?:\.(?:{_QUOTED}))?)
    | (?P<operator><=|>=|!=|<>|==|[=<>])
    | (?P<mark>[(),])""",
    re.VERBOSE | re.DOTALL,
)
_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_ALIASES: Final = {"==": "=", "<>": "!="}


def _tokens(text: str) -> list[_Token]:
    found, at = [], 0
    while at < len(text):
        match = _TOKENS.match(text, at)
        if match is None:
            quote = text[at] in "\"'"
            raise ExpressionError("a text that does not end" if quote else f"unexpected {text[at]!r}", at + 1)
        kind = str(match.lastgroup)
        if kind != "space":
            found.append(_Token(kind, match.group(), at + 1))
        at = match.end()
    found.append(_Token("end", "", len(text) + 1))
    return found


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)


@lru_cache(maxsize=512)
def _read(text: str) -> Node:
    if len(text) > MAX_CHARS:
        raise ExpressionError(f"an expression may have at most {MAX_CHARS} characters", MAX_CHARS + 1)
    return _Reader(_tokens(text)).whole()


class _Reader:
    """Reads tokens from left to right; every method leaves `self.next` at the first token that it did not take."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens, self._at, self._depth, self._conditions = tokens, 0, 0, 0

    @property
    def next(self) -> _Token:
        return self._tokens[self._at]

    def whole(self) -> Node:
        tree = self._either()
        if self.next.kind != "end":
            self._fail("AND, OR or the end")
        return tree

    def _take(self) -> _Token:
        token = self.next
        self._at += 1
        return token

    def _took(self, keyword: str) -> bool:
        if self.next.keyword != keyword:
            return False
        self._at += 1
        return True

    def _fail(self, expected: str) -> NoReturn:
        text = self.next.text[:40]
        found = "the end" if not text else text if self.next.kind == "text" else f'"{text}"'
        raise ExpressionError(f"expected {expected}, found {found}", self.next.position)

    def _either(self) -> Node:
        return self._joined("OR", lambda: self._joined("AND", self._factor))

    def _joined(self, keyword: str, part: Callable[[], Node]) -> Node:
        parts = [part()]
        while self._took(keyword):
            parts.append(part())
        return parts[0] if len(parts) == 1 else Both(keyword == "AND", tuple(parts))

    def _factor(self) -> Node:
        start = self.next
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ExpressionError(f"conditions may nest at most {MAX_DEPTH} deep", start.position)
        node: Node
        if self._took("NOT"):
            node = Not(self._factor())
        elif start.text == "(" and start.kind == "mark":
            self._take()
            node = self._either()
            self._mark(")")
        else:
            node = self._condition()
        self._depth -= 1
        return node

    def _mark(self, mark: str) -> None:
        if self.next.kind != "mark" or self.next.text != mark:
            self._fail(f'"{mark}"')
        self._take()

    def _condition(self) -> Node:
        self._conditions += 1
        if self._conditions > MAX_CONDITIONS:
            raise ExpressionError(f"an expression may hold at most {MAX_CONDITIONS} conditions", self.next.position)
        if self.next.kind != "word" or self.next.keyword:
            self._fail("a field, a kind of interaction, NOT or (")
        word = self._take()
        field = _field(word)
        following = self.next
        if following.kind == "operator":
            return self._comparison(field)
        negated = following.keyword == "NOT" and self._tokens[self._at + 1].keyword in ("IN", "CONTAINS", "EXISTS")
        if negated:
            self._take()
        node = self._worded(field, word)
        return Not(node) if negated else node

    def _worded(self, field: Field, word: _Token) -> Node:
        if self._took("IN"):
            return OneOf(field, self._values(field))
        if self.next.keyword == "CONTAINS":
            if field.sort not in ("text", "list", "any"):
                raise ExpressionError(f"{field.name} is neither text nor a list", field.position)
            self._take()
            return Contains(field, self._value("text", "="))
        if (
            self.next.kind == "word" and self.next.text.upper() == "MENTIONS"
        ):  # no keyword: a shop may have such an attribute
            if field.sort not in ("text", "list", "any"):
                raise ExpressionError(f"{field.name} is neither text nor a list", field.position)
            self._take()
            return Mentions(field, self._value("text", "="))
        if self._took("EXISTS"):
            return Exists(field)
        if self._took("IS"):
            exists = self._took("NOT")
            if not self._took("NULL"):
                self._fail("NULL" if exists else "NULL or NOT NULL")
            return Exists(field) if exists else Not(Exists(field))
        if field.sort == "time":
            if not self._took("WITHIN"):
                self._fail("a comparison, IN, IS, EXISTS or WITHIN")
            return Recent(field, self._duration())
        if field.name == "available":
            return Compare(field, "=", Value(word.position, literal=True))
        if field.sort != "any" or word.text.startswith(ATTRIBUTES):
            self._fail("a comparison, IN, CONTAINS, IS or EXISTS")
        return History(word.text.lower(), word.position, self._duration() if self._took("WITHIN") else None)

    def _comparison(self, field: Field) -> Node:
        token = self._take()
        operator = _ALIASES.get(token.text, token.text)
        if field.sort in ("flag", "list") and operator not in ("=", "!="):
            raise ExpressionError(f"{field.name} can only be compared by = and !=", token.position)
        value = self._value(field.sort, operator)
        if operator == "!=":  # exactly the opposite of =, for lists and missing values too
            return Not(Compare(field, "=", value))
        return Compare(field, operator, value)  # type: ignore[arg-type]

    def _values(self, field: Field) -> tuple[Value, ...]:
        if self.next.kind == "parameter":
            return (Value(self.next.position, parameter=self._take().text[1:]),)
        self._mark("(")
        values = [self._value(field.sort, "=")]
        while self.next.text == "," and self.next.kind == "mark":
            self._take()
            values.append(self._value(field.sort, "="))
            if len(values) > MAX_LISTED:
                raise ExpressionError(f"a list may hold at most {MAX_LISTED} values", self.next.position)
        self._mark(")")
        return tuple(values)

    def _value(self, sort: Sort, operator: str) -> Value:
        token = self.next
        literal: Scalar
        if token.kind == "parameter":
            return Value(self._take().position, parameter=token.text[1:])
        if token.kind == "text" and sort in ("number", "flag"):
            self._fail("a number" if sort == "number" else "true or false")
        if token.kind == "text":
            literal = _unquoted(token.text)
        elif token.kind == "number" and math.isfinite(float(token.text)):
            literal = float(token.text)
        elif token.keyword in ("TRUE", "FALSE"):
            literal = token.keyword == "TRUE"
        else:
            self._fail("a value: text in quotes, a number, true, false or $parameter")
        self._take()
        return Value(token.position, literal=checked(sort, operator, literal, token.position))

    def _duration(self) -> float:
        if self.next.kind != "duration":
            self._fail("a duration such as 30d, 12h or 90s")
        text = self._take().text
        return float(text[:-1]) * _UNITS[text[-1]]


def _field(word: _Token) -> Field:
    text = word.text
    if text.startswith(ATTRIBUTES):
        name = text.removeprefix(ATTRIBUTES)
        return Field(_unquoted(name) if name[0] in "\"'" else name, "any", word.position)
    if text in FIELDS:
        return Field(text, FIELDS[text], word.position)
    return Field(text, "any", word.position, stated=False)
