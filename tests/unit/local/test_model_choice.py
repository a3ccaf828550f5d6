"""What appliance.yaml names goes before what was activated; what is broken is said, not guessed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.local import model_choice
from appliance.local.errors import LocalError
from appliance.local.model_choice import Activation, build_wish, read_activation, write_activation
from appliance.settings import Settings
from appliance.settings.engine import Speculative
from appliance.settings.model import FurtherModel, Model
from tests.unit.inference.model_folders import edit_json, write_model
from tests.unit.inference.test_adapters import FACTS


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "model").mkdir()
    return Settings(data_dir=tmp_path, model=Model(name="ours", device="cpu"))


def test_what_the_settings_name_goes_first(settings: Settings) -> None:
    write_activation(settings, Activation(hub_id="a/b"))
    named = settings.model_copy(update={"model": Model(path=Path("/from/yaml"), name="ours", device="cpu")})
    wish = build_wish(named, read_activation(named))
    assert (wish.path, wish.hub_id, wish.name, wish.device) == (Path("/from/yaml"), None, "ours", "cpu")


@pytest.mark.parametrize("activation", [Activation(path="/other"), Activation(hub_id="a/b", revision="v1")])
def test_activation_goes_before_the_automatic_choice(settings: Settings, activation: Activation) -> None:
    write_activation(settings, activation)
    assert read_activation(settings) == activation
    wish = build_wish(settings, activation)
    assert wish.path == (Path(activation.path) if activation.path else None)
    assert (wish.hub_id, wish.revision, wish.name) == (activation.hub_id, activation.revision, None)


def test_activation_can_be_taken_back(settings: Settings) -> None:
    write_activation(settings, Activation(path="/other"))
    write_activation(settings, None)
    write_activation(settings, None)
    assert read_activation(settings) is None


@pytest.mark.parametrize("text", ["{", "[]", '{"path": "/x"}'])
def test_broken_activation_is_named(settings: Settings, text: str) -> None:
    model_choice.activation_file(settings).write_text(text)
    with pytest.raises(LocalError, match=r"active\.json cannot be read"):
        read_activation(settings)


def test_directory_that_is_not_there_is_an_error_and_not_another_model(settings: Settings) -> None:
    named = settings.model_copy(update={"model": Model(path=Path("/from/yaml"))})
    with pytest.raises(LocalError, match="/from/yaml"):
        model_choice.choose(named)


@pytest.mark.parametrize(
    ("make", "problem"), [(Path.touch, "this is no directory."), (None, "there is no such directory.")]
)
def test_activated_directory_that_is_not_there_is_not_blamed_on_the_settings(
    settings: Settings, tmp_path: Path, make: Callable[[Path], None] | None, problem: str
) -> None:
    gone = tmp_path / "gone"
    if make is not None:
        make(gone)
    with pytest.raises(LocalError) as raised:
        model_choice.choose_for(settings, Activation(path=str(gone)))
    assert str(raised.value) == (
        f"The model cannot be served. {gone}: {problem} Activate a model that is here (bin/appliance models list), or "
        "`auto`."
    )


def test_missing_directory_is_corrected_under_the_key_that_names_it(settings: Settings, tmp_path: Path) -> None:
    model, gone = write_model(tmp_path / "small"), tmp_path / "gone"
    guessing = Speculative(method="draft_model", draft=gone)
    main = settings.model_copy(update={"model": Model(path=model, device="cpu", speculative=guessing)})
    with pytest.raises(LocalError, match=r"no such directory\. Correct model\.speculative\.draft in appliance\.yaml"):
        model_choice.choose(main)
    further = {
        "gone": FurtherModel(path=gone, port=8411), "draft": FurtherModel(path=model, port=8412, speculative=guessing),
        "adapter": FurtherModel(path=model, port=8413, adapters={"style": gone}),
    }  # fmt: skip
    for name, key in (("gone", "path"), ("draft", r"speculative\.draft"), ("adapter", r"adapters\.style")):
        named = settings.model_copy(
            update={"further_models": {name: further[name].model_copy(update={"device": "cpu"})}}
        )
        with pytest.raises(LocalError, match=rf"Correct further_models\.{name}\.{key} in appliance\.yaml"):
            model_choice.choose_further(named, name)


def test_what_arithmetic_refuses_is_said_before_anything_is_started(settings: Settings, tmp_path: Path) -> None:
    model = write_model(tmp_path / "small")
    edit_json(model / "config.json", **FACTS, max_position_embeddings=4096)
    named = settings.model_copy(update={"model": Model(path=model, device="cpu", max_context_tokens=5000)})
    with pytest.raises(LocalError, match=r"The model cannot be served\. .* knows 4,096 tokens of context, not 5,000"):
        model_choice.choose(named)


def test_mirror_is_asked_in_place_of_the_public_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    assert model_choice.hub_url() == "https://huggingface.co"
    monkeypatch.setenv("HF_ENDPOINT", "https://models.example.com/hub")
    assert model_choice.hub_url() == "https://models.example.com/hub"


def test_choice_is_automatic_when_nobody_named_a_model(settings: Settings) -> None:
    assert model_choice.is_automatic(settings)
    assert not model_choice.is_automatic(settings.model_copy(update={"model": Model(hub_id="a/b")}))
    write_activation(settings, Activation(hub_id="a/b"))
    assert not model_choice.is_automatic(settings)


def test_no_model_is_served_when_none_is_wanted(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, model=Model(automatic=False))
    assert model_choice.choose(settings).spec is None
