"""From the press to the picture: our scrubber, `interact` with an image per frame, and a plotly slider.

All three show the same 200 frames of 256 x 256 in the same JupyterLab and the same Chromium, one after the other.
A click on the slider's track starts the clock (in the page, at the time stamp of the pointer event); it stops when the scrubber
has drawn its five panes, and for the others as soon as their one new picture has loaded, its drawing not counted.
A screen shows what is drawn at its next refresh; for the scrubber that is measured too: from the press to the task after the
refresh that presents the panes. Seeks by key are measured besides.
"""
import random
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "browser"))

SETUP = """
import time
import numpy as np
import mekit as me
clip = me.synthesize({"AU4": 1.5, "AU12L": 1.1}, nuisance={"noise": 2.0})     # camera noise: no two frames are alike
frames = np.asarray(clip.frames)
assert frames.shape == (200, 256, 256, 3)
"""
SCRUBBER = ["flow = me.flow(clip)\nview = me.scrub(clip, panes=('frame', 'magnified', 'flow', 'strain', 'difference'), flow=flow)",
            "print('shown at', time.time())\nview"]
INTERACT = ["""
from ipywidgets import IntSlider, interact
from PIL import Image
@interact(i=IntSlider(value=0, min=0, max=199))
def show(i): display(Image.fromarray(frames[i]))
"""]
PLOTLY = ["""
import plotly.express as px
px.imshow(frames, animation_frame=0, binary_string=True, binary_format='jpg')
"""]
# Each: where the press goes, and how the page knows that the new picture is there.
PEERS = {
    "mekit scrubber, 5 panes": (SCRUBBER, ".mekit-scrubber [data-role=track]", """
        const root = document.querySelector('.mekit-scrubber');
        root.addEventListener('mekit:drawn', () => { done(); presented(); }, {once: true});"""),
    "ipywidgets interact": (INTERACT, ".widget-slider .noUi-base", """
        const out = document.querySelector('.widget-output');
        const source = () => [...out.querySelectorAll('img')].pop()?.src;
        const old = source();
        const seen = new MutationObserver(() => {
          if (!source() || source() === old) return;
          seen.disconnect(); const i = new Image(); i.onload = done; i.src = source(); });
        seen.observe(out, {childList: true, subtree: true, attributes: true});"""),
    "plotly slider": (PLOTLY, ".slider-rail-touch-rect", """
        const plot = document.querySelector('.js-plotly-plot');
        const href = () => plot.querySelector('image')?.getAttribute('xlink:href') ?? plot.querySelector('image')?.getAttribute('href');
        const old = href();
        const seen = new MutationObserver(() => {
          if (!href() || href() === old) return;
          seen.disconnect(); const i = new Image(); i.onload = done; i.src = href(); });
        seen.observe(plot, {childList: true, subtree: true, attributes: true});"""),
}
ARM = """() => { window.measured = new Promise(resolve => {
    let start;
    for (const press of ['pointerdown', 'keydown']) window.addEventListener(press, e => { start ??= e.timeStamp; }, {capture: true, once: true});
    const done = () => resolve(performance.now() - start);
    const presented = () => requestAnimationFrame(() => { const {port1, port2} = new MessageChannel();
      port1.onmessage = () => { port1.close(); window.presented.push(performance.now() - start); }; port2.postMessage(0); });
    window.presented ??= [];
    %s }); }"""
MEASURED = "() => Promise.race([window.measured, new Promise((_, no) => setTimeout(() => no(new Error('no picture in 10 s')), 1e4))])"
FIRST = """() => { window.firstDrawn = new Promise(resolve => {
    const seen = new MutationObserver(() => {
      if (document.querySelector('.mekit-scrubber[data-frame]')) { seen.disconnect(); resolve(Date.now() / 1000); } });
    seen.observe(document.body, {childList: true, subtree: true, attributes: true, attributeFilter: ['data-frame']}); }); }"""


def seeks(page, track: str, watch: str, n: int, rng: random.Random, pause: int = 500) -> np.ndarray:
    "Milliseconds from press to picture for `n` presses at random places of the track"
    measured, last = [], None
    while len(measured) < n:
        frame = rng.randrange(200)
        if last is not None and abs(frame - last) < 40:       # a press on the handle itself moves nothing
            continue
        last, box = frame, page.locator(track).first.bounding_box()     # the page may have moved since the press before
        page.wait_for_timeout(pause)      # a press while the slider still glides is lost in ipywidgets
        page.evaluate(ARM % watch)
        page.mouse.click(box["x"] + (frame + 0.5) / 200 * box["width"], box["y"] + box["height"] / 2)
        measured.append(page.evaluate(MEASURED))
    return np.array(measured)


