"The exported page: from disk, without kernel or network, in a real browser"
import random
import time

import numpy as np
import pytest
from barcode import barcode
from scrubber_actions import CODES, WATCH, arrived, by_curve, by_drag, by_keys, drawings, place, ready

from mekit.data.clip import read_clip
from mekit.motion.flow import Flow
from mekit.widgets.scrubber import scrub

N = 200


@pytest.fixture(scope="module")
def coded():
    "200 bar-coded frames at 200 fps, with a flow that grows by 0.02 px a frame to the right and 0.04 px upwards"
    clip = read_clip(np.stack([barcode(i, (128, 160)) for i in range(N)]), fps=200).mark(onset=20, apex=90).replace(iod=50.)
    uv = np.arange(N, dtype=np.float32)[:, None, None, None] * np.array([0.02, -0.04], np.float32)[None, :, None, None] * np.ones((1, 1, 128, 160), np.float32)
    return clip, Flow(uv=uv, pairs=np.stack([np.full(N, 20), np.arange(N)], 1), iod=50.)


@pytest.fixture(scope="module")
def file(coded, tmp_path_factory):
    clip, flow = coded
    return scrub(clip, ("frame", "flow", "strain"), flow=flow).to_html(tmp_path_factory.mktemp("page") / "clip.html")


def opened(page, file):
    page.goto(file.as_uri())
    ready(page)
    page.evaluate(WATCH)
    page.locator(".mekit-scrubber").focus()


def test_20_random_seeks_show_the_right_frame_and_ask_for_nothing(page, file):
    opened(page, file)
    assert page.get_attribute(".mekit-scrubber", "data-frames") == str(N)
    rng, now = random.Random(1), 0
    for k in range(20):
        target = rng.randrange(N)
        if k % 3 == 0:
            by_keys(page, now, target)
        else:
            (by_drag if k % 3 == 1 else by_curve)(page, now, target, N)
        arrived(page, target)
        now = target
    assert len(drawings(page)) > 60
    assert [u for u in page.asked if not u.startswith(("file:", "blob:", "data:"))] == []


def test_playing_shows_frames_in_order_at_the_pace_of_the_time_stamps(page, file):
    opened(page, file)
    for _ in range(4):
        page.keyboard.press(",")
    began = time.monotonic()
    page.keyboard.press("Space")
    page.wait_for_timeout(1200)
    page.keyboard.press("Space")
    took = time.monotonic() - began
    seen = [d[0] for d in drawings(page)]
    assert seen == list(range(1, len(seen) + 1))          # a twentieth of the speed: 10 frames a second, none dropped
    assert abs(len(seen) - 10 * took) < 4
    assert page.get_attribute("[data-role=track]", "aria-valuetext") == f"frame {seen[-1]}, {5. * seen[-1]:.1f} ms"


def test_keys_mark_toggle_and_zoom(page, file):
    opened(page, file)
    model = "() => document.querySelector('.mekit-page').mekitModel"
    assert page.evaluate(f"({model})().get('marks')") == {"onset": 20, "apex": 90}
    page.keyboard.press("End")
    page.keyboard.press("a")
    page.keyboard.press("f")
    assert page.evaluate(f"({model})().get('marks')") == {"onset": 20, "apex": 199, "offset": 199}
    page.keyboard.press("o")
    page.keyboard.press("Shift+F")
    page.keyboard.press("Home")
    page.keyboard.press("a")
    assert "would lie before the onset" in page.inner_text(".m-status")
    assert page.evaluate(f"({model})().get('marks')") == {"onset": 199, "apex": 199}
    page.keyboard.press("2")
    assert page.locator("canvas[data-pane=flow]").is_hidden()
    page.keyboard.press("2")
    assert page.locator("canvas[data-pane=flow]").is_visible()
    page.keyboard.press("+")
    assert page.evaluate(CODES)[1] is None                # zoomed in: the bar code is no longer whole
    page.keyboard.press("0")
    arrived(page, 0)
    page.wait_for_function(f"() => ({model})().get('frame') === 0")


