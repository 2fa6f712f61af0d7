"A recording of 20,000 frames in JupyterLab: every frame right, asked for once, named where it cannot be had"
import json
import random

import pytest
from barcode import READ_BARCODE_JS
from harness import execute, open_notebook, run_all
from scrubber_actions import place, ready

N, BROKEN, CODES = 20_000, 7777, 4096       # a bar code counts to 4095; which round it is, is told by the grey of the top
SETUP = f"""
import threading
import numpy as np
from barcode import barcode
from mekit.core import Lazy, MekitError
from mekit.data.clip import read_clip
from mekit.widgets.scrubber import scrub
made, asked, free = [], [], threading.Event()
free.set()
def picture(i):
    free.wait(20)
    made.append(i)
    if i == {BROKEN}: raise MekitError("frame {BROKEN} of film.avi is damaged")
    image = barcode(i % {CODES}, (64, 64))
    image[:16] = 20 + 50 * (i // {CODES})
    return image
clip = read_clip(Lazy(picture, {N}, (64, 64, 3), keep_mb=2), fps=200).mark(onset=30)
w = scrub(clip, ("frame", "difference"))
opened = len(made)
w.on_msg(lambda _, message, buffers: asked.append(message["chunk"]) if message.get("kind") == "want" else None)
"""
SHOWN = f"""() => {{
    const read = {READ_BARCODE_JS.strip()};
    const root = document.querySelector('.mekit-scrubber'), canvas = root.querySelector('canvas[data-pane=frame]');
    const top = canvas.getContext('2d').getImageData(canvas.width >> 1, canvas.height >> 4, 1, 1).data[0];
    return [Number(root.dataset.frame), read(canvas) + {CODES} * Math.round((top - 20) / 50)];
}}"""
STATUS = "text => document.querySelector('.mekit-scrubber .m-status').textContent.includes(text)"


@pytest.fixture(scope="module")
def live(lab_page, lab):
    lab.write("long.ipynb", [SETUP, "w"])
    open_notebook(lab_page, lab, "long.ipynb")
    run_all(lab_page)
    ready(lab_page)
    lab_page.locator("[data-role=track]").first.scroll_into_view_if_needed()
    return lab_page


def state(page) -> dict:
    return json.loads(execute(page, "import json; w.desk.wait(); print(json.dumps(dict(asked=asked, made=len(made), opened=opened, sent=len(w.frames), cached=clip.frames.cache.size)))"))


def right(page, frame: int) -> None:
    "The frame is named, and it is the one on the screen"
    page.wait_for_function("i => document.querySelector('.mekit-scrubber').dataset.frame === String(i)", arg=frame, timeout=10_000)
    said, seen = page.evaluate(SHOWN)
    assert said == seen == frame


def to(page, frame: int) -> None:
    "From Python, once it knows where the page has come to rest: what is still on its way there would win"
    for _ in range(60):
        if execute(page, "print(w.frame)").strip() == page.get_attribute(".mekit-scrubber", "data-frame"):
            break
        page.wait_for_timeout(50)
    execute(page, f"w.frame = {frame}")


def test_opening_makes_a_few_dozen_pictures_and_sends_none(live):
    now = state(live)
    assert now["opened"] < 60 and now["sent"] == 0
    right(live, 0)


def test_random_seeks_show_the_right_frame_and_ask_for_no_chunk_twice(live, screen):
    rng = random.Random(3)
    live.locator(".mekit-scrubber").first.focus()
    for k in range(24):
        before = live.get_attribute(".mekit-scrubber", "data-frame")
        if k % 2:
            target = rng.randrange(N)
            to(live, target)
            right(live, target)
        else:       # by mouse: 28 frames share a pixel, so the page says which of them it is
            live.mouse.click(*place(live, "track" if k % 4 else "curve", rng.randrange(N), N))
            live.wait_for_function("before => document.querySelector('.mekit-scrubber').dataset.frame !== before", arg=before)
            said, seen = live.evaluate(SHOWN)
            assert said == seen
    now = state(live)
    assert len(now["asked"]) == len(set(now["asked"])) and now["made"] <= now["opened"] + 24 * len(now["asked"]) + 30
    assert now["cached"] <= 2 * 2**20
    screen(live, "long_clip_light")


def test_steps_within_what_the_page_holds_ask_nothing_and_the_next_chunk_is_there_before_it_is_needed(live):
    to(live, 4800)              # the first of a chunk
    right(live, 4800)
    live.locator(".mekit-scrubber").first.focus()
    live.keyboard.press("ArrowRight")
    right(live, 4801)
    live.wait_for_timeout(400)
    before = state(live)["asked"]
    assert {200, 201} <= set(before)
    for i in range(4802, 4840):
        live.keyboard.press("ArrowRight")
    right(live, 4839)
    for i in range(4838, 4800, -1):
        live.keyboard.press("ArrowLeft")
    right(live, 4801)
    live.wait_for_timeout(300)
    later = state(live)["asked"][len(before):]
    assert not set(later) & {200, 201} and len(later) <= 4      # what lies ahead, and never what is here


