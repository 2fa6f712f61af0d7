"""One JupyterLab and one Chromium for the whole run

`chromium`  Playwright's Browser
`page`      a fresh page, 1200 x 900; a console error, page error or failed request fails the test; `page.asked` lists every URL asked for
            (dark: @pytest.mark.parametrize("page", ["dark"], indirect=True))
`lab_page`  the same, one for all tests of a module
`lab`       a running JupyterLab (harness.Lab): lab.write(name, cells), then open_notebook(page, lab, name), run_all(page), execute(page, code)
`screen`    screen(page, name): a screenshot in _build/screens
"""
import importlib.util
import os
import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
from harness import ROOT, browser, find_chromium, fresh_page, jupyterlab  # noqa: E402


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


@pytest.fixture
def page(chromium, request):
    with fresh_page(chromium, getattr(request, "param", "light")) as p:
        yield p


@pytest.fixture(scope="module")
def lab_page(chromium, lab):
    "One page for all tests of a module: opening JupyterLab takes seconds"
    with fresh_page(chromium) as p:
        yield p


@pytest.fixture
def screen():
    folder = ROOT / "_build" / "screens"
    folder.mkdir(parents=True, exist_ok=True)
    return lambda page, name, **more: page.screenshot(path=folder / f"{name}.png", **more)
