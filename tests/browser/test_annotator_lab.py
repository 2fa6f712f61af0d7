"The annotator in JupyterLab: a session by keyboard alone, crashes, a blind second coder, by mouse, themes"
import re

import pytest
from barcode import READ_BARCODE_JS
from harness import execute, open_notebook, run_all

from mekit.data.annotations import read_csv

SETUP = """
import numpy as np
from barcode import barcode
from mekit.data.clip import read_clip
from mekit.widgets.annotator import annotate
clips = {name: read_clip(np.stack([barcode(100 * k + i) for i in range(40)]), fps=200) for k, name in enumerate(("s1/anger", "s1/joy", "s2/anger"))}
"""
CELL = "w = annotate(clips, coder={coder!r}, path={path!r})\nw"
CODE = f"() => ({READ_BARCODE_JS.strip()})(document.querySelector('.mekit-annotator canvas[data-pane=frame]'))"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "codes"


@pytest.fixture
def live(page, lab, folder):
    lab.write("annotate.ipynb", [SETUP, CELL.format(coder="ann", path=str(folder))])
    open_notebook(page, lab, "annotate.ipynb")
    run_all(page)
    ready(page)
    return page


def ready(page, clip: int = 0) -> None:
    page.locator(f".mekit-annotator[data-frame][data-clip='{clip}']").wait_for(timeout=30_000)


def saved(page) -> None:
    page.locator(".mekit-annotator[data-saving=saved]").wait_for(timeout=10_000)


def press(page, *keys) -> None:
    for key in keys:
        page.keyboard.press(key)


def step(page, name: str) -> None:
    page.locator(f".mekit-annotator[data-step={name}]").wait_for(timeout=5000)


def to(page, now: int, frame: int) -> None:
    press(page, *["ArrowRight" if frame > now else "ArrowLeft"] * abs(frame - now))
    page.locator(f".mekit-annotator[data-frame='{frame}']").wait_for(timeout=5000)


def code_event(page, number, onset, apex, offset, intensity, side, now=0) -> None:
    press(page, *str(number), "Enter")
    for frame in (onset, apex, offset):
        to(page, now, frame)
        press(page, "Enter")
        now = frame
    press(page, intensity, side)
    step(page, "browse")


def rows(folder, coder="ann") -> list:
    return sorted((e.sample, e.au.code, *(-1 if m is None else m for m in e.marks)) for e in read_csv(folder / f"{coder}.csv"))


def test_a_session_by_keyboard_ends_in_the_right_table(live, folder, screen):
    live.locator(".mekit-scrubber").focus()
    code_event(live, 12, 3, 9, 20, "b", "l")
    saved(live)
    screen(live, "annotator_event")
    press(live, "n")
    ready(live, 1)
    assert live.evaluate(CODE) == 100                           # really the second clip
    assert live.evaluate("() => document.activeElement.classList.contains('mekit-scrubber')")
    press(live, "0", "Enter")
    ready(live, 2)
    press(live, "4", "o")                                       # the unit, and the onset here
    step(live, "apex")
    to(live, 0, 5)
    press(live, "Enter", "x", "u", "c", "b")                    # apex; offset not seen; not certain; C; both sides
    step(live, "browse")
    code_event(live, 1, 6, 7, 8, "a", "r", now=5)
    press(live, "ArrowUp")                                      # the last event
    press(live, "Delete")
    live.locator(".mekit-annotator[data-events='1']").wait_for()
    press(live, "z")
    live.locator(".mekit-annotator[data-events='2']").wait_for()
    press(live, "n")
    live.wait_for_function("() => document.querySelector('[data-role=progress]').textContent.includes('3 of 3 judged')")
    saved(live)
    assert rows(folder) == [("s1/anger", "L12B", 3, 9, 20), ("s2/anger", "4C?", 0, 5, -1), ("s2/anger", "R1A", 6, 7, 8)]
    table = read_csv(folder / "ann.csv")
    assert [(v.sample, v.kind) for v in table.verdicts] == [("s1/anger", "coded"), ("s1/joy", "none"), ("s2/anger", "coded")]
    assert table.events[0].times == (15.0, 45.0, 100.0)
    screen(live, "annotator_done")
