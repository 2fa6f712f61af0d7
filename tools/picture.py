"The README's pictures, on the built-in clip: the exported scrubber at the apex, as Chromium draws it, and a paper figure"
import sys
import tempfile
from pathlib import Path

import cv2
import mekit as me

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "browser"))

if __name__ == "__main__":
    from harness import browser
    clip = me.demo()
    view = me.scrub(clip, panes=("frame", "flow", "strain"), flow=me.flow(clip))
    view.frame = clip.label.apex
    target = ROOT / "nbs" / "images" / "scrubber.png"
    cam = me.attribute(me.load("ststnet", "demo"), clip, target="AU4", method="hirescam")
    (target.parent / "figure.png").write_bytes(me.figure(cam).render("png", dpi=130))
    with tempfile.TemporaryDirectory() as folder, browser() as chromium:
        page = chromium.new_page(viewport={"width": 900, "height": 640}, device_scale_factor=1.5)
        page.goto(view.to_html(Path(folder) / "clip.html").as_uri())
        scrubber = page.locator(f".mekit-scrubber[data-frame='{clip.label.apex}']")
        scrubber.wait_for()
        scrubber.screenshot(path=target)
    cv2.imwrite(str(target), cv2.imread(str(target)), [cv2.IMWRITE_PNG_COMPRESSION, 9])
    for file in target.parent.iterdir():
        print(f"{file.relative_to(ROOT)}: {file.stat().st_size / 1024:.0f} KB")
