"""What members of staff do in a browser."""

import functools
import re
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.paper import build_pdf
from tests.e2e.stack import PASSWORD

READY_MILLISECONDS = 60_000


@dataclass(frozen=True)
class Handbook:
    """Addresses of a collection and of the document in it."""

    collection: str
    document: str


def log_in(page: Page, name: str, password: str = PASSWORD) -> None:
    page.goto("/account/login/")
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="What would you like to know?")).to_be_visible()


@functools.cache
def session(browser: Browser, url: str, name: str) -> Any:
    """The cookies of somebody who has logged in once."""
    context = browser.new_context(base_url=url)
    log_in(context.new_page(), name)
    state = context.storage_state()
    context.close()
    return state


def make_collection(page: Page, name: str) -> None:
    page.goto("/collections/")
    page.get_by_role("button", name=re.compile("New collection")).click()
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Make the collection").click()
    expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()


def upload(page: Page, filename: str, content: bytes, media_type: str) -> None:
    file: Any = {"name": filename, "mimeType": media_type, "buffer": content}
    page.get_by_label("Add documents").set_input_files([file])
    page.get_by_role("button", name="Upload", exact=True).click()


@functools.cache
def ensure_handbook(browser: Browser, url: str, name: str = "ada") -> Handbook:
    """A collection of this person's own with the handbook in it."""
    context = browser.new_context(base_url=url, storage_state=session(browser, url, name))
    page = context.new_page()
    make_collection(page, "Duty handbook")
    collection = page.url
    upload(page, "duty-handbook.pdf", build_pdf(), "application/pdf")
    row = page.locator("tr[data-document]")
    expect(row).to_have_attribute("data-status", "ready", timeout=READY_MILLISECONDS)
    document = row.get_by_role("link").get_attribute("href")
    context.close()
    assert document
    return Handbook(collection=collection, document=document)


def ask(page: Page, question: str) -> Locator:
    """Ask in the page that is open and return the answer's article as soon as it is there."""
    before = page.locator("article.run").count() if "/threads/" in page.url else 0
    page.get_by_label("Your question").fill(question)
    page.keyboard.press("Enter")
    articles = page.locator("article.run")
    expect(articles).to_have_count(before + 1)
    return articles.last


def expect_finished(article: Locator) -> None:
    expect(article.locator("footer.run-foot")).to_be_visible()
