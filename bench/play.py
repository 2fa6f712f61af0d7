"""Playing: frames drawn a second in five panes of 256 x 256, and whether any is left out

At the speed of a 60 Hz clip each of its frames has a refresh of the screen to itself; a 200 Hz clip has more frames than the
screen has refreshes at full speed, and none to lose when it is slowed.
"""
import sys
import tempfile
from pathlib import Path

import mekit as me
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "browser"))
PANES = ("frame", "magnified", "flow", "strain", "difference")
WATCH = """() => { window.seen = []; document.querySelector('.mekit-scrubber').addEventListener('mekit:drawn', e => window.seen.push([performance.now(), e.detail.frame])); }"""


def page_of(fps: float, folder: str) -> str:
    clip = me.synthesize({"AU4": 1.5, "AU12L": 1.1}, fps=fps, duration_ms=200 / fps * 1000, nuisance={"noise": 2.0})
    return me.scrub(clip, panes=PANES, flow=me.flow(clip)).to_html(Path(folder) / f"{fps:g}.html").as_uri()


def played(chromium, url: str, slower: int, seconds: float) -> dict:
    "Frames drawn a second, longest pause between two, and how many were left out"
    page = chromium.new_page(viewport={"width": 1400, "height": 1000})
    page.goto(url)
    page.locator(".mekit-scrubber[data-frame]").wait_for()
    page.locator(".mekit-scrubber").focus()
    page.wait_for_timeout(2500)          # the whole clip is decoded meanwhile, as it is when somebody looks before playing
    for _ in range(slower):
        page.keyboard.press(",")
    page.evaluate(WATCH)
    page.keyboard.press("Space")
    page.wait_for_timeout(1000 * seconds)
    page.keyboard.press("Space")
    seen, said = page.evaluate("() => [window.seen, document.querySelector('.m-rate').textContent]")
    times, frames = np.array(seen).T
    page.close()
    skipped = np.diff(frames)
    return {"a second": float((len(times) - 1) / (times[-1] - times[0]) * 1000), "left out": int((skipped[skipped > 0] - 1).sum()), "longest (ms)": float(np.diff(times).max()), "said": said}


def main(seconds: float = 5) -> dict:
    from harness import browser
    with tempfile.TemporaryDirectory() as folder, browser() as chromium:
        fast, even = page_of(200., folder), page_of(60., folder)
        results = {"60 Hz clip": played(chromium, even, 0, seconds), "200 Hz clip": played(chromium, fast, 0, seconds), "200 Hz clip, a fifth of the speed": played(chromium, fast, 2, seconds),
                   "200 Hz clip, a twentieth of the speed": played(chromium, fast, 4, seconds)}
    print("| 200 frames of 256 x 256, five panes | drawn a second | left out | longest pause (ms) |\n|---|---|---|---|")
    for name, r in results.items():
        print(f"| {name} | {r['a second']:.1f} | {r['left out']} | {r['longest (ms)']:.0f} |")
    rates = {"60 Hz clip": 60, "200 Hz clip": 60, "200 Hz clip, a fifth of the speed": 40, "200 Hz clip, a twentieth of the speed": 10}
    missed = [f"{name}: {results[name]['a second']:.1f} frames a second, promised {rate}" for name, rate in rates.items() if results[name]["a second"] < 0.97 * rate]
    missed += [f"{name}: {r['left out']} frames left out, promised none" for name, r in results.items() if "of the speed" in name and r["left out"]]
    if missed:
        sys.exit("missed: " + "; ".join(missed))
    return results
