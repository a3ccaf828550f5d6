"""What the web application is told, exactly, by which models run and which shall answer."""

import json

import pytest
from pydantic import ValidationError

from appliance.programs import Served, build_registrations
from appliance.settings import Settings

PROXY = "https://gpu:8443"
FURTHER = {
    "coder": {"path": "/m/coder", "port": 8411},
    "ranks": {"path": "/m/ranks", "port": 8412, "purpose": "reranking"},
}
MAIN, CODER, RANKS = Served("main", {"device": "cuda"}), Served("coder"), Served("ranks")
EMBED = ("endpoint", "set", "--role", "embed", "--url", PROXY, "--model", "all-MiniLM-L6-v2", "--detail", "{}")


def settings(**answers: str) -> Settings:
    return Settings.model_validate({"further_models": FURTHER, "answers": answers})


def test_without_further_models_the_main_one_answers_and_nothing_is_beside_it() -> None:
    assert build_registrations(Settings(), PROXY, {"model": MAIN}) == [
        EMBED,
        ("endpoint", "set", "--role", "generate", "--url", PROXY, "--model", "main", "--detail", '{"device": "cuda"}'),
        ("endpoint", "further", "--entries", "[]"),
    ]


def test_further_models_are_registered_by_their_kind_below_their_own_address() -> None:
    *_, further = build_registrations(settings(), PROXY, {"model": MAIN, "coder": CODER, "ranks": RANKS})
    assert json.loads(further[-1]) == [
        {"role": "generate", "place": "further", "url": f"{PROXY}/engines/coder", "model": "coder",
         "detail": {"engine": "coder"}},
        {"role": "rerank", "place": "further", "url": f"{PROXY}/engines/ranks", "model": "ranks",
         "detail": {"engine": "ranks"}},
    ]  # fmt: skip


def test_settings_choose_who_answers_and_who_answers_when_it_cannot() -> None:
    chosen = settings(model="coder", fallback="model")
    _, answers, further = build_registrations(chosen, PROXY, {"model": MAIN, "coder": CODER})
    assert answers[4:8] == ("--url", f"{PROXY}/engines/coder", "--model", "coder")
    (main,) = json.loads(further[-1])
    assert (main["place"], main["url"], main["model"]) == ("fallback", PROXY, "main")


def test_model_that_does_not_run_is_not_registered_and_nobody_answers_in_its_place() -> None:
    _, answers, further = build_registrations(settings(model="coder"), PROXY, {"model": MAIN})
    assert answers == ("endpoint", "clear", "--role", "generate")
    assert [each["model"] for each in json.loads(further[-1])] == ["main"]


def test_adapters_are_asked_for_by_name_at_their_models_address_and_one_may_answer() -> None:
    chosen = Settings.model_validate(
        {
            "model": {"adapters": {"house-style": "/m/style"}},
            "further_models": {"coder": {**FURTHER["coder"], "adapters": {"sql": "/m/sql"}}},
            "answers": {"model": "house-style", "fallback": "sql"},
        }
    )
    _, answers, further = build_registrations(chosen, PROXY, {"model": MAIN, "coder": CODER})
    assert answers[4:8] == ("--url", PROXY, "--model", "house-style")
    assert json.loads(answers[-1]) == {"device": "cuda"}
    assert [(each["place"], each["url"], each["model"]) for each in json.loads(further[-1])] == [
        ("further", PROXY, "main"),
        ("further", f"{PROXY}/engines/coder", "coder"),
        ("fallback", f"{PROXY}/engines/coder", "sql"),
    ]
    _, nobody, beside = build_registrations(chosen, PROXY, {"coder": CODER})
    assert nobody == ("endpoint", "clear", "--role", "generate")
    assert [each["model"] for each in json.loads(beside[-1])] == ["coder", "sql"]


@pytest.mark.parametrize("name", ["model", "coder", "main"])
def test_adapter_cannot_be_called_as_a_model(name: str) -> None:
    with pytest.raises(ValidationError, match=r"another name"):
        Settings.model_validate(
            {"model": {"path": "/m/main", "adapters": {name: "/m/style"}}, "further_models": FURTHER}
        )
