"""A follower gets each event once and in order, or is told to read the log."""

from datetime import UTC, datetime
from uuid import UUID

from webapp.streaming.mailbox import CAPACITY, Mailbox
from webapp.streaming.types import Event

RUN_ID = UUID(int=1)


def build_event(seq: int) -> Event:
    return Event(RUN_ID, seq, 1, "token", {}, datetime(2026, 1, 1, tzinfo=UTC))


def fill(box: Mailbox, *numbers: int) -> None:
    for seq in numbers:
        box.put(build_event(seq))


def take(box: Mailbox) -> tuple[list[int], bool]:
    events, behind = box.take()
    return [event.seq for event in events], behind


def test_events_that_follow_are_taken_once() -> None:
    box = Mailbox(3, lambda: None)
    fill(box, 4, 5)
    assert take(box) == ([4, 5], False)
    assert take(box) == ([], False)
    assert box.position == 5


def test_events_already_seen_are_left_out() -> None:
    box = Mailbox(3, lambda: None)
    fill(box, 2, 3, 4, 4)
    assert take(box) == ([4], False)


def test_gap_sends_the_follower_to_the_log() -> None:
    box = Mailbox(3, lambda: None)
    fill(box, 4, 6, 7)
    assert take(box) == ([4], True)
    assert box.position == 4


def test_overflow_is_a_gap() -> None:
    box = Mailbox(0, lambda: None)
    fill(box, *range(1, CAPACITY + 2))
    assert take(box) == ([], True)


def test_nudge_is_told_once_and_wakes() -> None:
    woken: list[bool] = []
    box = Mailbox(0, lambda: woken.append(True))
    box.nudge()
    assert woken == [True]
    assert take(box) == ([], True)
    assert take(box) == ([], False)
