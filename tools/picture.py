"The README's pictures: the exported scrubber at the apex and a report's card, as Chromium draws them, and a paper figure"
import sys
import tempfile
from pathlib import Path

import cv2
import mekit as me
import nbformat

ROOT = Path(__file__).resolve().parent.parent
IMAGES, LESSON = ROOT / "nbs" / "images", ROOT / "nbs" / "tutorials" / "03_audited_split.ipynb"
sys.path.insert(0, str(ROOT / "tests" / "browser"))


def scrubber(chromium, clip) -> None:
    "The exported page, at the apex"
    view = me.scrub(clip, panes=("frame", "flow", "strain"), flow=me.flow(clip))
    view.frame = clip.label.apex
    with tempfile.TemporaryDirectory() as folder:
        page = chromium.new_page(viewport={"width": 900, "height": 640}, device_scale_factor=1.5)
        page.goto(view.to_html(Path(folder) / "clip.html").as_uri())
        shown = page.locator(f".mekit-scrubber[data-frame='{clip.label.apex}']")
        shown.wait_for()
        shown.screenshot(path=IMAGES / "scrubber.png")


def card(chromium) -> None:
    "The report that the lesson ends with, as it stands in the saved notebook"
    shown = [o.data["text/html"] for c in nbformat.read(LESSON, 4).cells if c.cell_type == "code" for o in c.outputs if "text/html" in o.get("data", {})]
    report = next(html for html in shown if "How it came about" in html)
    page = chromium.new_page(viewport={"width": 1260, "height": 900}, device_scale_factor=1.1)
    page.set_content(f"<body style='margin:12px;font-family:sans-serif'><div id=card style='display:inline-block'>{report}</div>")
    page.locator("#card").screenshot(path=IMAGES / "report.png")


if __name__ == "__main__":
    from harness import browser
    clip = me.demo()
    cam = me.attribute(me.load("ststnet", "demo"), clip, target="AU4", method="hirescam")
    (IMAGES / "figure.png").write_bytes(me.figure(cam).render("png", dpi=130))
    with browser() as chromium:
        scrubber(chromium, clip)
        card(chromium)
    for file in IMAGES.iterdir():
        cv2.imwrite(str(file), cv2.imread(str(file)), [cv2.IMWRITE_PNG_COMPRESSION, 9])
        print(f"{file.relative_to(ROOT)}: {file.stat().st_size / 1024:.0f} KB")
