"""This tier boots hosts. Where it cannot it says why; in CI that is a failure, elsewhere a skip."""

import pytest

from tests.install.ground import list_obstacles, must_run


@pytest.fixture(scope="session", autouse=True)
def _can_run() -> None:
    if obstacles := list_obstacles():
        reason = " ".join(["Hosts cannot be booted here.", *obstacles])
        if must_run():
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
