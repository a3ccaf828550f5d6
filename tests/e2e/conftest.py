"""One appliance and one browser for the session; a fresh, logged-in page for each test."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.e2e import staff
from tests.e2e.browser import ARGUMENTS, find_browser
from tests.e2e.stack import ADMINISTRATOR, Stack, running_stack

DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
WAIT_MILLISECONDS = 20_000


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("browser")
    group.addoption("--screenshots", type=Path, default=None, help="folder for a picture of every page")
    group.addoption("--update-screenshots", action="store_true", help="renew docs/images/chat.png")


@pytest.fixture(scope="session")
def screenshots(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = request.config.getoption("--screenshots") or tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve()


@pytest.fixture(scope="session")
def stack(embedder: str, _scripted_engine_process: str) -> Iterator[Stack]:
    with tempfile.TemporaryDirectory(prefix="appl-e2e-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        with running_stack(folder, embedder=embedder, engine=_scripted_engine_process) as running:
            yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = find_browser()
    assert program, "The browser tests need Chromium: make system-packages"
    expect.set_options(timeout=WAIT_MILLISECONDS)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def open_page(browser: Browser, stack: Stack, scripted_engine: str) -> Iterator[Callable[..., Page]]:
    """Open a page as somebody. The test fails on a script error, a refused policy, or a request to anywhere else."""
    contexts: list[BrowserContext] = []
    wrong: list[str] = []

    def open_as(name: str | None, *, viewport: dict[str, int] = DESKTOP, scheme: str = "light", axe: str = "") -> Page:
        context = browser.new_context(
            base_url=stack.url,
            viewport=viewport,  # type: ignore[arg-type] # a plain dict is what it takes
            color_scheme=scheme,  # type: ignore[arg-type] # "light" or "dark"
            locale="en-GB",
            storage_state=staff.session(browser, stack.url, name) if name else None,
        )
        contexts.append(context)
        context.set_default_timeout(WAIT_MILLISECONDS)
        if axe:
            context.add_init_script(axe)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(f"script: {error}"))
        page.on("console", lambda message: wrong.append(message.text) if "Content Security" in message.text else None)
        page.on("request", lambda request: wrong.append(request.url) if _is_foreign(request.url, stack.url) else None)
        return page

    yield open_as
    for context in contexts:
        context.close()
    assert wrong == []


def _is_foreign(address: str, home: str) -> bool:
    return not address.startswith((f"{home}/", "data:", "blob:", "about:"))


@pytest.fixture
def ada(open_page: Callable[..., Page]) -> Page:
    return open_page("ada")


@pytest.fixture
def administrator(open_page: Callable[..., Page]) -> Page:
    return open_page(ADMINISTRATOR)


@pytest.fixture(scope="session")
def handbook(browser: Browser, stack: Stack) -> staff.Handbook:
    """Ada's collection with the handbook, ready to be searched."""
    return staff.ensure_handbook(browser, stack.url)
