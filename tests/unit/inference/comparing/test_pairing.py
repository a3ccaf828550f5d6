"""The paired interval against published figures, and how often it holds the truth."""

import random

import pytest

from inference.comparing.pairing import (
    Paired,
    compute_interval,
    compute_p_value,
    compute_phi,
    compute_wilson,
    describe,
    pair,
)


def test_answers_are_paired_question_by_question() -> None:
    found = pair([True, True, False, False, True], [True, False, True, False, True])
    assert found == Paired(both=2, only_parent=1, only_child=1, neither=1)
    assert (found.parent_rate, found.child_rate, found.difference) == (0.6, 0.6, 0.0)


@pytest.mark.parametrize(
    ("paired", "interval"),
    [
        # Bentur and others 2009, in chapter 8 of Fagerland, Lydersen and Laake, Analysis of Contingency Tables.
        (Paired(both=1, only_parent=7, only_child=1, neither=12), (-0.507, -0.026)),
        # Altman and others, Statistics with Confidence, second edition, table 6.2: the difference is 12.2 %.
        (Paired(both=14, only_parent=0, only_child=5, neither=22), (0.011, 0.226)),
    ],
)
def test_interval_is_the_published_one(paired: Paired, interval: tuple[float, float]) -> None:
    assert compute_interval(paired) == pytest.approx(interval, abs=0.0006)


def test_wilson_interval_is_the_published_one() -> None:
    """Newcombe 1998 (Statistics in Medicine 17, 857-872), table I, method 3: 81 of 263, and 0 of 20."""
    assert compute_wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=0.0001)
    assert compute_wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=0.0001)


def test_interval_turns_around_when_parent_and_child_do() -> None:
    low, high = compute_interval(Paired(30, 12, 5, 20))
    assert compute_interval(Paired(30, 5, 12, 20)) == pytest.approx((-high, -low))


def test_interval_does_not_shrink_to_a_point_where_nothing_differs() -> None:
    low, high = compute_interval(Paired(20, 0, 0, 0))
    assert low == pytest.approx(-0.161, abs=0.001)
    assert high == pytest.approx(0.161, abs=0.001)


def test_correlation_is_corrected_for_continuity() -> None:
    assert compute_phi(Paired(14, 0, 5, 22)) == pytest.approx((14 * 22 - 41 / 2) / (19 * 22 * 14 * 27) ** 0.5)
    assert compute_phi(Paired(1, 7, 1, 12)) == 0
    assert compute_phi(Paired(9, 0, 0, 0)) == 0


def test_interval_holds_the_true_difference_about_as_often_as_it_says() -> None:
    """40 questions, drawn 4,000 times: both 60 %, only parent 15 %, only child 5 %, neither 20 %."""
    draw, held = random.Random(4), 0  # noqa: S311 - a simulation
    for _ in range(4000):
        kinds = draw.choices(range(4), weights=(60, 15, 5, 20), k=40)
        low, high = compute_interval(Paired(*(kinds.count(kind) for kind in range(4))))
        held += low <= -0.10 <= high
    assert 0.94 <= held / 4000 <= 0.98


@pytest.mark.parametrize(
    ("paired", "p"), [(Paired(1, 7, 1, 12), 0.0703), (Paired(5, 0, 0, 5), 1.0), (Paired(0, 10, 0, 0), 2 / 1024)]
)
def test_exact_test_is_the_binomials(paired: Paired, p: float) -> None:
    assert compute_p_value(paired) == pytest.approx(p, abs=0.0001)


def test_words_say_no_more_than_the_interval() -> None:
    assert "the loss is at most 26.4 points. 5 questions are a small sample" in describe(Paired(0, 0, 1, 4))
    assert describe(Paired(400, 90, 10, 500)).startswith("The child passes fewer questions")
    assert "small" not in describe(Paired(400, 90, 10, 500))
    assert describe(Paired(400, 10, 90, 500)).startswith("The child passes more questions")
