"""reference.yaml and the model describe the same keys, and the page is what they generate."""

import pytest

from appliance.settings import reference
from appliance.settings.model import Settings


def nest(path: str, value: object) -> dict[str, object]:
    head, _, rest = path.partition(".")
    return {head: nest(rest, value) if rest else value}


def test_every_key_is_documented_and_no_other() -> None:
    assert list(reference.read_reference()) == [key.path for key in reference.list_keys()]


@pytest.mark.parametrize(("path", "entry"), reference.read_reference().items())
def test_entry_has_a_sentence_and_a_valid_example(path: str, entry: dict[str, object]) -> None:
    assert set(entry) == {"description", "example"}
    assert str(entry["description"]).endswith(".")
    Settings.model_validate(nest(path, entry["example"]))


def test_page_shows_the_defaults_of_the_model() -> None:
    page = reference.build_page()
    assert "### `web.port`\n\nThe port of the web server.\n\n- Type: whole number\n- Default: `8400`\n" in page
    for key in reference.list_keys():
        assert f"### `{key.path}`" in page


def test_type_without_words_is_refused() -> None:
    with pytest.raises(TypeError, match="No words"):
        reference.describe_type(complex)
