"""The first load stays small, and is all ours: no other host, nothing inline."""

import gzip
import re
from pathlib import Path

import webapp.chat
import webapp.console
import webapp.ui

LIMIT_BYTES = 150_000
ROOMS = [Path(webapp.ui.__file__).parent, Path(webapp.chat.__file__).parent, Path(webapp.console.__file__).parent]
TEMPLATES = sorted(path for path in ROOMS[0].parent.glob("*/templates/**/*.html") if "admin" not in path.name)
STATIC = [path for room in ROOMS for path in room.glob("static/**/*")]
SCRIPTS_AND_STYLES = sorted(path for path in STATIC if path.suffix in {".js", ".css"})


def test_first_load_is_within_its_budget_when_compressed() -> None:
    total = sum(len(gzip.compress(path.read_bytes(), 9)) for path in SCRIPTS_AND_STYLES)
    assert 10_000 < total <= LIMIT_BYTES


def test_templates_have_no_inline_script_style_or_handler() -> None:
    assert len(TEMPLATES) > 20
    for path in TEMPLATES:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"<script(?![^>]*\bsrc=)", text), path
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=", text), path


def test_pages_name_no_other_host() -> None:
    for path in [*TEMPLATES, *SCRIPTS_AND_STYLES]:
        if "vendor" not in path.parts:
            assert not re.search(r"(https?:)?//[a-z0-9-]+\.[a-z]", path.read_text(encoding="utf-8")), path
