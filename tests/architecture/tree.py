"""The tracked files of this checkout, as the rules below read them."""

import ast
import functools
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OURS = ("appliance", "inference", "webapp")


@functools.cache
def list_files() -> tuple[Path, ...]:
    """Every file git tracks or would add, that still exists."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return tuple(path for name in listing.stdout.splitlines() if (path := ROOT / name).is_file())


def list_modules() -> list[Path]:
    """Our own Python files, without migrations."""
    return [
        path
        for path in list_files()
        if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in OURS and "migrations" not in path.parts
    ]


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def read_text(path: Path) -> str | None:
    """The file's text, or None for what is not text."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))
