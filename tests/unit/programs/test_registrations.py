"""What the web application is told, exactly, by which models run and which shall answer."""

import json

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
