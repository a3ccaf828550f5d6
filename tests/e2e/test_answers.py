"""Ask, watch, reload, look at a source, stop, delete; and a worker that dies."""

import json
import re
from collections.abc import Callable
from contextlib import ExitStack

import httpx
from playwright.sync_api import Locator, Page, expect

from tests.e2e.stack import Stack
from tests.e2e.staff import Handbook, ask, expect_finished, log_in

QUESTION = "How often are the sand filters backwashed?"
MANY_LINES = 80
STREAMS = 24  # the pool holds 16 connections


def streamed_text(page: Page, article: Locator) -> str:
    """The tokens in the run's log, joined: what the engine wrote."""
    log = page.request.get(f"/runs/{article.get_attribute('data-run')}/events").text()
    pieces = re.findall(r"event: token\n(?:.*\n)*?data: (.*)\n", log)
    return "".join(json.loads(piece)["text"] for piece in pieces)


def test_log_in_leads_to_the_question(open_page: Callable[..., Page]) -> None:
    page = open_page(None)
    log_in(page, "ada")
    expect(page.get_by_label("Your question")).to_be_focused()


def test_document_that_was_uploaded_is_ready_and_shows_its_text(ada: Page, handbook: Handbook) -> None:
    ada.goto(handbook.document)
    expect(ada.locator(".document-text")).to_contain_text("Sand filters are backwashed every 48 hours")
    expect(ada.get_by_text("Page 2", exact=True)).to_be_visible()


def test_answer_arrives_in_pieces_and_ends_with_sources(ada: Page, handbook: Handbook) -> None:
    ada.goto("/")
    article = ask(ada, f"{QUESTION} <<slow>>")
    draft = article.locator("[data-draft]")
    expect(draft).not_to_be_empty()
    first = draft.inner_text()
    expect(draft).not_to_have_text(first)
    second = draft.inner_text()
    assert second.startswith(first.rstrip())
    expect_finished(article)
    expect(article.locator("button.cite").first).to_be_visible()
    expect(article.locator(".run-meta")).to_contain_text("scripted-test-engine")
    expect(article.locator(".run-meta")).to_contain_text("tokens read")


def test_reload_in_mid_answer_loses_no_token(ada: Page, handbook: Handbook) -> None:
    ada.goto("/")
    article = ask(ada, f"{QUESTION} <<slow>>")
    draft = article.locator("[data-draft]")
    expect(draft).not_to_be_empty()
    before = draft.inner_text()
    ada.reload()
    expect(article.locator("[data-draft]")).to_contain_text(before.strip())
    expect_finished(article)
    shown = re.sub(r"\W", "", article.locator("[data-answer]").inner_text())
    assert shown == re.sub(r"\W", "", streamed_text(ada, article))


def test_long_answer_is_whole_and_leaves_the_reader_in_place(ada: Page, handbook: Handbook) -> None:
    ada.goto("/")
    article = ask(ada, "Tell me about the pump ledger <<many>>")
    draft = article.locator("[data-draft]")
    expect(draft).to_contain_text("The pump runs and the ledger grows by one more line. " * 50)
    ada.locator("#main").evaluate("element => { element.scrollTop = 0; }")
    expect_finished(article)
    shown = article.locator("[data-answer]").inner_text()
    assert shown.strip() == streamed_text(ada, article).strip()
    assert shown.count("the ledger grows by one more line") > MANY_LINES
    assert ada.locator("#main").evaluate("element => element.scrollTop") < 50


def test_citation_opens_its_source_and_the_document_at_the_passage(ada: Page, handbook: Handbook) -> None:
    ada.goto("/")
    article = ask(ada, QUESTION)
    expect_finished(article)
    article.locator("button.cite").first.click()
    source = ada.locator("#sources .source")
    expect(source).to_be_focused()
    quote = source.locator("mark").inner_text()
    assert quote
    source.get_by_role("link", name="Open in the document").click()
    expect(ada).to_have_url(re.compile(r"/documents/[0-9a-f-]+/\?chunk=\d+.*#passage$"))
    mark = ada.locator("mark#passage")
    expect(mark).to_be_in_viewport()
    assert " ".join("".join(ada.locator("mark").all_inner_texts()).split()) == " ".join(quote.split())


