"""axe on every page, light and dark, on a desk and on a phone; and a picture of each for the eye.

Nothing serious or critical is let through. The record admin is a library's and is not measured here.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import DESKTOP, PHONE
from tests.e2e.stack import ADMINISTRATOR, Stack
from tests.e2e.staff import Handbook, ask, ensure_handbook, expect_finished

AXE = (Path(__file__).parent / "vendor" / "axe-4.14.1.min.js").read_text(encoding="utf-8")
README_PICTURE = Path(__file__).parents[2] / "docs" / "images" / "chat.png"
RUN_AXE = "() => axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']})"
VIEWPORTS = {"desktop": DESKTOP, "phone": PHONE}
AUTHORED = {
    "When are the bearings of a pump replaced?": "After **4,000 hours** of running, out of service [1].",
    "What happens when the turbidity is too high?": "Above **0.5 NTU** the outlet valve closes by itself [1].",
    "How often are the sand filters backwashed, and how long does it take?": (
        "The sand filters are backwashed **every 48 hours**, or sooner when the head loss reaches 1.8 metres [1]. "
        "Each backwash takes twelve minutes and uses 30 cubic metres of treated water [1]."
    ),
}
GRAVE = {"serious", "critical"}


def grave_violations(page: Page) -> list[str]:
    found: dict[str, Any] = page.evaluate(RUN_AXE)
    return [
        f"{violation['id']}: {node['html'][:200]}"
        for violation in found["violations"]
        if violation["impact"] in GRAVE
        for node in violation["nodes"]
    ]


def overflows(page: Page) -> bool:
    """Whether the page is wider than the screen."""
    return bool(page.evaluate("() => document.documentElement.scrollWidth > document.documentElement.clientWidth"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("device", VIEWPORTS)
def test_pages_have_no_grave_violation(
    open_page: Callable[..., Page], handbook: Handbook, screenshots: Path, device: str, scheme: str
) -> None:
    problems: dict[str, list[str]] = {}

    def check(page: Page, name: str) -> None:
        page.screenshot(path=screenshots / f"{name}-{device}-{scheme}.png")
        problems[name] = grave_violations(page)
        if overflows(page):
            problems[name].append("wider than the screen")

    stranger = open_page(None, viewport=VIEWPORTS[device], scheme=scheme, axe=AXE)
    stranger.goto("/account/login/")
    check(stranger, "login")
    page = open_page("ada", viewport=VIEWPORTS[device], scheme=scheme, axe=AXE)
    for name, address in {
        "new": "/",
        "threads": "/threads/",
        "collections": "/collections/",
        "collection": handbook.collection,
        "document": handbook.document,
        "password": "/account/password/change/",
        "log-out": "/account/logout/",
        "wrong-method": "/runs/",
        "not-found": "/nothing-here/",
    }.items():
        page.goto(address)
        check(page, name)
    page.goto("/")
    article = ask(page, "How often are the sand filters backwashed, and how long does it take? <<slow>>")
    expect(article.locator("[data-draft]")).not_to_be_empty()
    check(page, "writing")
    expect_finished(article)
    check(page, "answer")
    article.locator("button.cite").first.click()
    expect(page.locator("#sources .source mark")).to_be_visible()
    check(page, "source")
    page.get_by_role("link", name="Open in the document").click()
    expect(page.locator("mark#passage")).to_be_in_viewport()
    check(page, "passage")
    page.goto(handbook.collection)
    page.get_by_role("button", name="Name and sharing").click()
    check(page, "sharing")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Your account").click()
    check(page, "menu")
    assert {name: found for name, found in problems.items() if found} == {}


def test_empty_pages_have_no_grave_violation(open_page: Callable[..., Page], screenshots: Path) -> None:
    page = open_page("grace", axe=AXE)
    for name, address in {"empty-new": "/", "empty-threads": "/threads/", "empty-collections": "/collections/"}.items():
        page.goto(address)
        page.screenshot(path=screenshots / f"{name}.png")
        assert grave_violations(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_record_pages_fit_the_screen(open_page: Callable[..., Page], screenshots: Path, scheme: str) -> None:
    page = open_page(ADMINISTRATOR, scheme=scheme)
    for name, address in {
        "admin": "/admin/",
        "admin-users": "/admin/accounts/user/",
        "admin-new-user": "/admin/accounts/user/add/",
        "admin-user": "/admin/accounts/user/1/change/",
        "admin-reset": "/admin/accounts/user/1/password/",
        "admin-new-group": "/admin/auth/group/add/",
    }.items():
        response = page.goto(address)
        assert response is not None
        assert response.status == 200, address
        page.screenshot(path=screenshots / f"{name}-{scheme}.png")
        assert not overflows(page), address


def test_page_at_twice_the_text_size_still_fits(open_page: Callable[..., Page], handbook: Handbook) -> None:
    half = {"width": DESKTOP["width"] // 2, "height": DESKTOP["height"] // 2}
    page = open_page("ada", viewport=half)
    for address in ("/", "/collections/", handbook.collection, handbook.document):
        page.goto(address)
        assert not overflows(page), address


def test_answer_is_announced_in_sentences(open_page: Callable[..., Page], handbook: Handbook) -> None:
    page = open_page("ada")
    page.goto("/")
    article = ask(page, "How often are the sand filters backwashed? <<slow>>")
    expect_finished(article)
    lines = page.locator("#announcer p").all_inner_texts()
    assert lines[-1] == "The answer is complete."
    assert all(line.endswith((".", "!", "?", ":")) for line in lines)
    assert 2 <= len(lines) <= 12


def test_picture_for_the_readme(
    request: pytest.FixtureRequest,
    browser: Browser,
    stack: Stack,
    open_page: Callable[..., Page],
    screenshots: Path,
    scripted_engine: str,
) -> None:
    """The words are authored, and the picture shows the scripted engine's name beside them."""
    ensure_handbook(browser, stack.url, "joan")
    page = open_page("joan")
    for question, answer in AUTHORED.items():
        rules = {"rules": [{"text": answer}]}
        httpx.post(f"{scripted_engine}/__script", json=rules, trust_env=False).raise_for_status()
        page.goto("/")
        article = ask(page, question)
        expect_finished(article)
    article.locator("button.cite").first.click()
    expect(page.locator("#sources .source mark")).to_be_visible()
    renew = request.config.getoption("--update-screenshots")
    README_PICTURE.parent.mkdir(parents=True, exist_ok=True)
    target = README_PICTURE if renew else screenshots / "chat.png"
    page.screenshot(path=target)
    assert target.stat().st_size > 10_000
