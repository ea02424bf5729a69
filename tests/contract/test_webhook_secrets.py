from __future__ import annotations

from typing import Any

import pytest

from endcap.aws.webhook_secrets import AGAIN_S, FRESH_S, KEPT_S, WebhookSecret
from endcap.errors import DependencyError
from tests.fakes import moto_stack


class World:
    """A secret in Secrets Manager, a clock, and how often it was read."""

    def __init__(self) -> None:
        self.client, self.now_s, self.reads, self.down = moto_stack.client("secretsmanager"), 0.0, 0, False
        self.secret = WebhookSecret(lambda: self, "shop-system", lambda: self.now_s)

    def get_secret_value(self, **asked: str) -> Any:
        self.reads += 1
        if self.down:
            return self.client.get_secret_value(SecretId="nowhere")
        return self.client.get_secret_value(**asked)

    def fits(self, text: str = moto_stack.SHOP_SECRET) -> bool:
        return self.secret.fits(lambda lines: text.encode() in lines)

    def change(self, text: str) -> None:
        self.client.put_secret_value(SecretId="shop-system", SecretString=text)


@pytest.fixture
def world() -> Any:
    with moto_stack.stack():
        yield World()


def test_it_is_read_once_for_a_while(world: World) -> None:
    assert [world.fits() for _ in range(3)] == [True] * 3
    assert world.reads == 1
    world.now_s = FRESH_S + 1
    assert world.fits()
    assert world.reads == 2


def test_a_changed_one_counts_as_soon_as_something_fits_nothing_else(world: World) -> None:
    assert world.fits()
    world.change("new one\nold one")
    world.now_s = AGAIN_S + 1
    assert world.fits("new one")
    assert world.fits("old one")
    assert not world.fits()


def test_what_fits_nothing_does_not_make_it_read_all_the_time(world: World) -> None:
    assert [world.fits("forged") for _ in range(50)] == [False] * 50
    assert world.reads == 1


def test_it_counts_for_a_while_when_it_can_not_be_read(world: World) -> None:
    assert world.fits()
    world.down, world.now_s = True, KEPT_S - 1
    assert world.fits()
    world.now_s = KEPT_S + 1
    with pytest.raises(DependencyError):
        world.fits()


@pytest.mark.parametrize("text", [" ", "\n\n"])
def test_an_empty_one_lets_nobody_in(world: World, text: str) -> None:
    world.change(text)
    with pytest.raises(DependencyError):
        world.fits("")
    with pytest.raises(DependencyError):  # nor is the sender told that it was wrong
        world.fits("")
