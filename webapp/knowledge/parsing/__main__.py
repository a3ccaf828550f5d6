"""The child process, ``python -m webapp.knowledge.parsing FILE``: prints the text or the reason for none, as JSON."""

import argparse
import json
import logging
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from webapp.knowledge.parsing.errors import Reason, UnreadableDocument
from webapp.knowledge.parsing.reading import read_document
from webapp.knowledge.parsing.sandbox import limit_this_process

logger = logging.getLogger("parsing")


def main() -> None:
    parser = argparse.ArgumentParser(description="Print a file's text with its blocks, as JSON.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--name", help="the name it was uploaded under")
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--memory-mib", type=int, default=1024)
    arguments = parser.parse_args()
    limit_this_process(seconds=arguments.seconds, memory_mib=arguments.memory_mib)
    sys.stdout.write(json.dumps(_answer(arguments.file, arguments.name or arguments.file.name)))


def _answer(file: Path, name: str) -> dict[str, Any]:
    try:
        return asdict(read_document(file.read_bytes(), name))
    except UnreadableDocument as refusal:
        return _refusal(refusal)
    except MemoryError:
        return _refusal(UnreadableDocument(Reason.TOO_MUCH_MEMORY))
    except Exception:
        # Libraries raise anything at all on broken files.
        logger.exception("the reader broke down")
        return _refusal(UnreadableDocument(Reason.DAMAGED))


def _refusal(refusal: UnreadableDocument) -> dict[str, Any]:
    return {"reason": refusal.reason.value, "message": str(refusal)}


if __name__ == "__main__":
    main()
