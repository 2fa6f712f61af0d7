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


@pytest.fixture(scope="module")
def notebook(lab_page, lab):
    lab.write("annotate.ipynb", [SETUP, "w = None"])
    open_notebook(lab_page, lab, "annotate.ipynb")
    return lab_page


@pytest.fixture
def live(notebook, folder):
    start(notebook, folder, "ann")
    return notebook


def start(page, folder, coder: str, clip: int = 0) -> None:
    "Write the cell and run the notebook, as after a crash"
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
    page.evaluate("code => window.jupyterapp.shell.currentWidget.content.widgets[1].model.sharedModel.setSource(code)", CELL.format(coder=coder, path=str(folder)))
    run_all(page)
    ready(page, clip)


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


# The question stands beside the picture, and picture, curve, track and question fit into the window together.
SEEN_AT_ONCE = """() => {
    const box = q => document.querySelector(`.mekit-annotator ${q}`).getBoundingClientRect(), parts = ["canvas", "[data-role=curve]", "[data-role=track]", ".a-ask", ".a-steps", ".a-list"].map(box);
    const height = Math.max(...parts.map(b => b.bottom)) - Math.min(...parts.map(b => b.top));
    return box(".a-ask").left > box("canvas").right && height < document.querySelector(".jp-WindowedPanel-outer, .jp-Notebook").clientHeight;
}"""


def test_a_session_by_keyboard_ends_in_the_right_table(live, folder, screen):
    live.locator(".mekit-scrubber").focus()
    code_event(live, 12, 3, 9, 20, "b", "l")
    saved(live)
    screen(live, "annotator_event")
    assert live.evaluate(SEEN_AT_ONCE)
    assert live.inner_text("[data-role=here]") == "frame 20 · 100.0 ms" and "L12B\n3 · 9 · 20\n85 ms" in live.inner_text("[data-role=list]")
    assert str(folder / "ann.csv") in live.inner_text("[data-role=file]")
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
    live.get_by_text("undone: R1A, clip 3").wait_for()
    press(live, "n")
    assert "the last clip, and all are judged" in live.inner_text("[data-role=told]")
    live.wait_for_function("() => document.querySelector('[data-role=progress]').textContent.includes('3 of 3 judged')")
    saved(live)
    assert rows(folder) == [("s1/anger", "L12B", 3, 9, 20), ("s2/anger", "4C?", 0, 5, -1), ("s2/anger", "R1A", 6, 7, 8)]
    table = read_csv(folder / "ann.csv")
    assert [(v.sample, v.kind) for v in table.verdicts] == [("s1/anger", "coded"), ("s1/joy", "none"), ("s2/anger", "coded")]
    assert table.events[0].times == (15.0, 45.0, 100.0)
    screen(live, "annotator_done")


RESTART = "async () => { await window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart(); }"


def test_a_closed_tab_and_a_restarted_kernel_lose_the_event_being_made_and_nothing_else(live, lab, folder, screen):
    live.locator(".mekit-scrubber").focus()
    code_event(live, 12, 3, 9, 20, "b", "l")
    press(live, "n")
    ready(live, 1)
    press(live, "4", "Enter")
    to(live, 0, 2)
    press(live, "Enter")                                        # an onset, and the tab is closed
    step(live, "apex")
    open_notebook(live, lab, "annotate.ipynb")
    start(live, folder, "ann", 1)
    assert rows(folder) == [("s1/anger", "L12B", 3, 9, 20)]

    live.locator(".mekit-scrubber").focus()
    press(live, "1", "Enter")
    to(live, 0, 4)
    press(live, "Enter")
    live.evaluate(RESTART)
    live.locator(".mekit-annotator[data-saving=gone]").wait_for()
    to(live, 4, 7)                                              # the frames are still here, and so is what was typed
    press(live, "Enter", "x", "c", "r")
    live.locator(".mekit-annotator[data-events='1']").wait_for()
    press(live, "2", "Enter", "Enter")                          # and one in the middle
    assert "Python is gone" in live.inner_text("[data-role=saving]")
    lines = live.input_value("[data-role=unsaved] textarea")
    assert lines.count("\n") == 1 and '"number":1' in lines and '"draft"' in lines and lines.count('"key"') == 2
    screen(live, "annotator_gone")
    press(live, "Escape", "n")
    live.wait_for_timeout(100)
    assert live.get_attribute(".mekit-annotator", "data-clip") == "1"
    start(live, folder, "ann", 1)
    assert rows(folder) == [("s1/anger", "L12B", 3, 9, 20)]
    execute(live, f"w.recover({lines!r})")
    live.locator(".mekit-annotator[data-events='2']").wait_for()
    assert rows(folder) == [("s1/anger", "L12B", 3, 9, 20), ("s1/joy", "2", 7, -1, -1), ("s1/joy", "R1C", 4, 7, -1)]
    live.wrong[:] = [w for w in live.wrong if "Could not restore the debugger state" not in w]      # JupyterLab's own, after a restart