def test_values_under_the_pointer(page, file):
    opened(page, file)
    by_keys(page, 0, 100)
    arrived(page, 100)
    box = page.locator("canvas[data-pane=flow]").bounding_box()
    page.mouse.move(box["x"] + 50, box["y"] + 50)
    text = page.inner_text(".m-values").replace("\u2212", "-")
    assert "u +2.00 px (+4.00 %IOD)" in text and "v -4.00 px (-8.00 %IOD)" in text
    assert "4-px grid; u, v ±0.01 px" in text
    assert "500.0 ms" in page.inner_text(".m-when")
    assert "20 → 100" in page.inner_text("figure:has(canvas[data-pane=flow]) figcaption")


def test_the_flow_pane_has_the_colour_of_its_direction_and_grows(page, file, coded):
    from mekit.widgets.scrubber import colour_tables
    opened(page, file)
    colour = "() => [...document.querySelector('canvas[data-pane=flow]').getContext('2d').getImageData(80, 20, 1, 1).data].slice(0, 3)"
    by_keys(page, 0, 199)
    arrived(page, 199)
    strong = np.array(page.evaluate(colour))
    want = colour_tables()["wheel"][round(np.arctan2(-0.04, 0.02) * 128 / np.pi) % 256].astype(int)
    assert np.abs(strong - want).max() < 40
    page.keyboard.press("Home")
    arrived(page, 0)
    still = np.array(page.evaluate(colour))
    assert np.ptp(still) < 12                             # no motion, no colour


@pytest.mark.parametrize("page", ["dark"], indirect=True)
def test_dark(page, file, screen):
    opened(page, file)
    by_keys(page, 0, 90)
    arrived(page, 90)
    ink, paper = page.evaluate("() => { const s = getComputedStyle(document.querySelector('.mekit-scrubber')); return [s.color, s.backgroundColor]; }")
    bright = lambda c: sum(int(x) for x in c[4:-1].split(",")[:3])
    assert bright(ink) > 600 and bright(paper) < 120
    screen(page, "scrubber_page_dark")


def test_narrow_and_short(page, screen, tmp_path):
    page.set_viewport_size({"width": 390, "height": 844})
    one = scrub(barcode(7, (64, 64))[None], ("frame", "flow", "strain"))
    page.goto(one.to_html(tmp_path / "one.html").as_uri())
    ready(page)
    assert page.evaluate(CODES) == [0, 7]
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    page.locator(".mekit-scrubber").focus()
    for key in ("ArrowRight", "Space", "Space", "End", ".", "e"):
        page.keyboard.press(key)
    assert page.evaluate(CODES) == [0, 7] and page.inner_text(".m-status") == "no AU regions are known here"
    screen(page, "scrubber_page_narrow", full_page=True)


@pytest.mark.parametrize("width", [420, 735, 930, 1200, 1920])
def test_panes_fill_their_row_and_the_pointer_still_meets_its_pixel(page, file, screen, width):
    page.set_viewport_size({"width": width, "height": 900})
    opened(page, file)
    by_keys(page, 0, 100)
    arrived(page, 100)
    boxes = [page.locator(f"canvas[data-pane={p}]").bounding_box() for p in ("frame", "flow", "strain")]
    stage = page.locator(".m-panes").bounding_box()
    row = [b for b in boxes if b["y"] == boxes[0]["y"]]
    left, right = row[0]["x"] - stage["x"], stage["x"] + stage["width"] - row[-1]["x"] - row[-1]["width"]
    assert abs(left - right) <= 1 and left >= 0
    drawn = page.evaluate("() => document.querySelector('canvas[data-pane=flow]').width")
    assert drawn <= boxes[1]["width"] <= 1.25 * drawn + 1 and (8 * drawn) % 160 == 0
    for pane, share in (("flow", 0.25), ("strain", 0.8)):
        page.locator(f"canvas[data-pane={pane}]").scroll_into_view_if_needed()
        box = page.locator(f"canvas[data-pane={pane}]").bounding_box()
        page.mouse.move(box["x"] + (share + 0.001) * box["width"], box["y"] + (share + 0.001) * box["height"])
        assert page.inner_text(".m-values").startswith(f"x {int(160 * share)} y {int(128 * share)}")
    screen(page, f"scrubber_page_{width}")


