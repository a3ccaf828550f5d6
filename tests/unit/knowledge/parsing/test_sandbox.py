"""A hostile file is stopped in the child process and becomes a reason."""

import time
from pathlib import Path

import pytest

from appliance.settings import environment
from tests.unit.knowledge.parsing.files import make_bomb, make_docx, make_pdf
from webapp.knowledge.parsing import sandbox
from webapp.knowledge.parsing.errors import Reason, UnreadableDocument
from webapp.knowledge.parsing.sandbox import ParsingLimits, parse_in_child

LIMITS = ParsingLimits(seconds=20, memory_mib=768, code_root=environment.REPOSITORY)


def refusal(content: bytes, name: str, limits: ParsingLimits = LIMITS) -> UnreadableDocument:
    with pytest.raises(UnreadableDocument) as caught:
        parse_in_child(content, name, limits)
    return caught.value


def test_child_returns_text_and_blocks() -> None:
    parsed = parse_in_child(make_pdf([["Page one."], ["Page two."]]), "--name.pdf", LIMITS)
    assert parsed.text == "Page one.\n\nPage two."
    assert [block.page for block in parsed.blocks] == [1, 2]


def test_reasons_come_back_from_the_child_with_their_words() -> None:
    error = refusal(make_docx(), "report.pdf")
    assert (error.reason, str(error)[:45]) == (Reason.WRONG_NAME, "The name says this is a PDF, but the content ")


def test_zip_bomb_is_refused_unopened() -> None:
    assert refusal(make_bomb(60), "a.docx").reason == Reason.EXPANDS


def test_memory_limit_ends_the_child() -> None:
    small = ParsingLimits(seconds=20, memory_mib=150, code_root=environment.REPOSITORY)
    content = b"<html>" + b"<p>x</p>" * 400_000
    assert refusal(content, "a.html", small).reason == Reason.TOO_MUCH_MEMORY


def test_slow_file_is_stopped() -> None:
    quick = ParsingLimits(seconds=1, memory_mib=1024, code_root=environment.REPOSITORY)
    content = b"<html>" + b"<p>x</p>" * 400_000
    assert refusal(content, "a.html", quick).reason == Reason.TOO_SLOW


def test_child_that_sleeps_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that uses no processor time and ignores its own alarm is ended by the parent."""
    (tmp_path / "sleeper.py").write_text("import time\ntime.sleep(60)\n", encoding="utf-8")
    monkeypatch.setattr(sandbox, "PROGRAM", "sleeper")
    start = time.monotonic()
    limits = ParsingLimits(seconds=1, memory_mib=512, code_root=tmp_path)
    assert refusal(b"text", "a.txt", limits).reason == Reason.TOO_SLOW
    assert time.monotonic() - start < 30  # it would sleep for 60


def test_child_sees_no_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "spy.py").write_text(
        "import json, os\n"
        "print(json.dumps({'text': ' '.join(sorted(os.environ)), 'blocks': [], 'page_count': None, 'title': ''}))\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(sandbox, "PROGRAM", "spy")
    monkeypatch.setenv("A_SECRET", "x")
    seen = parse_in_child(b"text", "a.txt", ParsingLimits(seconds=20, memory_mib=512, code_root=tmp_path))
    assert set(seen.text.split()) <= {"HOME", "LANG", "LC_CTYPE", "TMPDIR"}


@pytest.mark.parametrize("name", ["a.pdf", "a.docx", "a.html", "a.md", "a.txt"])
def test_random_damage_never_escapes_as_another_error(name: str) -> None:
    whole = {"a.pdf": make_pdf([["text"]]), "a.docx": make_docx()}.get(name, b"<html># text</html>")
    broken = whole[:50] + bytes(reversed(whole[50 : len(whole) // 2])) + whole[len(whole) // 2 :]
    if name in ("a.pdf", "a.docx"):
        assert refusal(broken, name).reason == Reason.DAMAGED
    else:
        assert parse_in_child(broken, name, LIMITS).text