BUSY = "() => { window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestExecute({code: 'import time; time.sleep(1)'}); }"


def test_place_and_marks_of_a_clip_do_not_follow_into_the_next(live):
    "While Python is busy the notebook holds back what a page saves, but not what it sends: the old clip's place would come after the new clip"
    live.locator(".mekit-scrubber").focus()
    live.evaluate(BUSY)
    for key in ("o", "ArrowRight", "f"):                        # the first is under way, the others are held back
        press(live, key)
        live.wait_for_timeout(200)
    press(live, "s")
    assert "opening" in live.inner_text("[data-role=asked]")
    ready(live, 1)
    saved(live)
    execute(live, "pass")
    live.wait_for_timeout(150)
    assert live.get_attribute(".mekit-annotator", "data-frame") == "0" and live.inner_text(".mekit-annotator [data-act=onset]") == "onset –"
    assert execute(live, "print(w.frame, w.marks)") == "0 {}\n"


@pytest.mark.slow
def test_a_second_coder_sees_nothing_of_the_first(live, folder):
    execute(live, "w.recover('{\"clip\": 0, \"op\": \"add\", \"event\": {\"number\": 17, \"onset\": 3, \"note\": \"seen by ann alone\"}}')")
    live.locator(".mekit-annotator[data-events='1']").wait_for()
    start(live, folder, "bob")
    assert live.get_attribute(".mekit-annotator", "data-events") == "0"
    root = live.locator(".mekit-annotator")
    assert not re.search(r"alone|s1/anger|anger", root.evaluate("node => node.outerHTML")) and "clip 1" in root.inner_text()
    live.locator(".mekit-scrubber").focus()
    press(live, "0", "Enter")
    ready(live, 1)
    assert [(v.sample, v.kind) for v in read_csv(folder / "bob.csv").verdicts] == [("s1/anger", "none")] and read_csv(folder / "ann.csv").coders == ("ann",)


@pytest.mark.slow
def test_by_mouse_with_notes_and_the_scrubbers_own_buttons(live, folder, screen):
    live.locator("[data-au='4']").click()
    step(live, "onset")
    live.locator(".mekit-scrubber [data-act=next]").first.click()
    live.locator(".mekit-scrubber [data-act=onset]").first.click()      # the scrubber's own button answers what is asked
    step(live, "apex")
    live.locator("[data-press=Enter]").click()
    live.locator("[data-press=x]").click()
    live.locator("[data-press=t]").click()
    field = live.locator("[data-role=note-text]")
    field.fill("n o a f 1")                                             # letters that are keys elsewhere
    field.press("Enter")
    live.locator("[data-press=b]").click()
    screen(live, "annotator_side")
    live.locator("[data-press=r]").click()
    live.locator(".mekit-annotator[data-events='1']").wait_for()
    saved(live)
    event, = read_csv(folder / "ann.csv")
    assert (event.au.code, event.marks, event.note) == ("R4B", (1, 1, None), "n o a f 1")
    live.locator("[data-event='0']").click()
    live.locator("[data-event='0'][aria-pressed=true]").wait_for()
    live.locator("[data-press=Delete]").click()
    live.locator(".mekit-annotator[data-events='0']").wait_for()
    live.locator("[data-clip='2']").click()
    ready(live, 2)
    live.locator("[data-role=jump]").fill("2")
    live.locator("[data-role=jump]").press("Enter")
    ready(live, 1)
    assert live.evaluate(CODE) == 100


def test_keys_stay_inside_and_the_order_of_marks_is_kept(live):
    cells = "() => window.jupyterapp.shell.currentWidget.content.widgets.length"
    before = live.evaluate(cells)
    live.locator(".mekit-scrubber").focus()
    press(live, "1", "2", "Enter")
    to(live, 0, 9)
    for _ in range(4):
        live.keyboard.down("Enter")                             # held down: one answer
    live.keyboard.up("Enter")
    assert live.get_attribute(".mekit-annotator", "data-step") == "apex"
    to(live, 9, 5)
    press(live, "Enter")
    assert "before the onset" in live.inner_text("[data-role=told]") and live.get_attribute(".mekit-annotator", "data-step") == "apex"
    to(live, 5, 12)
    press(live, "Enter", "Control+z")
    step(live, "apex")
    press(live, "Escape", "b", "x", "m", "d", "d", "t")
    live.locator("[data-role=note-text]").press("Escape")
    assert live.evaluate(cells) == before and live.locator("[data-role=note]").is_hidden()


