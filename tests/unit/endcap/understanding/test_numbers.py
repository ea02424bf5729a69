import pytest

from endcap.understanding.numbers import number


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12", 12),
        ("1,250.50", 1250.5),
        ("1.5k", 1500),
        ("3百", 300),
        ("twenty", 20),
        ("twenty-five", 25),
        ("a hundred", 100),
        ("two hundred and fifty", 250),
        ("three thousand", 3000),
        ("十", 10),
        ("三百", 300),
        ("两百五", 250),
        ("两千五", 2500),
        ("一百零五", 105),
        ("一万二", 12_000),
        ("三十五", 35),
    ],
)
def test_numbers_are_read_as_they_are_written(text: str, expected: float) -> None:
    assert number(text) == expected


def test_words_that_are_no_number_are_none() -> None:
    assert number("several") is None
    assert number("几百") is None
