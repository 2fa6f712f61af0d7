"The scrubber in JupyterLab: frames, marks to and from Python, keys that stay where they belong"

import pytest
from harness import execute, open_notebook, run_all
from scrubber_actions import arrived, by_keys, ready

N = 200
SETUP = f"""
import numpy as np
from barcode import barcode
from mekit.data.clip import read_clip
from mekit.widgets.scrubber import scrub
clip = read_clip(np.stack([barcode(i, (96, 128)) for i in range({N})]), fps=200).mark(onset=20)
w = scrub(clip, ("frame", "difference"))
"""


@pytest.fixture(scope="module")
def opened(lab_page, lab):
    lab.write("scrubber.ipynb", [SETUP, "w", "w"])
    open_notebook(lab_page, lab, "scrubber.ipynb")
    run_all(lab_page)
    return lab_page


@pytest.fixture
def live(opened):
    "The notebook with the scrubber in its first state"
    ready(opened)
    until(opened, "w.frame", opened.locator(".mekit-scrubber").first.get_attribute("data-frame"))      # nothing is on its way any more
    execute(opened, "w.show(clip, ('frame', 'difference'))\nw.marks = {'onset': 20}\nw.frame = 0")
    ready(opened)
    opened.locator(".mekit-scrubber").first.focus()
    arrived(opened, 0)
    return opened


def until(page, expression: str, value: str) -> None:
    "Wait until Python has heard"
    for _ in range(50):
        got = execute(page, f"print({expression})").strip()
        if got == value:
            return
        page.wait_for_timeout(60)
    raise AssertionError(f"{expression} is {got}, not {value}")


def test_marks_travel_both_ways_and_keys_stay_in_the_widget(live, screen):
    cells = "() => window.jupyterapp.shell.currentWidget.content.widgets.length"
    before = live.evaluate(cells)
    by_keys(live, 0, 31)
    live.keyboard.press("a")
    until(live, "w.marks", "{'onset': 20, 'apex': 31}")
    by_keys(live, 31, 60)
    live.keyboard.press("f")
    until(live, "w.clip.label.offset", "60")
    execute(live, "w.marks = {'onset': 5, 'apex': 50}")
    live.wait_for_function("() => document.querySelector('[data-act=apex]').textContent === 'apex 50'")
    live.wait_for_function("() => document.querySelector('[data-mark=offset]').hidden")
    live.keyboard.press("Shift+O")
    until(live, "w.marks", "{'apex': 50}")
    for key in ("b", "x", "m", "l", "Enter"):       # in JupyterLab: new cell, cut, markdown, line numbers, edit
        live.keyboard.press(key)
    for inner in ("[data-role=track]", "[data-act=play]", "[data-act=apex]"):
        live.locator(inner).first.focus()
        for key in ("b", "x", "m"):
            live.keyboard.press(key)
    assert live.evaluate(cells) == before
    assert live.evaluate("() => document.activeElement.closest('.mekit-scrubber') !== null")
    screen(live, "scrubber_lab_light")


def test_playing_reports_only_where_it_came_to_rest(live):
    execute(live, "heard = []\nw.observe(lambda c: heard.append(c['new']), 'frame')")
    for _ in range(3):
        live.keyboard.press(",")
    live.keyboard.press("Space")
    live.wait_for_timeout(700)
    live.keyboard.press("Space")
    last = live.get_attribute(".mekit-scrubber", "data-frame")
    assert int(last) > 5
    until(live, "heard", f"[{last}]")


def test_show_replaces_the_panes_in_place(live):
    by_keys(live, 0, 44)
    execute(live, "w.show(clip, ('frame', 'strain', 'quiver'))")
    live.wait_for_selector("canvas[data-pane=quiver]")
    arrived(live, 44)
    until(live, "w.frame", "44")


def test_two_views_of_one_widget_agree(live):
    shown = "() => [...document.querySelectorAll('.mekit-scrubber')].map(r => r.dataset.frame).join()"
    live.keyboard.press("Shift+ArrowRight")
    live.wait_for_function(f"() => ({shown})() === '10,10'")
    live.locator(".mekit-scrubber").last.focus()
    live.keyboard.press("ArrowRight")
    live.keyboard.press("o")
    until(live, "(w.marks, w.frame)", "({'onset': 11}, 11)")
    live.wait_for_function(f"() => ({shown})() === '11,11'")


def test_ctrl_s_saves_the_notebook_from_within(live):
    dirty = "() => window.jupyterapp.shell.currentWidget.context.model.dirty"
    live.evaluate("() => { window.jupyterapp.shell.currentWidget.context.model.dirty = true; }")
    live.keyboard.press("Control+s")
    live.wait_for_function(f"() => !({dirty})()")


def test_dark_theme(live, screen):
    scheme = "() => getComputedStyle(document.querySelector('.mekit-scrubber')).colorScheme"
    live.evaluate("() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})")
    live.wait_for_function(f"() => ({scheme})() === 'dark'")
    screen(live, "scrubber_lab_dark")
    live.evaluate("() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Light'})")
    live.wait_for_function(f"() => ({scheme})() === 'light'")
