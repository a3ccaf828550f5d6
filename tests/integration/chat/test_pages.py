"""What the pages say."""

from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from webapp.agents import api as agents
from webapp.agents.models import Run
from webapp.agents.types import RunInfo
from webapp.knowledge.models import Document
from webapp.knowledge.types import CollectionInfo, DocumentInfo
from webapp.llm.services import endpoints

PART = {"HX-Request": "true"}


def text_of(page: Client, address: str, **headers: str) -> str:
    response = page.get(address, headers=headers)
    assert response.status_code == 200, address
    return response.content.decode()


def test_new_question_says_that_no_model_is_installed(page: Client) -> None:
    assert "No language model is installed" in text_of(page, "/")


def test_new_question_names_the_model(page: Client) -> None:
    endpoints.set_model(role="generate", url="http://127.0.0.1:1", model_name="m", name="Small model", detail={})
    assert "Small model" in text_of(page, "/")


@pytest.mark.parametrize(("licence", "shown"), [("llama3.3", True), ("apache-2.0", False), (None, False)])
def test_page_shows_what_the_models_licence_wants_shown(page: Client, licence: str | None, shown: bool) -> None:
    detail = {"family": "llama", "licence": licence}
    endpoints.set_model(role="generate", url="http://127.0.0.1:1", model_name="m", name="Small model", detail=detail)
    assert ("Small model · Built with Llama" in text_of(page, "/")) is shown


def test_page_shows_what_was_registered_to_be_shown(page: Client) -> None:
    detail = {"licence": "qwen", "display": "Built with Qwen"}
    endpoints.set_model(role="generate", url="http://127.0.0.1:1", model_name="m", name="Small model", detail=detail)
    assert "Small model · Built with Qwen" in text_of(page, "/")


def test_new_question_without_documents_says_what_to_do_first(page: Client) -> None:
    assert "Make a collection and add one" in text_of(page, "/")


def test_question_makes_a_conversation(page: Client) -> None:
    response = page.post("/runs/", {"question": "How deep is it?"})
    assert response.status_code == 302
    assert "answer-stream" in text_of(page, response["Location"])


def test_follow_up_comes_back_as_a_part_of_the_page(page: Client, run: RunInfo) -> None:
    response = page.post("/runs/", {"question": "And now?", "thread": str(run.thread_id)}, headers=PART)
    assert response.status_code == 200
    assert response.content.decode().strip().startswith("<article")


@pytest.mark.parametrize("question", ["", "   ", "\0", "x" * 9000])
def test_question_that_cannot_be_asked_is_refused_with_a_reason(page: Client, question: str) -> None:
    assert page.post("/runs/", {"question": question}, headers=PART).status_code == 422
    assert "The question is" in page.post("/runs/", {"question": question}, follow=True).content.decode()


def test_answer_is_shown_with_its_figures_and_runs_nothing(page: Client, finished: RunInfo) -> None:
    text = text_of(page, f"/threads/{finished.thread_id}/")
    assert "<strong>nine</strong>" in text
    assert "<script>alert" not in text
    assert 'data-cite="1"' in text
    for figure in ("scripted-test-engine", "prompt answer@1a2b3c4d", "4.2 s", "120 tokens read, 14 written"):
        assert figure in text


def test_answer_of_a_second_attempt_says_so(page: Client, finished: RunInfo) -> None:
    Run.objects.filter(pk=finished.id).update(attempt=2)
    assert "this is attempt 2" in text_of(page, f"/runs/{finished.id}/", **PART)


def test_answer_of_the_fallback_model_says_so(page: Client, finished: RunInfo) -> None:
    words = "the fallback model, because the usual one was not available"
    assert words not in text_of(page, f"/runs/{finished.id}/", **PART)

    Run.objects.filter(pk=finished.id).update(model_name="Small", model_is_fallback=True)
    text = text_of(page, f"/runs/{finished.id}/", **PART)
    assert f"<span>Small</span><span>{words}</span>" in text


def test_failed_answer_says_why_with_a_reference(page: Client, run: RunInfo) -> None:
    Run.objects.filter(pk=run.id).update(
        status="failed", error_message="The engine did not answer.", finished_at=timezone.now()
    )
    text = text_of(page, f"/threads/{run.thread_id}/")
    assert "The engine did not answer." in text
    assert run.reference in text


def test_stopped_answer_says_so(page: Client, run: RunInfo) -> None:
    assert page.post(f"/runs/{run.id}/stop", headers=PART).status_code == 204
    assert "Stopped before anything was written." in text_of(page, f"/threads/{run.thread_id}/")


def test_source_that_is_gone_says_so(page: Client, finished: RunInfo) -> None:
    assert "deleted" in text_of(page, f"/runs/{finished.id}/sources/1/")
    assert page.get(f"/runs/{finished.id}/sources/2/").status_code == 404


