"What is taken off the page leaves nothing behind: no listener, no timer, no picture, no element, no memory"
import re
from pathlib import Path

import numpy as np
import pytest
from barcode import barcode
from harness import open_notebook, run_all
from scrubber_actions import ready

from mekit.data.clip import read_clip
from mekit.widgets.base import whole_page
from mekit.widgets.scrubber import scrub

COUNTING = (Path(__file__).parent / "counting.js").read_text()
# One display in use: it is played, sought, zoomed, and put away in the middle of all that. The pictures that are still being decoded come afterwards.
USE = """async times => {
    const host = document.querySelector('.mekit-page'), model = host.mekitModel, soon = () => new Promise(done => setTimeout(done, 0));
    if (!window.heard) { window.heard = 0; const { on, off } = model; model.on = (...a) => { window.heard++; on(...a); }; model.off = (...a) => { window.heard--; off(...a); }; }
    for (let k = 0; k < times; k++) {
        const el = host.appendChild(document.createElement('div')), stop = window.widget.render({ model, el }), root = el.querySelector('.mekit-scrubber');
        while (root.dataset.frame == null) await soon();
        root.focus();
        for (const key of ['ArrowRight', 'o', 'End', 'f', 'u', '+', 'w', 'g', 'x', 'l', 'e', '?', 's', ' '])
            root.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ctrlKey: false }));
        if (k % 4 === 0) await new Promise(requestAnimationFrame);
        if (k % 3 === 0) model.set('meta', { ...model.get('meta'), title: `display ${k}` });
        stop(); el.remove();
    }
    await new Promise(done => setTimeout(done, 100));
    return { ...counting.open(), heard: window.heard, left: document.querySelectorAll('.mekit-scrubber').length };
}"""


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    "An exported page whose widget can be displayed as often as one likes"
    clip = read_clip(np.stack([barcode(i, (96, 128)) for i in range(40)]), fps=100).mark(onset=3)
    body, count = re.subn(r"(mount\(widget, [^\n]*)", r"window.widget = widget; \1", scrub(clip, ("frame", "difference")).page())
    assert count == 1
    path = tmp_path_factory.mktemp("leaks") / "page.html"
    path.write_text(whole_page(body, "again and again"))
    return path


class Meter:
    "What Chromium holds, after all garbage is gone"
    def __init__(self, page):
        self.page, self.cdp = page, page.context.new_cdp_session(page)
        for command in ("HeapProfiler.enable", "Performance.enable"):
            self.cdp.send(command)

    def collect(self) -> None:
        for _ in range(3):
            self.page.wait_for_timeout(30)
            self.cdp.send("HeapProfiler.collectGarbage")

    def __call__(self) -> dict:
        self.collect()
        got = {m["name"]: m["value"] for m in self.cdp.send("Performance.getMetrics")["metrics"]}
        return {"listeners": got["JSEventListeners"], "nodes": got["Nodes"], "bytes": got["JSHeapUsedSize"]}

    def listeners_of(self, expression: str) -> int:
        "Listeners on one object, such as window"
        found = self.cdp.send("Runtime.evaluate", {"expression": expression})["result"]["objectId"]
        return len(self.cdp.send("DOMDebugger.getEventListeners", {"objectId": found})["listeners"])


def test_100_displays_leave_nothing_behind(page, bare):
    page.add_init_script(COUNTING)
    page.goto(bare.as_uri())
    ready(page)
    meter = Meter(page)
    page.evaluate(USE, 5)
    page.evaluate("() => new Promise(done => setTimeout(done, 300))")
    before, own = meter(), [meter.listeners_of(x) for x in ("window", "document", "document.body")]
    counted = page.evaluate(USE, 0)
    after_use = page.evaluate(USE, 100)
    after = meter()
    assert after_use.pop("bitmaps") <= 40 and counted.pop("bitmaps") <= 40            # of the one that stands, as many as it has looked at
    assert after_use == counted and counted["left"] == 1, (counted, after_use)
    assert [meter.listeners_of(x) for x in ("window", "document", "document.body")] == own
    assert after["listeners"] == before["listeners"] and after["nodes"] <= before["nodes"] + 5, (before, after)
    assert after["bytes"] - before["bytes"] < 100 * 5000, f"{(after['bytes'] - before['bytes']) / 100:.0f} bytes a display"
    drawn, held = page.evaluate("() => counting.roots()")
    assert drawn > 100 and held == 1
    assert page.evaluate("() => counting.made()") > 100


# ---- JupyterLab: the cell that displays the widget is run again and again

CELLS = ["""
import numpy as np
from barcode import barcode
from mekit.data.clip import read_clip
from mekit.widgets.scrubber import scrub
w = scrub(read_clip(np.stack([barcode(i, (96, 128)) for i in range(40)]), fps=100).mark(onset=3), ("frame", "difference"))
""", "w"]


@pytest.fixture(scope="module")
def notebook(lab_page, lab):
    lab_page.add_init_script(COUNTING)
    lab.write("leaks.ipynb", CELLS)
    open_notebook(lab_page, lab, "leaks.ipynb")
    run_all(lab_page)
    ready(lab_page)
    return lab_page


def again(page, times: int) -> None:
    "Display the widget anew so many times, each in use before it is replaced"
    for k in range(times):
        seen = page.evaluate("() => counting.roots()[0]")
        page.evaluate("() => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = 1; return window.jupyterapp.commands.execute('notebook:run-cell'); }")
        page.wait_for_function("seen => counting.roots()[0] > seen && document.querySelectorAll('.mekit-scrubber[data-frame]').length === 1", arg=seen)
        page.evaluate("""() => { const root = document.querySelector('.mekit-scrubber');
            for (const key of ['ArrowRight', 'w', 'g', '+', '?', ' ']) root.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true })); }""")


def grown(page, times: int) -> dict:
    "What the page holds more of after so many displays"
    meter = Meter(page)
    listeners = lambda: [meter.listeners_of(x) for x in ("window", "document", "document.body")]
    before, own, opened = meter(), listeners(), page.evaluate("() => counting.open()")
    again(page, times)
    page.wait_for_timeout(300)
    after, held, now = meter(), page.evaluate("() => counting.roots()[1]"), page.evaluate("() => counting.open()")
    assert all(b - a < 3 for a, b in zip(own, listeners())), (own, listeners())
    assert held == 1, f"{held} scrubbers are still held after {times} displays"
    assert now["bitmaps"] <= 40 and now["observers"] <= opened["observers"] and now["timers"] <= opened["timers"] + 3, (opened, now)
    return {key: after[key] - before[key] for key in ("nodes", "listeners")}


def in_notebook(page, times: int) -> None:
    "JupyterLab's own nodes and listeners come and go in bursts; a leak of ours grows in every round"
    again(page, 3)
    rounds = [grown(page, times)]
    while len(rounds) < 3 and (rounds[-1]["nodes"] >= 8 * times or rounds[-1]["listeners"] >= times): rounds.append(grown(page, times))
    assert any(r["nodes"] < 8 * times and r["listeners"] < times for r in rounds), rounds


def test_displays_in_jupyterlab_leave_nothing_behind(notebook):
    in_notebook(notebook, 10)


@pytest.mark.slow
def test_100_displays_in_jupyterlab_leave_nothing_behind(notebook):
    in_notebook(notebook, 100)
