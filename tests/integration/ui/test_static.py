"""Static files before and after they are collected."""

import re
from pathlib import Path

import pytest
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management import call_command
from django.test import Client
from pytest_django import Settings


def test_files_are_served_under_plain_names_before_they_are_collected(client: Client, db: None) -> None:
    assert staticfiles_storage.url("ui/ui.js") == "/static/ui/ui.js"
    response = client.get("/static/ui/ui.js")
    assert response.status_code == 200
    response.close()


@pytest.fixture
def collected(settings: Settings, tmp_path: Path) -> Path:
    settings.STATIC_ROOT = tmp_path
    call_command("collectstatic", interactive=False, verbosity=0)
    return tmp_path


def test_collected_files_carry_their_hash_and_so_do_their_imports(collected: Path) -> None:
    address = staticfiles_storage.url("chat/chat.js")
    assert re.fullmatch(r"/static/chat/chat\.[0-9a-f]{12}\.js", address)
    for name in ("chat/chat.js", "chat/answer-stream.js", "chat/composer.js"):
        text = (collected / staticfiles_storage.url(name).removeprefix("/static/")).read_text(encoding="utf-8")
        imports = re.findall(r"""import[^"]*"\./([^"]+)""", text)
        assert imports
        assert all(re.fullmatch(r"[\w-]+\.[0-9a-f]{12}\.js", imported) for imported in imports)
        assert all((collected / "chat" / imported).exists() for imported in imports)
