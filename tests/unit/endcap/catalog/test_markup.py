import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.catalog.markup import plain_text
from tests.fakes.effort import tried


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Lamp", "Lamp"),
        ("  kept as  it is ", "  kept as  it is "),
        ("a < b > c, 3<5", "a < b > c, 3<5"),
        ("AT&T, R&D; Tom &Jerry", "AT&T, R&D; Tom &Jerry"),
        ("AT&amp;T", "AT&T"),
        ("&amp;lt;b&amp;gt;bold&amp;lt;/b&amp;gt;", "bold"),
        ("one<br>two<br/>three", "one two three"),
        ("un<b>believ</b>able", "unbelievable"),
        ("<p>a</p><p>b</p>", "a b"),
        ("<script>alert('x')</script>Lamp<style>p{}</style>", "Lamp"),
        ("<style>p{} never closed", ""),
        ("<!-- note -->Lamp", "Lamp"),
        ("<p", "<p"),
        ("&#12345678901;", "&#12345678901;"),
        ("红色<strong>陶瓷</strong>杯&nbsp;x", "红色陶瓷杯 x"),
    ],
)
def test_elements_and_entities_are_read(text, plain):
    assert plain_text(text) == plain


@tried(50)
@given(st.text("<>&;/ab!-pstyle#x123 \n\"'"))
def test_anything_is_read_and_text_stays_what_it_is(text):
    once = plain_text(text)
    assert len(once) <= len(text) * 2
    assert plain_text("plain " + text.replace("<", "").replace("&", "")) == "plain " + text.replace("<", "").replace(
        "&", ""
    )
