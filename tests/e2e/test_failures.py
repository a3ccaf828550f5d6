"""What goes wrong between the page and the appliance is said, and costs nobody what they typed."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Request, expect

from tests.e2e.stack import PASSWORD
from tests.e2e.staff import Handbook, ask, expect_finished, make_collection

QUESTION = "How often are the sand filters backwashed?"
NEXT = "And who opens the outlet again?"


@pytest.fixture
def conversation(ada: Page, handbook: Handbook) -> Page:
    ada.goto("/")
    expect_finished(ask(ada, QUESTION))
    return ada


def sent_questions(page: Page) -> list[Request]:
    requests: list[Request] = []
    page.on(
        "request", lambda one: requests.append(one) if one.method == "POST" and one.url.endswith("/runs/") else None
    )
    return requests


def send(page: Page, question: str) -> None:
    page.get_by_label("Your question").fill(question)
    page.keyboard.press("Enter")


def log_in_again(page: Page) -> None:
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    page.get_by_label("User name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def test_session_that_ends_in_a_conversation_leads_back_to_it_with_the_question(conversation: Page) -> None:
    address = conversation.url
    conversation.context.clear_cookies(name="sessionid")
    send(conversation, NEXT)
    log_in_again(conversation)
    expect(conversation).to_have_url(address)
    expect(conversation.get_by_label("Your question")).to_have_value(NEXT)
    expect(conversation.locator("article.run")).to_have_count(1)


def test_session_that_ends_before_the_first_question_keeps_it(ada: Page) -> None:
    ada.goto("/")
    ada.context.clear_cookies(name="sessionid")
    send(ada, NEXT)
    log_in_again(ada)
    expect(ada.get_by_role("heading", name="What would you like to know?")).to_be_visible()
    expect(ada.get_by_label("Your question")).to_have_value(NEXT)


def test_draft_is_forgotten_once_the_first_question_has_arrived(conversation: Page) -> None:
    conversation.goto("/")
    expect(conversation.get_by_label("Your question")).to_have_value("")


def test_session_that_ends_leaves_no_log_in_form_in_the_list_of_conversations(conversation: Page) -> None:
    conversation.context.clear_cookies(name="sessionid")
    conversation.get_by_label("Search your conversations").fill("sand")
    expect(conversation).to_have_url(re.compile(r"/account/login/\?next=%2Fthreads%2F"))


def test_question_in_a_conversation_that_is_gone_is_kept_and_the_reason_said(
    conversation: Page, open_page: Callable[..., Page]
) -> None:
    other = open_page("ada")
    other.goto(conversation.url)
    other.get_by_role("button", name="Delete the conversation").click()
    other.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(other.get_by_text("The conversation is deleted.")).to_be_visible()
    send(conversation, NEXT)
    expect(conversation.locator("#composer-error")).to_contain_text("no longer there")
    expect(conversation.get_by_label("Your question")).to_have_value(NEXT)
    conversation.get_by_role("button", name="Ask again").click()
    expect(conversation.get_by_text("The appliance could not do this.")).to_be_visible()


@pytest.mark.parametrize(
    ("status", "sentence"), [(500, "could not take the question"), (403, "out of date"), (413, "Shorten the question")]
)
def test_question_that_is_refused_is_kept_and_the_reason_said(conversation: Page, status: int, sentence: str) -> None:
    conversation.route("**/runs/", lambda route: route.fulfill(status=status, body="<h1>No</h1>"))
    send(conversation, NEXT)
    expect(conversation.locator("#composer-error")).to_contain_text(sentence)
    expect(conversation.get_by_label("Your question")).to_have_value(NEXT)
    expect(conversation.locator("#runs")).not_to_contain_text("No")
    conversation.unroute("**/runs/")
    conversation.keyboard.press("Enter")
    expect(conversation.locator("article.run")).to_have_count(2)
    expect(conversation.locator("#composer-error")).to_be_hidden()
    expect_finished(conversation.locator("article.run").last)


def test_page_instead_of_an_answer_is_not_shown_as_one(conversation: Page) -> None:
    conversation.route("**/runs/", lambda route: route.fulfill(status=200, body="<h1>Welcome to this network</h1>"))
    send(conversation, NEXT)
    expect(conversation.locator("#composer-error")).to_contain_text("could not take the question")
    expect(conversation.locator("#runs")).not_to_contain_text("Welcome")
    expect(conversation.get_by_label("Your question")).to_have_value(NEXT)


def test_enter_that_is_pressed_twice_asks_once_in_a_conversation(conversation: Page) -> None:
    requests = sent_questions(conversation)
    conversation.get_by_label("Your question").fill(NEXT)
    conversation.locator("#question").evaluate(
        """field => {
          for (const repeat of [false, false, true]) {
            field.dispatchEvent(new KeyboardEvent("keydown", {key: "Enter", repeat, bubbles: true, cancelable: true}));
          }
        }"""
    )
    expect(conversation.locator("article.run")).to_have_count(2)
    expect_finished(conversation.locator("article.run").last)
    assert len(requests) == 1
    expect(conversation.locator("article.run")).to_have_count(2)


def test_enter_that_is_pressed_twice_asks_once_on_the_first_page(ada: Page, handbook: Handbook) -> None:
    ada.goto("/")
    submits = (
        "() => { window.taken = 0; addEventListener('submit', e => { if (!e.defaultPrevented) window.taken += 1; }); }"
    )
    ada.evaluate(submits)
    ada.route("**/runs/", lambda route: route.fulfill(status=204))  # the browser stays where it is
    ada.get_by_label("Your question").fill(QUESTION)
    ada.keyboard.press("Enter")
    ada.keyboard.press("Enter")
    assert ada.evaluate("() => window.taken") == 1


def test_address_of_a_form_shows_a_page(ada: Page) -> None:
    response = ada.goto("/runs/")
    assert response is not None
    assert response.status == 405
    ada.get_by_role("link", name="Go to the start page").click()
    expect(ada.get_by_role("heading", name="What would you like to know?")).to_be_visible()


def test_files_that_are_too_large_together_are_not_sent(ada: Page) -> None:
    make_collection(ada, "Heavy reading")
    ada.locator("[data-upload]").evaluate("form => { form.dataset.maxBytes = '10'; }")
    files = [{"name": f"{n}.txt", "mimeType": "text/plain", "buffer": b"seven b"} for n in range(2)]
    ada.get_by_label("Add documents").set_input_files(files)  # type: ignore[arg-type] # plain dicts are what it takes
    message = ada.get_by_label("Add documents").evaluate("field => field.validationMessage")
    assert " ".join(message.split()) == "At most 200.0 MB at once. Choose fewer files."


def test_log_out_is_in_sight(ada: Page) -> None:
    ada.goto("/")
    ada.get_by_role("link", name="Log out").click()
    ada.get_by_role("link", name="Stay").click()
    expect(ada.get_by_role("heading", name="What would you like to know?")).to_be_visible()


def test_log_out_ends_the_session(open_page: Callable[..., Page]) -> None:
    page = open_page(None)
    page.goto("/")
    log_in_again(page)
    page.get_by_role("link", name="Log out").click()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    page.goto("/")
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