def test_labels_of_marks_on_one_frame_do_not_cover_each_other(page, coded, screen, tmp_path):
    clip, flow = coded
    opened(page, scrub(clip.mark(onset=90, apex=90, offset=91), ("frame", "flow"), flow=flow).to_html(tmp_path / "close.html"))
    tops = sorted(page.locator(f"[data-mark={m}] b").bounding_box()["y"] for m in ("onset", "apex", "offset"))
    assert tops[1] - tops[0] >= 14 and tops[2] - tops[1] >= 14
    screen(page, "scrubber_page_close_marks")


def test_buttons_say_their_value_and_what_is_written_on_them(page, file):
    opened(page, file)
    label = lambda act: page.locator(f"[data-act='{act}']").get_attribute("aria-label")
    assert [label(a) for a in ("onset", "apex", "offset")] == ["Set onset, now at frame 20", "Set apex, now at frame 90", "Set offset, not set"]
    assert label("pane:0").startswith(page.inner_text("[data-act='pane:0']")) and page.inner_text("[data-act='pane:0']") == "1 frame"
    page.keyboard.press("End")
    page.keyboard.press("f")
    assert label("offset") == "Set offset, now at frame 199"


def test_a_request_that_fails_is_not_overlooked(chromium):
    from harness import fresh_page
    with pytest.raises(AssertionError, match="request failed: http://127.0.0.1:9/"):
        with fresh_page(chromium) as lost:
            lost.set_content("<img src='http://127.0.0.1:9/x.png'>")
            lost.wait_for_timeout(300)


def test_a_frame_that_cannot_be_decoded_is_said_and_not_shown(page, coded, tmp_path):
    clip, _ = coded
    w = scrub(clip[:10], "frame")
    a, b = w.meta["tracks"]["frame"]["offsets"][5:7]
    w.frames = w.frames[:a] + bytes(b - a) + w.frames[b:]
    opened(page, w.to_html(tmp_path / "broken.html"))
    by_keys(page, 0, 5)
    page.wait_for_function("() => document.querySelector('.m-status').textContent.includes('could not be decoded')")
    assert page.get_attribute(".mekit-scrubber", "data-frame") == "4"
    page.keyboard.press("a")                              # a mark goes on what is seen
    assert page.inner_text("[data-act=apex]") == "apex 4"
    by_keys(page, 4, 6)
    arrived(page, 6)


def test_drawn_again_and_again_leaves_nothing_behind(page, file):
    opened(page, file)
    left = page.evaluate("""async () => {
        const host = document.querySelector('.mekit-page'), model = host.mekitModel, root = document.querySelector('.mekit-scrubber');
        const changes = []; const on = model.on, off = model.off;
        model.on = (e, f) => { changes.push(1); on(e, f); }; model.off = (e, f) => { changes.push(-1); off(e, f); };
        for (let k = 0; k < 30; k++) { model.set('meta', {...model.get('meta'), title: `again ${k}`}); await new Promise(requestAnimationFrame); }
        return [changes.reduce((a, b) => a + b, 0), document.querySelectorAll('.mekit-scrubber').length];
    }""")
    assert left == [0, 1]
    assert "again 29" in page.inner_text(".mekit-scrubber header")


def test_the_track_is_a_slider_to_a_screen_reader(page, file):
    opened(page, file)
    by_drag(page, 0, 42, N)
    arrived(page, 42)
    slider = page.locator("[role=slider]")
    assert slider.get_attribute("aria-valuenow") == "42" and slider.get_attribute("aria-valuemax") == "199"
    assert page.locator("button:not([aria-label])").count() == 0
    assert page.locator("canvas[data-pane]:not([aria-label])").count() == 0
    assert place(page, "track", 0, N)[0] < place(page, "track", 199, N)[0]
