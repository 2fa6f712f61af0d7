"The tour as a newcomer meets it: in JupyterLab, and as a page made without a browser"
import os
import shutil
import subprocess
import sys
import time

import pytest
from barcode import write_folder, write_video
from harness import ROOT, execute, open_notebook, run_all

TOUR = ROOT / "nbs/tutorials/01_tour.ipynb"


def make_page(target, clip=None):
    "What `make tour CLIP=...` runs"
    env = {**os.environ, "MEKIT_CLIP": str(clip)} if clip else {k: v for k, v in os.environ.items() if k != "MEKIT_CLIP"}
    made = subprocess.run([sys.executable, ROOT / "tools/page.py", TOUR, target], env=env, capture_output=True, text=True)
    assert made.returncode == 0, made.stdout[-1000:] + made.stderr[-4000:]
    return target


def scrubs_offline(page, file):
    "Every scrubber of the page steps with the keyboard and by the track, and nothing is asked of any network"
    page.context.set_offline(True)
    page.goto(file.as_uri())
    scrubbers = page.locator(".mekit-scrubber")
    scrubbers.nth(1).wait_for()
    assert scrubbers.count() >= 2
    for k in range(scrubbers.count()):
        scrubber = scrubbers.nth(k)
        scrubber.scroll_into_view_if_needed()
        page.wait_for_function("e => e.hasAttribute('data-frame')", arg=scrubber.element_handle())
        scrubber.focus()
        page.keyboard.press("Home")
        page.keyboard.press("Shift+ArrowRight")
        page.keyboard.press("ArrowRight")
        n = int(scrubber.get_attribute("data-frames"))
        page.wait_for_function("([e, i]) => e.dataset.frame === i", arg=[scrubber.element_handle(), str(min(11, n - 1))])
        box = scrubber.locator("[data-role=track]").bounding_box()
        page.mouse.click(box["x"] + 0.5 / n * box["width"], box["y"] + box["height"] / 2)
        page.wait_for_function("e => e.dataset.frame === '0'", arg=scrubber.element_handle())
    assert [u for u in page.asked if not u.startswith(("file:", "blob:", "data:"))] == []


def test_tour_page_on_the_real_video(page, video, tmp_path, screen):
    file = make_page(tmp_path / "tour.html", video)
    scrubs_offline(page, file)
    text = page.inner_text("body")
    assert "Too slow for micro timing" in text and "mean nothing" in text and "Traceback" not in text
    screen(page, "tour_page_video")


@pytest.mark.slow
def test_tour_page_on_a_folder_of_jpegs(page, video, tmp_path):
    "A face as the recognition databases hold it: numbered JPEGs without time stamps"
    import cv2

    from mekit.data.clip import read_clip
    folder = tmp_path / "sub01" / "EP01_02"
    folder.mkdir(parents=True)
    for number, frame in enumerate(read_clip(video, stop=60).frames, 46):
        cv2.imwrite(str(folder / f"reg_img{number}.jpg"), frame[..., ::-1])
    scrubs_offline(page, make_page(tmp_path / "tour.html", folder))
    assert "Time unknown" in page.inner_text("body")


@pytest.mark.slow
def test_tour_page_on_b_frames_and_variable_rate(page, video, tmp_path):
    from mekit.data.clip import read_clip
    faces = read_clip(video, start=228, stop=288).frames
    file = tmp_path / "own.mp4"
    write_video(file, 60, codec="libx264", fps=100, bframes=3, vfr=True, size=faces.shape[1:3], frame=lambda i: faces[i])
    scrubs_offline(page, make_page(tmp_path / "tour.html", file))


@pytest.mark.slow
def test_tour_page_without_a_face(page, tmp_path):
    "A clip without a face is shown as it is, with a warning, not refused"
    write_folder(tmp_path / "clip", 40, ".jpg", 1)
    scrubs_offline(page, make_page(tmp_path / "tour.html", tmp_path / "clip"))


LAB_SOURCE = 'import os\nos.environ.pop("MEKIT_CLIP", None)'


def test_the_whole_loop_by_keyboard_and_pointer(page, lab, screen):
    "Open, scrub, mark the apex, run the model again, take a figure away: what the README promises, in one sitting"
    shutil.copy(TOUR, lab.root / "tour.ipynb")
    open_notebook(page, lab, "tour.ipynb")
    execute(page, LAB_SOURCE)
    run_all(page)
    scrubber = page.locator(".mekit-scrubber").first
    scrubber.scroll_into_view_if_needed()
    page.wait_for_function("e => e.hasAttribute('data-frame')", arg=scrubber.element_handle())
    scrubber.focus()
    page.keyboard.press("Home")
    for _ in range(7):
        page.keyboard.press("Shift+ArrowRight")
    page.wait_for_function("e => e.dataset.frame === '70'", arg=scrubber.element_handle())
    page.keyboard.press("a")
    until(page, "print(view.marks['apex'], view.frame)", "70 70")
    screen(page, "tour_scrubber")

    bench = page.locator(".mekit-workbench").first
    bench.scroll_into_view_if_needed()
    before = execute(page, "print(bench.controls.runs, bench.apex)").split()
    inner = bench.locator(".mekit-scrubber")
    inner.focus()
    page.keyboard.press("Home")
    for _ in range(8):
        page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("a")
    until(page, "print(bench.apex)", "80")
    assert before[1] != "80"
    bench.locator("[data-role=run]").click()
    until(page, "print(bench.controls.runs)", str(int(before[0]) + 1))
    assert execute(page, "print(bench.attribution.pairs[bench.attribution.peak].tolist(), bench.controls.error == '')").strip() == "[50, 80] True"
    screen(page, "tour_workbench")
    made = execute(page, "print(*sorted(p.name for p in folder.iterdir()))").split()
    assert made == ["apex.pdf", "apex.pdf.json", "clip.html"]


def until(page, code: str, wanted: str, seconds: float = 10) -> None:
    "Wait until code in the kernel prints what is wanted"
    end, said = time.monotonic() + seconds, None
    while time.monotonic() < end:
        said = execute(page, code).strip()
        if said == wanted:
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"{code}: wanted {wanted}, got {said}")
