"""Which endpoint takes a call, as a table."""

from dataclasses import replace

import pytest

from webapp.llm.choosing import NEAR_REQUESTS, Candidate, assume_loads, choose, choose_anyway

A, B, C = "https://a:8443", "https://b:8443", "https://c:8443"


def idle(address: str, **more: object) -> Candidate:
    return replace(Candidate(address, requests=0.0), **more)  # type: ignore[arg-type]  # fields of a candidate


@pytest.mark.parametrize(
    ("candidates", "chosen"),
    [
        pytest.param([], None, id="none registered"),
        pytest.param([Candidate(A)], A, id="the only one, of which nothing is known"),
        pytest.param([idle(A, requests=5.0), idle(B, requests=4.0)], B, id="the least loaded"),
        pytest.param([idle(A, ours=1), idle(B)], B, id="our own calls count before the metrics show them"),
        pytest.param([idle(A, requests=9.0), Candidate(B)], {A, B}, id="unknown counts as much as the fullest"),
        pytest.param([idle(A), idle(B, requests=9.0), Candidate(C)], A, id="unknown is not idle"),
        pytest.param([Candidate(A, ours=2), Candidate(B, ours=1)], B, id="nothing known: fewest of our own"),
        pytest.param([idle(A, circuit="open"), idle(B, requests=50.0)], B, id="an open circuit is not asked"),
        pytest.param([idle(A, is_ready=False), idle(B, requests=50.0)], B, id="nobody there is not asked"),
        pytest.param([idle(A), idle(B, requests=50.0, circuit="half_open")], B, id="half open: the next call probes"),
        pytest.param([idle(A, circuit="half_open", is_ready=False), idle(B)], B, id="no probe where nobody is"),
        pytest.param([idle(A, circuit="open"), idle(B, is_ready=False)], None, id="none usable"),
    ],
)
def test_choose_takes_the_least_loaded_usable_one(candidates: list[Candidate], chosen: str | set[str] | None) -> None:
    found = {choose(candidates, affinity=str(n), is_conversation=False) for n in range(64)}

    assert found == (chosen if isinstance(chosen, set) else {chosen})


def test_choose_keeps_a_conversation_where_it_was_while_loads_are_near() -> None:
    homes = {n: choose([idle(A), idle(B)], affinity=str(n), is_conversation=True) for n in range(64)}
    at_a = next(n for n, address in homes.items() if address == A)

    def choose_at(requests: float, *, is_conversation: bool = True) -> str | None:
        fuller = [idle(A, requests=requests), idle(B)]
        return choose(fuller, affinity=str(at_a), is_conversation=is_conversation)

    assert set(homes.values()) == {A, B}
    assert choose_at(NEAR_REQUESTS) == A
    assert choose_at(NEAR_REQUESTS + 1) == B
    assert choose_at(NEAR_REQUESTS, is_conversation=False) == B


def test_choose_moves_only_the_conversations_of_an_endpoint_that_goes() -> None:
    everyone = [idle(A), idle(B), idle(C)]
    before = {n: choose(everyone, affinity=str(n), is_conversation=True) for n in range(99)}
    after = {n: choose([idle(A), idle(B)], affinity=str(n), is_conversation=True) for n in range(99)}

    assert [n for n in before if before[n] != after[n]] == [n for n in before if before[n] == C]


def test_choose_anyway_takes_one_that_is_not_usable() -> None:
    out = [idle(A, circuit="open"), idle(B, requests=50.0, is_ready=False)]

    assert choose_anyway(out, affinity="x") == A
    assert choose_anyway([], affinity="x") is None


def test_assumed_load_of_the_unknown_is_the_fullest_known_and_our_own() -> None:
    loads = assume_loads([idle(A, requests=3.0, ours=1), idle(B), Candidate(C, ours=2)])

    assert loads == {A: 4.0, B: 0.0, C: 6.0}
