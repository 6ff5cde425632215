"""A served clinic and a real browser; skipped, with the reason, where Chromium or the extra is missing."""

import os
import re
import shutil

import pytest
from served_pages import PAGE_SECONDS, serving

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"


def pytest_collection_modifyitems(items):
    reason = "" if os.path.exists(CHROMIUM) else f"no Chromium at {CHROMIUM}"
    for package in ("solara", "playwright"):
        try:
            __import__(package)
        except ImportError:
            reason = f"the package {package} is not installed (extras server and test)"
    for item in items:
        if reason and "tests/server/" in str(item.fspath):
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    from served_folders import impact_folder, ledger_file, sweep_folder, twin_folder

    from experiments.compilation import use_compilation_cache
    from tests.experiments.decisions.advised_clinic import fit_folder

    use_compilation_cache()
    base = tmp_path_factory.mktemp("served")
    twin_folder(base / "twin")
    sweep_folder(base / "sweep")
    shutil.copytree(base / "sweep", base / "broken")
    for path in (base / "broken" / "results.zarr").rglob("zarr.json"):
        path.write_text("{ cut short", encoding="utf-8")
    impact_folder(base / "impact")
    fit_folder(base / "fit")
    ledger_file(base / "decisions.sqlite")
    return base


@pytest.fixture(scope="session")
def address(folders):
    given = ("twin", "twin"), ("sweep", "sweep"), ("sweep", "broken"), ("impact", "impact"), ("advice-from", "fit")
    options = [word for name, folder in given for word in (f"--{name}", folders / folder)]
    with serving(*options, "--ledger", folders / "decisions.sqlite") as (where, _):
        yield where


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield launched
        launched.close()


@pytest.fixture
def visit(browser):
    """visit(address) is a page in a browser of its own; in the end: no request to another host, no script failed."""
    contexts, foreign, errors = [], [], []

    def open_page(address, **context_options):
        context = browser.new_context(viewport={"width": 1280, "height": 800}, **context_options)
        context.set_default_timeout(1000 * PAGE_SECONDS)
        contexts.append(context)
        context.on("request", lambda request: foreign.append(request.url) if is_foreign(request.url) else None)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("websocket", lambda socket: foreign.append(socket.url) if is_foreign(socket.url) else None)
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not foreign, "requests to other hosts"
    assert not errors, "errors of scripts in the page"


def is_foreign(url):
    return not re.match(r"(https?|wss?)://127\.0\.0\.1:\d+/|data:|blob:|about:", url)