def test_ask_again_puts_a_second_run_into_the_conversation(page: Client, finished: RunInfo, ada: object) -> None:
    assert page.post(f"/runs/{finished.id}/retry", headers=PART).status_code == 200
    assert text_of(page, f"/threads/{finished.thread_id}/").count("<article") == 2


def test_conversation_is_renamed_found_and_deleted(page: Client, run: RunInfo) -> None:
    page.post(f"/threads/{run.thread_id}/rename", {"title": "  Dam\0  and   weir "})
    assert "Dam and weir" in text_of(page, "/threads/?search=weir", **PART)
    assert "No conversation matches" in text_of(page, "/threads/?search=sluice", **PART)
    page.post(f"/threads/{run.thread_id}/rename", {"title": " "})
    assert "Dam and weir" in text_of(page, "/threads/")
    assert page.post(f"/threads/{run.thread_id}/delete").status_code == 302
    assert page.get(f"/threads/{run.thread_id}/").status_code == 404


def test_collection_is_made_renamed_and_deleted(page: Client) -> None:
    address = page.post("/collections/new", {"name": " Wells ", "description": "Deep\0 ones"})["Location"]
    assert "Wells" in text_of(page, address)
    page.post(f"{address}update", {"name": "Springs", "description": ""})
    assert "Springs" in text_of(page, "/collections/")
    page.post(f"{address}delete")
    assert page.get(address).status_code == 404


def test_collection_without_a_name_is_refused(page: Client) -> None:
    assert "A collection needs a name." in page.post("/collections/new", {"name": " "}, follow=True).content.decode()


def test_upload_takes_what_it_can_and_says_why_not_the_rest(page: Client, collection: CollectionInfo) -> None:
    files = [
        SimpleUploadedFile("good.txt", b"The weir is closed on Sundays."),
        SimpleUploadedFile("again.txt", b"The weir is closed on Sundays."),
        SimpleUploadedFile("empty.txt", b" "),
    ]
    response = page.post(f"/collections/{collection.id}/documents", {"files": files}, follow=True)
    text = response.content.decode()
    assert "1 file is being read." in text
    assert "“again.txt” was not taken." in text
    assert [document.filename for document in Document.objects.all()].count("good.txt") == 1


def test_upload_of_a_file_without_a_name_says_so(page: Client, collection: CollectionInfo) -> None:
    files = [SimpleUploadedFile(" ", b"The weir is closed."), SimpleUploadedFile("good.txt", b"The weir is open.")]
    response = page.post(f"/collections/{collection.id}/documents", {"files": files}, follow=True)
    text = response.content.decode()
    assert response.status_code == 200
    assert "“ ” was not taken." in text
    assert "1 file is being read." in text


def test_upload_of_nothing_asks_for_a_file(page: Client, collection: CollectionInfo) -> None:
    response = page.post(f"/collections/{collection.id}/documents", follow=True)
    assert "Choose at least one file." in response.content.decode()


def test_documents_are_asked_for_again_only_while_there_is_work(page: Client, document: DocumentInfo) -> None:
    address = f"/collections/{document.collection_id}/"
    assert 'hx-trigger="every 1s"' in text_of(page, address, **PART)
    Document.objects.filter(pk=document.id).update(status="failed", reason="It holds no text.")
    text = text_of(page, address, **PART)
    assert "hx-trigger" not in text
    assert "It holds no text." in text
    assert "Try again" in text


def test_progress_is_shown_with_its_count(page: Client, document: DocumentInfo) -> None:
    Document.objects.filter(pk=document.id).update(status="embedding", progress_done=3, progress_total=8)
    text = text_of(page, f"/collections/{document.collection_id}/")
    assert '<progress value="3" max="8"' in text
    assert "3 of 8 passages" in text


def test_document_without_text_yet_says_so(page: Client, document: DocumentInfo) -> None:
    assert "still being read" in text_of(page, f"/documents/{document.id}/")


def test_document_is_deleted(page: Client, document: DocumentInfo) -> None:
    assert page.post(f"/documents/{document.id}/delete").status_code == 302
    assert page.get(f"/documents/{document.id}/").status_code == 404


def test_unknown_passage_of_a_document_says_so(page: Client, document: DocumentInfo) -> None:
    assert "no longer in this document" in text_of(page, f"/documents/{document.id}/?chunk=999999")


@pytest.mark.parametrize("address", ["/nothing/", f"/threads/{uuid4()}/", f"/documents/{uuid4()}/"])
def test_missing_page_has_a_reference(page: Client, address: str) -> None:
    response = page.get(address)
    assert response.status_code == 404
    assert "Reference:" in response.content.decode()


def test_unforeseen_failure_shows_a_page_and_no_detail(page: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise RuntimeError("a secret detail")

    monkeypatch.setattr(agents, "list_threads", fail)
    page.raise_request_exception = False
    response = page.get("/threads/")
    assert response.status_code == 500
    assert "Reference:" in response.content.decode()
    assert "secret" not in response.content.decode()


def test_health_needs_no_log_in_and_tells_nothing(client: Client, db: None) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ok"}
