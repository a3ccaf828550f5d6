"""Conversations: what one sees of one's own, and nothing of anybody else's."""

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from django.contrib.auth import get_user_model

from tests.integration.agents.conftest import ask
from webapp.agents import api
from webapp.agents.errors import InvalidQuestion, NotFound
from webapp.durable.models import Lease
from webapp.knowledge import api as knowledge
from webapp.streaming import api as streaming


@pytest.fixture
def other_id(transactional_db: None) -> int:
    return get_user_model()._default_manager.create_user("grace", password="not-used").pk


def test_create_run_commits_run_event_and_lease_together(user_id: int) -> None:
    run = api.create_run(user_id=user_id, question="  What is a pump?  ")

    assert (run.question, run.status, run.attempt) == ("What is a pump?", "queued", 0)
    assert [event.type for event in streaming.read(run_id=run.id)] == ["run_queued"]
    assert Lease.objects.filter(subject_id=run.id, state="queued").exists()
    assert api.get_thread(user_id=user_id, thread_id=run.thread_id).info.title == "What is a pump?"


@pytest.mark.parametrize("question", ["", "  \n ", "\x00", "x" * 8001])
def test_create_run_refuses_an_unusable_question(user_id: int, question: str) -> None:
    with pytest.raises(InvalidQuestion):
        api.create_run(user_id=user_id, question=question)

    assert api.list_threads(user_id=user_id) == []


def test_list_threads_finds_words_of_titles_and_questions(user_id: int) -> None:
    first = api.create_run(user_id=user_id, question="How are pumps greased?")
    api.create_run(user_id=user_id, question="And the 100%_valves?", thread_id=first.thread_id)
    second = api.create_run(user_id=user_id, question="Where is the ledger?")

    def found(search: str) -> list[UUID]:
        return [thread.id for thread in api.list_threads(user_id=user_id, search=search)]

    assert found("") == [second.thread_id, first.thread_id]
    assert found("VALVES pumps") == [first.thread_id]
    assert found("100%_") == [first.thread_id]
    assert found("nothing") == []


def test_new_question_moves_its_thread_to_the_top(user_id: int) -> None:
    first = api.create_run(user_id=user_id, question="One?")
    second = api.create_run(user_id=user_id, question="Two?")

    api.create_run(user_id=user_id, question="Three?", thread_id=first.thread_id)

    assert [t.id for t in api.list_threads(user_id=user_id)] == [first.thread_id, second.thread_id]


def test_rename_thread_changes_its_title(user_id: int) -> None:
    run = api.create_run(user_id=user_id, question="One?")

    api.rename_thread(user_id=user_id, thread_id=run.thread_id, title="  Pumps\nand valves ")

    assert api.list_threads(user_id=user_id)[0].title == "Pumps and valves"
    with pytest.raises(InvalidQuestion):
        api.rename_thread(user_id=user_id, thread_id=run.thread_id, title=" ")


def test_retry_run_asks_the_same_in_the_same_thread(user_id: int) -> None:
    collection = uuid4()
    run = api.create_run(user_id=user_id, question="One?", collection_ids=[collection])

    again = api.retry_run(user_id=user_id, run_id=run.id)

    assert again.id != run.id
    assert (again.question, again.thread_id, again.collection_ids) == ("One?", run.thread_id, (collection,))


CALLS: dict[str, Callable[[int, UUID, UUID], object]] = {
    "get_run": lambda user, run, thread: api.get_run(user_id=user, run_id=run),
    "cancel_run": lambda user, run, thread: api.cancel_run(user_id=user, run_id=run),
    "retry_run": lambda user, run, thread: api.retry_run(user_id=user, run_id=run),
    "get_thread": lambda user, run, thread: api.get_thread(user_id=user, thread_id=thread),
    "rename_thread": lambda user, run, thread: api.rename_thread(user_id=user, thread_id=thread, title="x"),
    "delete_thread": lambda user, run, thread: api.delete_thread(user_id=user, thread_id=thread),
    "get_citation": lambda user, run, thread: api.get_citation(user_id=user, run_id=run, n=1),
    "create_run": lambda user, run, thread: api.create_run(user_id=user, question="Mine?", thread_id=thread),
}


def test_another_persons_conversation_is_not_there(user_id: int, other_id: int, handbook: UUID) -> None:
    run = ask(user_id, "When is pump seven greased?")

    for name, call in CALLS.items():
        with pytest.raises(NotFound):
            pytest.fail(f"{name} gave {call(other_id, run.id, run.thread_id)}")
        with pytest.raises(NotFound):
            pytest.fail(f"{name} gave {call(user_id, uuid4(), uuid4())}")

    assert api.list_threads(user_id=other_id) == []
    assert api.get_run(user_id=user_id, run_id=run.id) == run


def test_every_function_of_the_face_is_in_the_leak_test() -> None:
    assert set(CALLS) | {"list_threads"} == set(api.__all__)


def test_answer_never_draws_on_anothers_documents(other_id: int, handbook: UUID) -> None:
    run = ask(other_id, "When is pump seven greased?")

    assert run.status == "finished"
    assert run.citations == ()
    assert "lithium" not in run.answer


def test_citation_of_a_deleted_document_says_so(user_id: int, handbook: UUID) -> None:
    run = ask(user_id, "When is pump seven greased?")
    knowledge.delete_document(user_id=user_id, document_id=handbook)

    citation = api.get_citation(user_id=user_id, run_id=run.id, n=1)

    assert citation.is_available is False
    assert "deleted" in citation.notice
    assert (citation.quote, citation.passage) == ("", "")


def test_citation_of_a_collection_no_longer_shared_says_so(user_id: int, other_id: int, handbook: UUID) -> None:
    collection = knowledge.get_document(user_id=user_id, document_id=handbook).collection_id

    def share(everyone: bool) -> None:
        knowledge.update_collection(
            user_id=user_id,
            collection_id=collection,
            name="Handbook",
            description="",
            group_ids=[],
            everyone=everyone,
        )

    share(True)
    run = ask(other_id, "When is pump seven greased?")
    assert api.get_citation(user_id=other_id, run_id=run.id, n=1).is_available

    share(False)

    assert api.get_citation(user_id=other_id, run_id=run.id, n=1).is_available is False
