"""A circuit from outcome to outcome."""

import pytest

from webapp.llm.circuit import OPEN_AFTER, OPEN_SECONDS, Circuit


def failed(times: int, *, now: float = 0.0) -> Circuit:
    circuit = Circuit()
    for _ in range(times):
        circuit = circuit.failed(now)
    return circuit


@pytest.mark.parametrize(
    ("circuit", "now", "state"),
    [
        (Circuit(), 0.0, "closed"),
        (failed(OPEN_AFTER - 1), 0.0, "closed"),
        (failed(OPEN_AFTER), 0.0, "open"),
        (failed(OPEN_AFTER), OPEN_SECONDS - 0.1, "open"),
        (failed(OPEN_AFTER), OPEN_SECONDS, "half_open"),
        (failed(OPEN_AFTER).begun(OPEN_SECONDS), OPEN_SECONDS + 1, "open"),
        (failed(OPEN_AFTER).begun(OPEN_SECONDS).released(), OPEN_SECONDS + 1, "half_open"),
        (failed(OPEN_AFTER).begun(OPEN_SECONDS).failed(OPEN_SECONDS), OPEN_SECONDS + 1, "open"),
        (failed(OPEN_AFTER).begun(OPEN_SECONDS).failed(OPEN_SECONDS), 2 * OPEN_SECONDS, "half_open"),
        (failed(OPEN_AFTER).begun(OPEN_SECONDS).succeeded(), OPEN_SECONDS, "closed"),
        (failed(OPEN_AFTER - 1).succeeded().failed(0.0), 0.0, "closed"),
    ],
)
def test_circuit_is(circuit: Circuit, now: float, state: str) -> None:
    assert circuit.state(now) == state


def test_call_through_a_closed_circuit_is_no_probe() -> None:
    assert Circuit().begun(0.0) == Circuit()
