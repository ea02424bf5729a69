import pytest

from endcap.text.mentions import mentions


@pytest.mark.parametrize(
    ("text", "words", "expected"),
    [
        ("RED RETROSPOT MUG", "red", True),
        ("Coloured hundred", "red", False),
        ("Six dolls", "doll", True),
        ("A doll", "dolls", True),
        ("Glass jar", "glass", True),
        ("Candy box", "candies", True),
        ("Sugar-free candies", "sugar", False),
        ("Lotion without parabens", "parabens", False),
        ("No glass lantern and a glass vase", "glass", True),
        ("白色毛巾", "白色", True),
        ("不含酒精爽肤水", "酒精", False),
        ("42码拖鞋", "42", True),
        ("142码拖鞋", "42", False),
        ("anything", " ", False),
    ],
)
def test_words_are_mentioned_whole_and_not_in_denial(text: str, words: str, expected: bool) -> None:
    assert mentions(text, words) is expected
