"""What browsers are told about HTTPS, by a process with settings of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.settings import environment

PROGRAM = """
import json, sys, django
from django.conf import settings
django.setup()
from django.test import RequestFactory
from django.http import HttpResponse
from django.middleware.security import SecurityMiddleware
assert "django.middleware.security.SecurityMiddleware" == settings.MIDDLEWARE[0]
ask = SecurityMiddleware(lambda request: HttpResponse())
print(json.dumps([
    ask(RequestFactory().get("/", secure=secure)).headers.get("Strict-Transport-Security") for secure in (True, False)
]))
"""


@pytest.mark.parametrize(("https", "over_tls"), [(True, "max-age=31536000"), (False, None)])
def test_browsers_are_told_to_come_back_over_https(tmp_path: Path, https: bool, over_tls: str | None) -> None:
    config = tmp_path / "appliance.yaml"
    config.write_text(json.dumps({"data_dir": str(tmp_path), "web": {"https": https}}))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False, cwd=environment.REPOSITORY,
        env={**os.environ, "APPLIANCE_CONFIG": str(config), "DJANGO_SETTINGS_MODULE": "webapp.config.settings"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [over_tls, None]


def test_front_door_says_it_once() -> None:
    """It hides the application's before it adds its own, which its error pages carry too."""
    template = environment.REPOSITORY / "ansible" / "roles" / "nginx" / "templates" / "appliance.conf.j2"
    before, _, location = template.read_text(encoding="utf-8").partition("location / {")
    assert "add_header Strict-Transport-Security" in before
    assert "proxy_hide_header Strict-Transport-Security;" in location.partition("\n    }")[0]
