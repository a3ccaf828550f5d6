"""Following a run on a terminal: tokens as they come, then the sources with what they say."""

import json
import time
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from webapp.agents.services.reading import get_citation, get_run
from webapp.agents.types import CitationInfo
from webapp.knowledge import api as knowledge
from webapp.knowledge.errors import NotFound as DocumentNotFound
from webapp.streaming import api as streaming
from webapp.streaming.types import Event


class Output(Protocol):
    """Where text goes; Django's OutputWrapper is one."""

    def write(self, text: str, *, ending: str = "\n") -> None: ...
    def flush(self) -> None: ...


class NotPickedUp(Exception):
    """No worker took the question in time."""


@dataclass
class Transcript:
    """What the log said."""

    drafted: str = ""
    answer: dict[str, Any] = field(default_factory=dict)
    invalid: list[int] = field(default_factory=list)
    failure: str = ""


def follow_run(*, run_id: UUID, out: Output | None, notes: Output, pick_up_seconds: float) -> Transcript:
    """Print what happens (answers to ``out``, remarks to ``notes``) until the run ends."""
    transcript = Transcript()
    asked_at = time.monotonic()
    started = False
    for event in streaming.follow(run_id=run_id):
        started = started or (event is not None and event.type == "run_started")
        if event is not None:
            _show(event, transcript, out, notes)
        elif not started and time.monotonic() - asked_at > pick_up_seconds:
            raise NotPickedUp(
                f"No worker has taken the question within {pick_up_seconds:.0f} seconds: is one running? "
                "See `bin/appliance status`."
            )
    return transcript


def _show(event: Event, transcript: Transcript, out: Output | None, notes: Output) -> None:
    data = event.data
    if event.type == "token":
        transcript.drafted += data["text"]
        if out is not None:
            out.write(data["text"], ending="")
            out.flush()
    elif event.type == "generation_restarted":
        transcript.drafted = ""
        notes.write(f"\n\nThe answer is being written again (attempt {data['attempt']}): {data['reason']}.\n")
    elif event.type == "waiting_for_engine":
        notes.write(f"Waiting for the language model ({data['reason']}); next try in {data['retry_in_seconds']:.0f} s.")
    elif event.type == "citations":
        transcript.invalid = list(data.get("invalid", ()))
    elif event.type == "answer":
        transcript.answer = dict(data)
    elif event.type == "run_failed":
        transcript.failure = f"{data['message']} (reference {data['reference']})"
    elif event.type == "run_cancelled":
        transcript.failure = "The answer was stopped."


def show_sources(*, user_id: int, run_id: UUID, transcript: Transcript, out: Output) -> None:
    """The cited sources, numbered, then which model wrote and what it used."""
    out.write("")
    if transcript.invalid:
        numbers = ", ".join(f"[{n}]" for n in transcript.invalid)
        out.write(f"\nTaken out: {numbers}, which no source has.")
    citations = _citations(user_id, run_id)
    out.write("\nSources" if citations else "\nNo sources are cited.")
    for citation in citations:
        place = " > ".join(citation.heading_path)
        page = f"page {citation.page_start}" if citation.page_start else ""
        out.write(f"  [{citation.n}] " + ", ".join(part for part in (citation.title, place, page) if part))
        out.write(
            f"      “{' '.join(citation.quote.split())}”" if citation.is_available else f"      {citation.notice}"
        )
    usage = transcript.answer.get("usage")
    line = f"\nAnswered by: {transcript.answer.get('model', '')} ({transcript.answer.get('prompt_version', '')})"
    if transcript.answer.get("model_is_fallback"):
        line += ", the fallback model, because the usual one was not available"
    if usage:
        line += f", {_number(usage['input_tokens'])} tokens in, {_number(usage['output_tokens'])} out"
        line += f", {usage['duration_ms'] / 1000:.1f} s"
    out.write(line)


def as_json(*, user_id: int, run_id: UUID, transcript: Transcript) -> str:
    """One object: answer, model, citations with their quotes, usage, status."""
    citations = []
    for citation in _citations(user_id, run_id):
        try:
            filename = knowledge.get_document(user_id=user_id, document_id=citation.document_id).filename
        except DocumentNotFound:
            filename = ""
        citations.append({"n": citation.n, "title": citation.title, "filename": filename, "quote": citation.quote})
    run = get_run(user_id=user_id, run_id=run_id)
    content = {
        "run_id": str(run_id),
        "status": run.status,
        "answer": run.answer,
        "model": run.model_name,
        "model_is_fallback": run.model_is_fallback,
        "citations": citations,
        "usage": transcript.answer.get("usage"),
        "error": transcript.failure,
    }
    return json.dumps(content, ensure_ascii=False)


def _citations(user_id: int, run_id: UUID) -> list[CitationInfo]:
    run = get_run(user_id=user_id, run_id=run_id)
    return [get_citation(user_id=user_id, run_id=run_id, n=source.n) for source in run.citations]


def _number(count: int | None) -> str:
    return "unknown" if count is None else f"{count:,}"
