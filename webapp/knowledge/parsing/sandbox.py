"""Read a file in a child process, so that a hostile one can harm nothing but that process.

The child has limits on memory, processor time, written bytes and open files, an empty environment and a folder of its
own; it is killed when it takes too long. It still shares the machine's network and file system with the worker's user.
"""

import json
import resource
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from webapp.knowledge.parsing.errors import Reason, RestoredRefusal, UnreadableDocument
from webapp.knowledge.parsing.types import Block, ParsedDocument

MIB = 2**20
MOST_RESULT_BYTES = 64 * MIB
MOST_FILES = 64
GRACE_SECONDS = 5
PROGRAM = "webapp.knowledge.parsing"


@dataclass(frozen=True)
class ParsingLimits:
    """``seconds`` of wall clock and of processor time; ``code_root`` is where the child finds this package."""

    seconds: int
    memory_mib: int
    code_root: Path


def parse_in_child(content: bytes, filename: str, limits: ParsingLimits) -> ParsedDocument:
    """The file's text. Raises UnreadableDocument."""
    with tempfile.TemporaryDirectory(prefix="reading-") as folder:
        source = Path(folder) / "file"
        result = Path(folder) / "result.json"
        source.write_bytes(content)
        returncode, complaint = _run(build_command(source, filename, limits), result, limits)
        answer = _read_answer(result)
    if answer is None:
        raise UnreadableDocument(_explain(returncode, complaint))
    if "reason" in answer:
        raise RestoredRefusal(Reason(answer["reason"]), answer["message"])
    return _build_document(answer)


def build_command(source: Path, filename: str, limits: ParsingLimits) -> list[str]:
    return [
        sys.executable, "-m", PROGRAM, str(source), f"--name={filename}",
        "--seconds", str(limits.seconds), "--memory-mib", str(limits.memory_mib),
    ]  # fmt: skip


def limit_this_process(*, seconds: int, memory_mib: int) -> None:
    """Called by the child before it touches the file."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_mib * MIB, memory_mib * MIB))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_RESULT_BYTES, MOST_RESULT_BYTES))
    resource.setrlimit(resource.RLIMIT_NOFILE, (MOST_FILES, MOST_FILES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # Python ignores it, and the parent would not know why writing failed
    signal.alarm(seconds + GRACE_SECONDS)  # ends it even when its parent is gone


def _run(command: list[str], result: Path, limits: ParsingLimits) -> tuple[int | None, bytes]:
    """The exit status, None when it took too long; and the end of what it complained."""
    complaints = result.with_name("complaints")
    with result.open("wb") as output, complaints.open("wb") as errors:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, cwd=limits.code_root,
            env={"LANG": "C.UTF-8", "HOME": str(result.parent), "TMPDIR": str(result.parent)}, start_new_session=True,
        )  # fmt: skip
        try:
            returncode: int | None = process.wait(limits.seconds)
        except subprocess.TimeoutExpired:
            returncode = None
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    return returncode, complaints.read_bytes()[-4000:]


def _read_answer(result: Path) -> dict[str, Any] | None:
    try:
        answer = json.loads(result.read_bytes())
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


def _explain(returncode: int | None, complaint: bytes) -> Reason:
    if returncode is None or returncode in (-signal.SIGXCPU, -signal.SIGALRM):
        return Reason.TOO_SLOW
    if returncode == -signal.SIGXFSZ:
        return Reason.TOO_MUCH_TEXT
    if returncode == -signal.SIGKILL or b"MemoryError" in complaint or b"bad_alloc" in complaint:
        return Reason.TOO_MUCH_MEMORY
    return Reason.DAMAGED


def _build_document(answer: dict[str, Any]) -> ParsedDocument:
    blocks = tuple(
        Block(block["start"], block["end"], tuple(block["headings"]), block["page"], block["kind"])
        for block in answer["blocks"]
    )
    return ParsedDocument(answer["text"], blocks, answer["page_count"], answer["title"])
