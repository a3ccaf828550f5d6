"""Collections in the browser: what can be read, what cannot and why, and who sees it."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.e2e.stack import ADMINISTRATOR
from tests.e2e.staff import READY_MILLISECONDS, Handbook, ask, expect_finished, make_collection, upload


def test_file_that_lies_about_its_kind_gets_a_reason(ada: Page) -> None:
    make_collection(ada, "Odds and ends")
    upload(ada, "report.pdf", b"MZ\x90\x00 this is no document at all \x00\x01\x02", "application/pdf")
    expect(ada.locator(".messages .notice, td.state p").first).to_contain_text("report.pdf")


def test_text_file_shows_its_progress_until_it_is_ready(ada: Page) -> None:
    make_collection(ada, "Long reading")
    text = "\n\n".join(f"# Part {n}\n\nThe valve of line {n} is opened at dawn and closed at dusk." for n in range(300))
    upload(ada, "valves.md", text.encode(), "text/markdown")
    row = ada.locator("tr[data-document]")
    expect(row).to_have_attribute("data-status", "ready", timeout=READY_MILLISECONDS)
    expect(ada.locator("#documents[hx-trigger]")).to_have_count(0)


def test_document_is_deleted_after_a_question(ada: Page) -> None:
    make_collection(ada, "To be emptied")
    upload(ada, "note.txt", b"The stopcock is behind the third door.", "text/plain")
    ada.get_by_role("button", name="Delete note").click()
    ada.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(ada.get_by_role("heading", name="No documents yet")).to_be_visible()


def test_second_user_sees_nothing_of_the_first(open_page: Callable[..., Page], handbook: Handbook) -> None:
    ada, grace = open_page("ada"), open_page("grace")
    ada.goto("/")
    article = ask(ada, "How often are the sand filters backwashed?")
    expect_finished(article)
    run = f"/runs/{article.get_attribute('data-run')}/"
    for address in (handbook.collection, handbook.document, ada.url, run, f"{run}events", f"{run}sources/1/"):
        response = grace.goto(address)
        assert response is not None
        assert response.status == 404, address
        assert "backwashed" not in grace.content()
    grace.goto("/")
    expect(grace.locator("#thread-list")).not_to_contain_text("backwashed")
    answer = ask(grace, "How often are the sand filters backwashed?")
    expect_finished(answer)
    assert answer.locator("button.cite").count() == 0
    assert "48 hours" not in grace.content()
    grace.goto("/collections/")
    expect(grace.get_by_text("Duty handbook")).to_have_count(0)


def test_collection_shared_with_everyone_is_readable_and_not_writable(open_page: Callable[..., Page]) -> None:
    ada, grace = open_page("ada"), open_page("grace")
    make_collection(ada, "House rules")
    ada.get_by_role("button", name="Name and sharing").click()
    ada.get_by_label("Everyone with an account").check()
    ada.get_by_role("button", name="Save").click()
    grace.goto("/collections/")
    grace.get_by_role("link", name="House rules").click()
    expect(grace.get_by_role("heading", level=1, name="House rules")).to_be_visible()
    assert grace.get_by_role("button", name="Upload").count() == 0
    assert grace.get_by_role("button", name="Name and sharing").count() == 0


def test_administrator_makes_a_user_who_has_to_choose_a_password(open_page: Callable[..., Page]) -> None:
    administrator, new = open_page(ADMINISTRATOR), open_page(None)
    administrator.goto("/admin/accounts/user/add/")
    administrator.get_by_label("User name").fill("mary")
    administrator.get_by_role("button", name="Save", exact=True).click()
    temporary = administrator.locator("#temporary-password").inner_text()
    new.goto("/account/login/")
    new.get_by_label("User name").fill("mary")
    new.get_by_label("Password").fill(temporary)
    new.get_by_role("button", name="Log in").click()
    expect(new.get_by_role("heading", name="Change password")).to_be_visible()
    new.get_by_label("Current password").fill(temporary)
    new.get_by_label("New password", exact=True).fill("seven grey herons")
    new.get_by_label("New password, once more").fill("seven grey herons")
    new.get_by_role("button", name="Change password").click()
    expect(new.get_by_role("heading", name="What would you like to know?")).to_be_visible()


def test_keyboard_alone_is_enough(ada: Page, handbook: Handbook) -> None:
    ada.goto("/")
    ada.keyboard.type("How often are the sand filters backwashed?")
    ada.keyboard.press("Enter")
    article = ada.locator("article.run")
    expect_finished(article)
    article.locator("button.cite").first.focus()
    ada.keyboard.press("Enter")
    expect(ada.locator("#sources .source")).to_be_focused()
    ada.keyboard.press("Shift+Escape")
    expect(ada.get_by_label("Your question")).to_be_focused()
    ada.keyboard.press("Control+Shift+o")
    expect(ada.get_by_role("heading", name="What would you like to know?")).to_be_visible()
    ada.get_by_role("link", name="Collections").focus()
    ada.keyboard.press("?")
    expect(ada.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    ada.keyboard.press("Escape")
    expect(ada.get_by_role("dialog")).to_have_count(0)


def test_theme_that_was_chosen_stays(ada: Page) -> None:
    ada.goto("/")
    ada.get_by_role("button", name="Your account").click()
    ada.get_by_role("button", name="Dark").click()
    ada.reload()
    expect(ada.locator("html")).to_have_attribute("data-theme", "dark")


def test_connection_that_is_lost_is_said(ada: Page) -> None:
    ada.goto("/")
    ada.context.set_offline(True)
    expect(ada.get_by_text("No connection to the appliance.")).to_be_visible()
    ada.context.set_offline(False)
    expect(ada.get_by_text("No connection to the appliance.")).to_be_hidden()
