"""One Helm for the session, and what it renders for each of the values files."""

import subprocess
from collections.abc import Iterator

import pytest

from appliance.settings.environment import REPOSITORY
from tests.helm.helm import DEPLOY, Helm, Object, list_value_files, read_values


@pytest.fixture(scope="session")
def helm() -> Iterator[Helm]:
    command = [str(DEPLOY / "python"), "-m", "tests.helm.helm_side"]
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Helm(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(10) == 0


@pytest.fixture(scope="session")
def rendered(helm: Helm) -> dict[str, list[Object]]:
    """By values file: an installation; under ``<name>-upgrade``: an upgrade of it."""
    return {
        f"{name}{'-upgrade' if upgrade else ''}": helm.render(read_values(name), upgrade=upgrade)
        for name in list_value_files()
        for upgrade in (False, True)
    }


@pytest.fixture(params=[*list_value_files(), *(f"{name}-upgrade" for name in list_value_files())])
def objects(request: pytest.FixtureRequest, rendered: dict[str, list[Object]]) -> list[Object]:
    return rendered[request.param]
