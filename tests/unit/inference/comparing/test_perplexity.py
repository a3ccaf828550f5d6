"""Windows score every token but the first exactly once, with what came before it."""

import math

import pytest

from inference.comparing.errors import TextError
from inference.comparing.perplexity import (
    IMPOSSIBLE,
    Window,
    build_windows,
    compute_perplexity,
    find_difference,
)


@pytest.mark.parametrize("tokens", [2, 7, 8, 9, 12, 13, 100])
@pytest.mark.parametrize(("window", "stride"), [(8, 4), (8, 7), (2, 1), (64, 32)])
def test_every_token_but_the_first_is_scored_once(tokens: int, window: int, stride: int) -> None:
    windows = build_windows(tokens, window=window, stride=stride)
    scored = [at for each in windows for at in range(each.scored_from, each.stop)]
    assert scored == list(range(1, tokens))
    assert all(each.stop - each.start <= window for each in windows)
    assert all(each.scored_from > each.start for each in windows)


def test_later_windows_give_each_token_at_least_window_less_stride_before_it() -> None:
    windows = build_windows(1000, window=100, stride=30)
    assert min(each.scored_from - each.start for each in windows[1:]) == 70
    assert windows[:2] == (Window(0, 100, 1), Window(30, 130, 100))


def test_one_window_holds_a_short_text() -> None:
    assert build_windows(50, window=100, stride=50) == (Window(0, 50, 1),)


def test_text_of_one_token_is_refused() -> None:
    with pytest.raises(TextError, match="has 1 tokens"):
        build_windows(1, window=8, stride=4)


def test_perplexity_of_even_chances_is_their_number() -> None:
    found = compute_perplexity([-math.log(50)] * 30)
    assert found.value == pytest.approx(50)
    assert (found.scored_tokens, found.impossible_tokens) == (30, 0)


def test_impossible_token_leaves_no_perplexity() -> None:
    found = compute_perplexity([-1.0, IMPOSSIBLE, -1.0])
    assert (found.value, found.impossible_tokens) == (None, 1)


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ([1, 2, 3], [1, 2, 3], ""),
        ([1, 2, 3], [1, 9, 3], "they part at token 2"),
        ([1, 2], [1, 2, 3], "one goes on where the other ends"),
    ],
)
def test_different_tokens_are_told(first: list[int], second: list[int], words: str) -> None:
    assert words in find_difference(first, second)
    assert bool(find_difference(first, second)) == (first != second)