@pytest.mark.slow
def test_dark_and_narrow(live, screen):
    live.evaluate("() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})")
    live.wait_for_function("() => document.body.dataset.jpThemeLight === 'false'")
    live.locator(".mekit-scrubber").focus()
    code_event(live, 12, 3, 9, 20, "b", "l")
    top = "() => document.querySelector('.mekit-annotator canvas').getBoundingClientRect().top - document.querySelector('.mekit-annotator').getBoundingClientRect().top"
    before = live.evaluate(top)
    press(live, "4", "Enter", "Enter")
    step(live, "apex")
    assert live.evaluate(top) == before                         # the picture does not jump when something else is asked
    screen(live, "annotator_dark")
    live.evaluate("() => window.jupyterapp.shell.collapseLeft()")
    live.set_viewport_size({"width": 520, "height": 1000})
    live.wait_for_timeout(400)
    screen(live, "annotator_narrow")
    fits = live.evaluate("() => { const r = document.querySelector('.mekit-annotator'); return r.scrollWidth <= r.clientWidth + 1; }")
    live.set_viewport_size({"width": 1200, "height": 900})
    live.evaluate("() => { window.jupyterapp.shell.expandLeft(); return window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Light'}); }")
    press(live, "Escape", "?")
    live.locator(".mekit-annotator dl.m-help").wait_for()
    screen(live, "annotator_help")
    assert fits and "no AU in this clip" in live.inner_text(".mekit-annotator dl.m-help") and "undo, redo marks" not in live.inner_text(".mekit-annotator dl.m-help")


AXE_STATES = {"browse": [], "selected": ["ArrowDown"], "number": ["Escape", "4"], "onset": ["Enter"], "refused": ["5"], "intensity": ["Enter", "ArrowRight", "Enter", "x"], "side": ["b"], "done": ["l"], "note": ["t"]}


@pytest.fixture(scope="module")
def saved_page(tmp_path_factory):
    from mekit.data.synthetic import synthesize
    from mekit.widgets.annotator import annotate
    folder = tmp_path_factory.mktemp("page")
    w = annotate(dict.fromkeys("abc", synthesize({"AU4": 2.}, duration_ms=300, size=64)), coder="ann", path=folder)
    w.recover('{"clip": 0, "op": "add", "event": {"number": 12, "onset": 2, "apex": 9, "offset": 20, "side": "L"}}\n{"clip": 1, "op": "verdict", "verdict": {"kind": "none", "certain": false}}')
    yield w.to_html(folder / "page.html")
    w.close()


def test_a_page_without_python_is_for_looking_only_and_says_so(page, saved_page, screen):
    page.goto(saved_page.as_uri())
    ready(page)
    page.locator(".mekit-scrubber").focus()
    root = page.locator(".mekit-annotator")
    assert "for looking only: no Python here; coded by ann" in root.inner_text() and "Python is gone" not in root.inner_text() and "nothing to save" not in root.inner_text()
    for part in ("steps", "keys", "units", "dots", "jump"):
        assert page.locator(f"[data-role={part}]").count() == 0, part
    press(page, "4", "Enter", "0", "Enter", "n", "t", "z", "Delete")
    assert page.get_attribute(".mekit-annotator", "data-step") == "browse" and page.get_attribute(".mekit-annotator", "data-clip") == "0" and page.locator("[data-role=note]").is_hidden()
    assert page.locator("[data-role=unsaved]").is_hidden() and page.get_attribute(".mekit-annotator", "data-events") == "1"
    press(page, "ArrowDown")
    page.locator(".mekit-annotator[data-frame='9']").wait_for()
    assert "Event 1 of 1: AU 12, Lip corner puller" in page.inner_text("[data-role=asked]") and page.locator("[data-act=offset]").inner_text() == "offset 20"
    press(page, "Escape", "?")
    words = page.inner_text(".mekit-annotator dl.m-help")
    assert "show the marks of an event" in words and "no AU in this clip" not in words and "undo, redo marks" in words
    assert all(u.startswith(("file:", "blob:", "data:")) for u in page.asked)
    press(page, "?", "ArrowDown")
    screen(page, "annotator_page")


@pytest.mark.slow
@pytest.mark.parametrize("page", ["light", "dark"], indirect=True)
def test_axe_finds_nothing_while_coding_and_when_python_goes(page, saved_page):
    "A page whose Python hears and never answers, and then is gone: every state of coding, without a notebook around it"
    from test_accessibility import violations
    deaf, text = saved_page.with_name("deaf.html"), saved_page.read_text(encoding="utf-8")
    deaf.write_text(text.replace("save_changes() {},", "save_changes() {}, send() { if (window.gone) throw new Error('gone'); },"), encoding="utf-8")
    page.goto(saved_page.as_uri())
    ready(page)
    found = {"looking": violations(page)}
    page.goto(deaf.as_uri())
    ready(page)
    page.locator(".mekit-scrubber").focus()
    for state, keys in AXE_STATES.items():
        press(page, *keys)
        found[state] = violations(page)
    assert page.get_attribute(".mekit-annotator", "data-events") == "2"
    page.get_by_text("not saved yet: 1 change; Python is busy").wait_for(timeout=10_000)
    press(page, "Escape")
    page.evaluate("() => { window.gone = true; }")
    press(page, "9", "Enter", "Enter", "x", "x", "b", "b")
    assert "not saved: 2 changes; Python is gone" in page.inner_text("[data-role=saving]")
    found["gone"] = violations(page)
    assert not any(found.values()), found