def test_stop_keeps_what_was_written(ada: Page, handbook: Handbook) -> None:
    ada.goto("/")
    article = ask(ada, f"{QUESTION} <<slow>>")
    expect(article.locator("[data-draft]")).not_to_be_empty()
    ada.keyboard.press("Escape")
    expect(article.get_by_text("Stopped. What had been written is kept.")).to_be_visible()
    assert article.locator("[data-answer]").inner_text()


def test_follow_up_stays_in_the_conversation(ada: Page, handbook: Handbook) -> None:
    ada.goto("/")
    expect_finished(ask(ada, QUESTION))
    address = ada.url
    expect_finished(ask(ada, "And how long does it take?"))
    assert ada.url == address
    ada.locator("article.run").last.get_by_role("button", name="Ask again").click()
    expect(ada.locator("article.run")).to_have_count(3)
    expect_finished(ada.locator("article.run").last)


def test_conversation_is_renamed_found_and_deleted(ada: Page, handbook: Handbook) -> None:
    ada.goto("/")
    expect_finished(ask(ada, QUESTION))
    ada.get_by_role("button", name="Rename the conversation").click()
    ada.get_by_role("textbox", name="Name").fill("Zebra crossing")
    ada.get_by_role("button", name="Rename", exact=True).click()
    expect(ada.get_by_role("heading", name="Zebra crossing")).to_be_visible()
    ada.keyboard.press("Control+k")
    ada.keyboard.type("zebra")
    links = ada.locator("#thread-list a")
    expect(links).to_have_count(1)
    links.click()
    ada.get_by_role("button", name="Delete the conversation").click()
    ada.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(ada.get_by_text("The conversation is deleted.")).to_be_visible()
    expect(ada.locator("#thread-list")).not_to_contain_text("Zebra crossing")


def test_worker_that_dies_in_mid_answer_is_replaced_and_the_page_says_so(
    ada: Page, stack: Stack, handbook: Handbook
) -> None:
    ada.goto("/")
    article = ask(ada, f"{QUESTION} <<slow>>")
    expect(article.locator("[data-draft]")).not_to_be_empty()
    stack.kill_worker()
    stack.start_worker()
    notice = article.get_by_text("The answer is being written again (attempt 2): the worker stopped.")
    expect(notice).to_be_visible(timeout=45_000)
    expect(article.locator("footer.run-foot")).to_be_visible(timeout=45_000)
    expect(article.get_by_text("this is attempt 2")).to_be_visible()
    expect(article.locator("button.cite").first).to_be_visible()


def test_draft_survives_leaving_the_page(ada: Page) -> None:
    ada.goto("/")
    ada.get_by_label("Your question").fill("A thought that is not finished")
    ada.goto("/collections/")
    ada.goto("/")
    expect(ada.get_by_label("Your question")).to_have_value("A thought that is not finished")


def test_hostile_answer_runs_nothing(ada: Page, handbook: Handbook) -> None:
    ada.goto("/")
    article = ask(ada, f"{QUESTION} <<markup>>")
    expect_finished(article)
    expect(article.locator("[data-answer]")).to_contain_text("<script>alert('scripted')</script>")
    assert article.locator("[data-answer] a").count() == 0


def test_more_open_streams_than_database_connections_leave_the_pages_working(
    ada: Page, handbook: Handbook, scripted_engine: str
) -> None:
    rule = {"marker": "glacial", "token_delay_seconds": 2.0}
    httpx.post(f"{scripted_engine}/__script", json={"rules": [rule]}, trust_env=False).raise_for_status()
    ada.goto("/")
    article = ask(ada, f"{QUESTION} <<glacial>>")
    expect(article.locator("[data-draft]")).not_to_be_empty()
    cookies = {cookie["name"]: cookie["value"] for cookie in ada.context.cookies()}
    events = f"/runs/{article.get_attribute('data-run')}/events"
    base = ada.url.partition("/threads/")[0]
    with ExitStack() as streams, httpx.Client(base_url=base, cookies=cookies, trust_env=False, timeout=15) as client:
        for _ in range(STREAMS):
            response = streams.enter_context(client.stream("GET", events))
            assert response.status_code == 200
            assert "event: run_queued" in response.iter_lines()
        assert client.get("/collections/").status_code == 200
    ada.keyboard.press("Escape")
    expect(article.get_by_text("Stopped. What had been written is kept.")).to_be_visible()