def test_who_rushes_past_chunks_gets_the_last_and_not_all(live):
    to(live, 9_000)
    right(live, 9_000)
    before = len(state(live)["asked"])
    live.evaluate("""() => { const root = document.querySelector('.mekit-scrubber');
        for (let k = 0; k < 300; k++) root.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight', shiftKey: true, bubbles: true})); }""")
    right(live, 12_000)
    assert len(state(live)["asked"]) - before < 12          # of the 125 chunks on the way


def test_curves_fill_in_as_chunks_come(live):
    known = "() => document.querySelector('.mekit-scrubber path.m-line').getAttribute('d').length"
    before = live.evaluate(known)
    to(live, 13_000)
    right(live, 13_000)
    live.wait_for_function(f"before => ({known})() > before", arg=before, timeout=3000)


def test_a_frame_that_cannot_be_read_is_named_and_its_neighbours_come(live):
    to(live, BROKEN)
    live.wait_for_function(STATUS, arg=f"frame {BROKEN} of film.avi is damaged")
    to(live, BROKEN + 1)
    right(live, BROKEN + 1)


def test_a_python_that_takes_its_time_is_said_and_the_frame_comes_when_it_is_ready(live):
    live.locator(".mekit-scrubber").first.focus()
    execute(live, "free.clear()")
    live.keyboard.press("Home")
    right(live, 0)                                          # held: no Python needed
    live.mouse.click(*place(live, "track", 15_555, N))
    live.wait_for_function(STATUS, arg="waiting for Python", timeout=3000)
    live.keyboard.press("Home")
    right(live, 0)                                          # and nobody has to wait with it
    live.mouse.click(*place(live, "track", 15_555, N))
    live.wait_for_function(STATUS, arg="waiting for Python", timeout=3000)
    execute(live, "free.set()")
    live.wait_for_function("() => Math.abs(Number(document.querySelector('.mekit-scrubber').dataset.frame) - 15555) < 60", timeout=10_000)
    said, seen = live.evaluate(SHOWN)
    assert said == seen and not live.evaluate(STATUS, "waiting for Python")


def test_what_is_shown_anew_while_a_chunk_is_on_its_way_takes_its_place(live):
    to(live, 40)
    right(live, 40)
    execute(live, "free.clear()")
    live.mouse.click(*place(live, "track", 2_222, N))       # on its way, and held up
    live.wait_for_function(STATUS, arg="waiting for Python", timeout=3000)
    execute(live, "other = clip.replace(source='another'); w.show(other, 'frame', curves=())")
    live.wait_for_function("() => document.querySelector('.mekit-scrubber').dataset.frame === undefined || document.querySelectorAll('.mekit-scrubber canvas[data-pane]').length === 1")
    execute(live, "free.set()")
    to(live, 17_003)
    right(live, 17_003)
    execute(live, "w.show(clip, ('frame', 'difference'))")
    to(live, 2_222)
    right(live, 2_222)
    live.wait_for_function("() => document.querySelectorAll('.mekit-scrubber canvas[data-pane]').length === 2")


def test_a_second_view_and_a_second_widget_keep_their_own_places(live):
    "Two displays of one widget share its place; another widget of the same clip has its own chunks"
    assert execute(live, "v = scrub(clip, 'frame', curves=()); heard = []; v.desk.send = lambda m, b: heard.append(m['chunk']); "
                         "[x._asked(x, dict(kind='want', clip=0, chunk=3, key=v.meta['chunk']['key']), []) for x in (v, w)]; v.desk.wait(); w.desk.wait(); print(heard)").strip() == "[3]"
    right(live, 2_222)


def test_in_page_mode_the_frames_around_the_present_one_scrub_without_a_kernel(live, page, tmp_path, screen):
    path = tmp_path / "page.html"
    path.write_text(execute(live, "w.frame = 12_400; from mekit.widgets.base import whole_page; print(whole_page(w.page(), 'part'))"))
    page.goto(path.as_uri())
    ready(page)
    shown = lambda: page.evaluate(SHOWN.replace("return [Number(root.dataset.frame)", "return [12300 + Number(root.dataset.frame)"))
    assert shown() == [12_400, 12_400] and page.locator(".m-banner").first.inner_text().startswith("frames 12300 to 12499 of 20000; marked outside of them: onset (30)")
    page.locator(".mekit-scrubber").focus()
    page.keyboard.press("End")
    page.wait_for_function("() => document.querySelector('.mekit-scrubber').dataset.frame === '199'")
    assert shown() == [12_499, 12_499]
    screen(page, "long_clip_page")


def test_after_a_restart_what_is_held_still_scrubs_and_the_rest_says_why_not(live):
    now = live.evaluate(SHOWN)[0]
    live.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    live.locator("[data-role=lost]").first.wait_for(state="visible", timeout=20_000)
    live.locator(".mekit-scrubber").first.focus()
    step = 1 if now % 24 < 22 else -1
    live.keyboard.press("ArrowRight" if step > 0 else "ArrowLeft")
    right(live, now + step)
    live.keyboard.press("End")
    live.wait_for_function(STATUS, arg="had not been loaded when the connection to Python ended")
    assert live.evaluate(SHOWN) == [now + step, now + step]
