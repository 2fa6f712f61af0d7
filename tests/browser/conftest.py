"""One JupyterLab and one Chromium for the whole run

`chromium`  Playwright's Browser
`page`      a fresh page, 1200 x 900; any console error, page error or failed request fails the test; `page.asked` lists every URL asked for
`lab`       a running JupyterLab (harness.Lab): lab.write(name, cells), then open_notebook(page, lab, name), run_all(page), execute(page, code)
`screen`    screen(page, name): a screenshot in _build/screens
"""
import importlib.util
import os
import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
from harness import ROOT, browser, find_chromium, jupyterlab  # noqa: E402


def _missing(what: str) -> None:
    assert not os.environ.get("CI"), f"browser tests must run in CI, but there is no {what}"
    pytest.skip(f"no {what}: browser tests not run (apt-get install chromium; pip install 'mekit[dev]')")


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in Path(item.path).parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium():
    if importlib.util.find_spec("playwright") is None:
        _missing("playwright")
    if find_chromium() is None:
        _missing("chromium")
    with browser() as b:
        yield b


@pytest.fixture(scope="session")
def lab(chromium):
    if importlib.util.find_spec("jupyterlab") is None:
        _missing("jupyterlab")
    with jupyterlab() as server:
        yield server


# What JupyterLab itself says and we cannot help: it asks for optional things that are not there.
QUIET = ("favicon", "/api/me", "ResizeObserver loop")


@pytest.fixture
def page(chromium, request):
    context = chromium.new_context(viewport={"width": 1200, "height": 900}, color_scheme=getattr(request, "param", "light"))
    p = context.new_page()
    p.asked, p.wrong = [], []
    p.on("request", lambda r: p.asked.append(r.url))
    p.on("console", lambda m: p.wrong.append(f"console: {m.text} {m.location.get('url', '')}") if m.type == "error" else None)
    p.on("pageerror", lambda e: p.wrong.append(f"page error: {e}"))
    yield p
    wrong = [w for w in p.wrong if not any(q in w for q in QUIET)]
    context.close()
    assert not wrong, wrong


@pytest.fixture
def screen():
    folder = ROOT / "_build" / "screens"
    folder.mkdir(parents=True, exist_ok=True)
    return lambda page, name: page.screenshot(path=folder / f"{name}.png")
