import re
from pathlib import Path

import pytest

import webapp.ui
from webapp.ui.icons import PATHS
from webapp.ui.templatetags.ui import icon

TEMPLATES = sorted(Path(webapp.ui.__file__).parents[1].glob("*/templates/**/*.html"))


def test_icon_is_hidden_from_screen_readers() -> None:
    assert 'aria-hidden="true"' in icon("send")


def test_icon_with_unknown_name_is_refused() -> None:
    with pytest.raises(KeyError):
        icon("unicorn")


def test_icons_in_templates_all_exist_and_all_are_used() -> None:
    texts = [path.read_text(encoding="utf-8") for path in TEMPLATES]
    used = {name for text in texts for name in re.findall(r'{% icon "([\w-]+)" %}', text)}
    assert used == set(PATHS)
