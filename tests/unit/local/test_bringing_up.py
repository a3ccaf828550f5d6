"""A model that nobody named is no reason to start nothing; one that was named and is not served is an error."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from appliance.local import model_choice
from appliance.local.bringing_up import BringingUp, build_address
from appliance.local.errors import LocalError
from appliance.local.instance import LocalAppliance
from appliance.local.prepared import Prepared
from appliance.local.reporting import Step
from appliance.programs import Installation
from appliance.settings import Settings
from appliance.settings.model import Model, Web
from appliance.topology import build_topology
from inference.registry.choice import Choice
from inference.registry.spec import ModelSpec

SPEC = ModelSpec(name="small", source="hub", device="cpu", hub_id="house/small", revision="main")


class Silence:
    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        class Shown:
            note = title

        yield Shown()

    def say(self, text: str) -> None:
        pass


@pytest.fixture
def hub_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object, **_named: object) -> ModelSpec:
        raise LocalError("Fetching house/small failed.")

    monkeypatch.setattr(model_choice, "choose", lambda _settings, **_named: Choice(SPEC, "It is small enough."))
    monkeypatch.setattr(model_choice, "fetch", fail)


def build(data_dir: Path, model: Model) -> BringingUp:
    settings = Settings(data_dir=data_dir, model=model)
    return BringingUp(LocalAppliance(settings, Installation(Path("/code"), Path("/c"), Path("/python"))), Silence())


@pytest.mark.usefixtures("hub_that_fails")
def test_automatic_model_that_cannot_be_fetched_is_a_problem_and_no_failure(tmp_path: Path) -> None:
    bringing_up = build(tmp_path, Model())
    choice, engine = bringing_up._choose_model(Prepared(), settled=False)
    assert (choice.spec, engine) == (None, None)
    assert "house/small" in choice.reason
    assert bringing_up.lacks_model
    assert "answers are the passages that match" in bringing_up.problems[0]


@pytest.mark.usefixtures("hub_that_fails")
def test_named_model_that_cannot_be_fetched_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="house/small failed"):
        build(tmp_path, Model(hub_id="house/small"))._choose_model(Prepared(), settled=False)


def test_settled_appliance_repeats_why_it_has_no_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_choice, "choose", lambda _settings, **_named: Choice(None, "Nobody asked the hub."))
    bringing_up, before = build(tmp_path, Model()), Prepared(reason="It could not be fetched.", lacks_model=True)
    assert bringing_up._choose_model(before, settled=True)[0].reason == "It could not be fetched."
    served = Prepared(reason="It is small enough.")
    assert bringing_up._choose_model(served, settled=True)[0].reason == "Nobody asked the hub."
    bringing_up.choose_again = True
    assert bringing_up._choose_model(before, settled=True)[0].reason == "Nobody asked the hub."


@pytest.mark.parametrize(
    ("web", "expected"),
    [
        (Web(), "http://127.0.0.1:8400"),
        (Web(host="192.0.2.7"), "http://192.0.2.7:8400"),
        (Web(host="0.0.0.0"), "http://127.0.0.1:8400"),
        (Web(host="::", allowed_hosts=("[::1]",)), "http://[::1]:8400"),
        (Web(host="0.0.0.0", allowed_hosts=("answers.example.com",)), "http://answers.example.com:8400"),
    ],
)
def test_address_shown_is_one_that_a_browser_can_open(web: Web, expected: str) -> None:
    settings = Settings(web=web)
    assert build_address(build_topology(settings).port("web"), settings) == expected
