"""Every address of the staff interface: strangers log in, other people's things are not there, changes need POST."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import get_resolver

from webapp.accounts.models import User
from webapp.agents.types import RunInfo
from webapp.chat.urls import urlpatterns
from webapp.knowledge.types import CollectionInfo, DocumentInfo

OPEN = {"healthz", "readyz"}
OWN_PAGES = {"new", "threads", "collections"}
CHANGES = {
    "thread-rename",
    "thread-delete",
    "runs",
    "run-stop",
    "run-retry",
    "collection-create",
    "collection-update",
    "collection-delete",
    "document-upload",
    "document-retry",
    "document-delete",
}
NAMES = [str(pattern.name) for pattern in urlpatterns]
Address = Callable[[str], str]


@pytest.fixture
def address(finished: RunInfo, collection: CollectionInfo, document: DocumentInfo) -> Address:
    """The address of a page about something of Ada's, by the page's name."""
    values = {
        "thread_id": finished.thread_id,
        "run_id": finished.id,
        "collection_id": collection.id,
        "document_id": document.id,
        "n": 1,
    }

    def build(name: str) -> str:
        pattern = get_resolver().reverse_dict.getlist(name)[0]
        template, wanted = pattern[0][0]
        return "/" + str(template) % {key: values[key] for key in wanted}

    return build


@pytest.mark.parametrize("name", sorted(set(NAMES) - OPEN))
def test_stranger_is_sent_to_the_log_in_page(client: Client, address: Address, name: str) -> None:
    method = client.post if name in CHANGES else client.get
    response = method(address(name))
    assert response.status_code == 302
    assert response["Location"].startswith("/account/login/?next=")


@pytest.mark.parametrize("name", sorted(set(NAMES) - OPEN - OWN_PAGES - {"runs", "collection-create"}))
def test_page_about_something_of_another_user_is_not_there(other_page: Client, address: Address, name: str) -> None:
    method = other_page.post if name in CHANGES else other_page.get
    response = method(address(name))
    assert response.status_code == 404
    text = response.content.decode()
    assert "Reservoirs" not in text
    assert "reservoir" not in text


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_change_needs_post(page: Client, address: Address, name: str) -> None:
    assert page.get(address(name)).status_code == 405


@pytest.mark.parametrize("name", sorted(set(NAMES) - CHANGES))
def test_page_refuses_post(page: Client, address: Address, name: str) -> None:
    assert page.post(address(name)).status_code == 405


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_change_without_its_token_is_refused(ada: User, address: Address, name: str) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(ada, backend="allauth.account.auth_backends.AuthenticationBackend")
    response = strict.post(address(name))
    assert response.status_code == 403
    assert "This form is out of date" in response.content.decode()


def test_question_in_a_conversation_of_another_user_is_refused(other_page: Client, finished: RunInfo) -> None:
    response = other_page.post("/runs/", {"question": "And now?", "thread": str(finished.thread_id)})
    assert response.status_code == 404


def test_question_to_a_malformed_collection_is_not_asked_of_all(page: Client) -> None:
    assert page.post("/runs/", {"question": "What?", "collections": ["x"]}).status_code == 400


def test_reader_cannot_change_a_shared_collection(page: Client, other_page: Client, collection: CollectionInfo) -> None:
    page.post(f"/collections/{collection.id}/update", {"name": "Reservoirs", "everyone": "on"})
    assert "Reservoirs" in other_page.get("/collections/").content.decode()
    for change in ("update", "delete", "documents"):
        assert other_page.post(f"/collections/{collection.id}/{change}", {"name": "Mine"}).status_code in (302, 403)
    shown = page.get(f"/collections/{collection.id}/").content.decode()
    assert "Reservoirs" in shown
    assert "Mine" not in shown


def test_address_of_a_form_answers_a_reader_with_a_page(page: Client) -> None:
    response = page.get("/runs/")
    assert (response.status_code, response["Allow"]) == (405, "POST")
    text = response.content.decode()
    assert "There is no page at this address" in text
    assert "Reference:" in text