def keyed(page, watch: str, n: int) -> np.ndarray:
    "The same for keys: one frame on, ten, one back"
    measured = []
    page.locator(".mekit-scrubber").first.focus()
    for k in range(n):
        page.wait_for_timeout(40)
        page.evaluate(ARM % watch)
        page.keyboard.press(("ArrowRight", "Shift+ArrowRight", "ArrowLeft")[k % 3])
        measured.append(page.evaluate(MEASURED))
    return np.array(measured)


def first_picture(page, printed: str) -> float:
    "Seconds from the kernel's `display` to the first picture"
    return page.evaluate("() => window.firstDrawn") - float(printed.split("shown at")[1].split()[0])


LIMITS = {"p95": 16.0, "refresh": 1000 / 60, "share": 0.1, "first": 1.0}      # ms, ms, of the faster peer, s


def opened(chromium, lab, cells: list[str], track: str):
    "The notebook run in a page of its own, its slider in view"
    from harness import open_notebook, run_all
    lab.write("bench.ipynb", [SETUP, *cells])
    page = chromium.new_page(viewport={"width": 1400, "height": 1000})
    open_notebook(page, lab, "bench.ipynb")
    page.evaluate(FIRST)
    run_all(page)
    page.locator(track).first.wait_for(timeout=120_000)
    page.locator(track).first.scroll_into_view_if_needed()
    return page


SHOWN = "mekit scrubber, 5 panes, until they are on the screen"


def spread(ms: np.ndarray) -> dict:
    return {"p50": float(np.median(ms)), "p95": float(np.percentile(ms, 95)), "n": len(ms)}


def main(n: int = 100) -> dict:
    from harness import browser, jupyterlab
    results, rng = {}, random.Random(0)
    with jupyterlab() as lab, browser() as chromium:
        for name, (cells, track, watch) in PEERS.items():
            page = opened(chromium, lab, cells, track)
            if "mekit" in name:
                printed = page.locator(".jp-OutputArea-output").filter(has_text="shown at").inner_text()
                results["first picture (s)"] = first_picture(page, printed)
                results[f"{name}, first {n // 5} presses"] = spread(seeks(page, track, watch, n // 5, rng, pause=0))
            time.sleep(2)
            page.evaluate("() => { window.presented = []; }")
            results[name] = spread(seeks(page, track, watch, n, rng))
            if "mekit" in name:
                results[SHOWN] = spread(np.array(page.evaluate("() => window.presented")))
                page.mouse.move(2, 2)
                results[f"{name}, by key"] = spread(keyed(page, watch, n))
            page.close()
    print_table(results)
    hold_to_limits(results)
    return results


def print_table(results: dict) -> None:
    print("| 200 frames of 256 x 256, JupyterLab, headless Chromium | p50 (ms) | p95 (ms) | presses |\n|---|---|---|---|")
    for name, r in results.items():
        if isinstance(r, dict):
            print(f"| {name} | {r['p50']:.1f} | {r['p95']:.1f} | {r['n']} |")
    print(f"\nFirst picture {results['first picture (s)']:.2f} s after display.")


def hold_to_limits(results: dict) -> None:
    "What the project promises; a miss ends the bench with an error"
    ours, *peers = (results[name]["p95"] for name in PEERS)
    missed = [what for what, ok in {
        f"p95 {ours:.1f} ms, promised under {LIMITS['p95']} ms": ours < LIMITS["p95"],
        f"on the screen: p95 {results[SHOWN]['p95']:.1f} ms, promised at the refresh after {LIMITS['p95']} ms": results[SHOWN]["p95"] < LIMITS["p95"] + LIMITS["refresh"],
        f"p95 {results[next(iter(PEERS)) + ', by key']['p95']:.1f} ms by key, promised under {LIMITS['p95']} ms": results[next(iter(PEERS)) + ", by key"]["p95"] < LIMITS["p95"],
        f"p95 {ours:.1f} ms, promised under a tenth of {min(peers):.1f} ms": ours < LIMITS["share"] * min(peers),
        f"first picture after {results['first picture (s)']:.2f} s, promised within {LIMITS['first']} s": results["first picture (s)"] < LIMITS["first"],
    }.items() if not ok]
    if missed:
        sys.exit("missed: " + "; ".join(missed))
