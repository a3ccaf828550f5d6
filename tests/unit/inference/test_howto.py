"""The example in the how-to page is one that the appliance reads."""

import re
from pathlib import Path

import yaml

from appliance.settings import load
from inference.registry.own import load_own_catalogue
from tests.architecture.tree import ROOT

PAGE = ROOT / "docs" / "how-to" / "choose-a-model.md"


def test_model_of_the_example_is_read(tmp_path: Path) -> None:
    (example,) = re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    file = tmp_path / "appliance.yaml"
    file.write_text(example, encoding="utf-8")
    assert load_own_catalogue(load(file)).get_entry("our-model").architecture.layers == 36
    assert list(yaml.safe_load(example)) == ["catalogue"]
