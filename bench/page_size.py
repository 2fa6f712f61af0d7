"Size of the exported page, and how long it takes to make: 200 frames of 256 x 256 in three panes"
import sys
import tempfile
import time

import mekit as me


def main() -> dict:
    clip = me.synthesize({"AU4": 1.5, "AU12L": 1.1}, nuisance={"noise": 2.0})     # camera noise makes pictures large
    flow = me.flow(clip)
    start = time.perf_counter()
    view = me.scrub(clip, panes=("frame", "flow", "strain"), flow=flow)
    made = time.perf_counter() - start
    with tempfile.TemporaryDirectory() as folder:
        path = view.to_html(f"{folder}/clip.html")
        size = path.stat().st_size
    per = size / 1024 / len(clip) / 3
    print(f"{size / 2**20:.1f} MB, {per:.1f} KB a frame and pane; the widget was made in {made:.2f} s")
    if per >= 30:
        sys.exit(f"missed: {per:.1f} KB a frame and pane, promised under 30")
    return {"kb_per_frame_and_pane": per, "seconds_to_make": made}
