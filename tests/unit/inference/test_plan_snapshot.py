import json

from tests.unit.inference.plan_snapshot import FILE, build_snapshot


def test_predictions_are_those_that_were_looked_at() -> None:
    """Where the change is meant: python -m tests.unit.inference.plan_snapshot"""
    known = json.loads(FILE.read_text(encoding="utf-8"))
    for machine, lines in build_snapshot().items():
        assert lines == known[machine], machine
    assert build_snapshot().keys() == known.keys()
