"""Models beside the main one: what appliance.yaml may say about them, and what is refused in which words."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from appliance.settings import SettingsError, load
from appliance.settings.model import FurtherModel

CODER = "coder: {path: models/coder, port: 8411}"


def read(tmp_path: Path, text: str) -> Any:
    file = tmp_path / "appliance.yaml"
    file.write_text(text)
    load.cache_clear()
    return load(file)


def test_what_does_not_write_has_no_adapters_and_no_guesses() -> None:
    for said in ({"adapters": {"a": "/m/a"}}, {"speculative": {"method": "ngram"}}):
        with pytest.raises(ValidationError, match="for models that generate"):
            FurtherModel.model_validate({"path": "/m/e", "port": 8411, "purpose": "embedding", **said})


def test_further_model_has_the_keys_of_a_model_and_paths_beside_the_file(tmp_path: Path) -> None:
    settings = read(tmp_path, f"further_models:\n  {CODER}\n")
    coder = settings.further_models["coder"]
    assert coder.path == tmp_path / "models" / "coder"
    assert (coder.purpose, coder.port, coder.memory_share, coder.served_name) == ("generation", 8411, 1.0, "coder")
    assert settings.answers.model == "model"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("  coder: {port: 8411}", "further_models.coder: path or hub_id is needed"),
        ("  coder: {path: a}", "further_models.coder.port: this key is needed; it has no default."),
        ("  coder: {path: a, port: 8411, speculative: {method: draft_model}}", "coder.speculative: method draft_model"),
        ("  coder: {path: a, port: 8411, hub_id: coder}", "further_models.coder.hub_id: 'coder' is no hub id"),
        ("  coder: {path: a, port: 8410}", "model.port and further_models.coder.port are both 8410"),
        ("  coder: {path: a, port: 8411}\n  other: {path: b, port: 8411}", "coder.port and further_models.other.port"),
        ("  Coder: {path: a, port: 8411}", "'Coder' cannot be a name"),
        ("  coder-: {path: a, port: 8411}", "'coder-' cannot be a name"),
        (f"  {'a' * 33}: {{path: a, port: 8411}}", "at most 32"),
        ("  proxy: {path: a, port: 8411}", "'proxy' cannot be a name"),
        ("  model: {path: a, port: 8411}", "'model' cannot be a name"),
        (f"  {CODER}\n  coder: {{path: b, port: 8412}}", "'coder' is there twice"),
        (f"  {CODER}\n  two: {{path: x/coder, port: 8412}}", "are both served as 'coder'"),
        ("  mini: {path: all-MiniLM-L6-v2, port: 8411}", "embeddings.model and further_models.mini are both served"),
        (f"  {CODER}\nmodel: {{name: coder}}", "model and further_models.coder are both served as 'coder'"),
        ("  coder: {path: a, port: 8411, automatic: true}", "further_models.coder.automatic"),
        ("  coder: {path: a, port: 8411, purpose: painting}", "further_models.coder.purpose"),
        ("  coder: {path: a, port: 8411, memory_share: 0}", "further_models.coder.memory_share"),
        ("  coder: {path: a, port: 8411, porpose: x}", "did you mean 'further_models.coder.purpose'?"),
        (f"  {CODER}\nanswers: {{model: writer}}", "answers.model: 'writer' is none of the models that generate"),
        ("  ranks: {path: a, port: 8411, purpose: reranking}\nanswers: {fallback: ranks}", "'ranks' is none of"),
        (f"  {CODER}\nanswers: {{model: coder, fallback: coder}}", "are the same"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_its_path(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read(tmp_path, f"further_models:\n{text}\n")
    assert problem in str(refused.value)
