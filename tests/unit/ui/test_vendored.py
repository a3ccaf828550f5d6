"""What others wrote is shipped unchanged, with its licence."""

import hashlib
import json
from pathlib import Path

import webapp.ui

VENDOR = Path(webapp.ui.__file__).parent / "static" / "ui" / "vendor"
FILES = json.loads((VENDOR / "manifest.json").read_text(encoding="utf-8"))["files"]


def test_vendored_files_match_their_recorded_hash() -> None:
    for entry in FILES:
        assert hashlib.sha256((VENDOR / entry["file"]).read_bytes()).hexdigest() == entry["sha256"], entry["file"]


def test_vendored_files_are_all_recorded_with_a_licence() -> None:
    recorded = {entry["file"] for entry in FILES} | {entry["licence_file"] for entry in FILES} | {"manifest.json"}
    assert {path.name for path in VENDOR.iterdir()} == recorded
