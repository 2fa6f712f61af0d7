"""What a scrubber shows and how it is worked: zoom, loupe, wipe, curves, marks, regions, a second clip, touch

Every pixel of the frames says where it is from: red is x, green is y, blue the frame (100 more in the second clip). So a pixel read
from any canvas tells which part of which frame is shown there.
"""
import numpy as np
import pytest
from scrubber_actions import place, ready

from mekit.data.clip import read_clip
from mekit.motion.flow import Flow
from mekit.widgets.scrubber import scrub

N, H, W = 40, 120, 160
REGION = dict(name="brow_L", label="left brow", aus=[1, 4], polygon=[[20.4, 20], [60.4, 20], [60.4, 40], [20.4, 40]])
MODEL = "document.querySelector('.mekit-page').mekitModel"


def told(first: int, n: int = N) -> np.ndarray:
    "Frames whose pixels say where they are from; at x 100 to 112, y 80 to 92 every other one is 50 bluer"
    y, x = np.mgrid[:H, :W].astype(np.uint8)
    chequers = 50 * ((abs(x - 106.) <= 6) & (abs(y - 86.) <= 6) & ((x + y) % 2 == 1))
    return np.stack([np.stack([x, y, first + i + chequers], -1) for i in range(n)]).astype(np.uint8)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    "Two clips, a region and three curves; the second clip has half the rate and its onset 5 frames in"
    clip = read_clip(told(0), fps=100).mark(onset=10, apex=20).replace(iod=50.)
    uv = np.zeros((N, 2, H, W), np.float32)
    uv[:, 0] = 0.02 * np.arange(N)[:, None, None]
    flow = Flow(uv=uv, pairs=np.stack([np.full(N, 10), np.arange(N)], 1), iod=50.)
    other = read_clip(told(100, 16), fps=50).mark(onset=5)
    w = scrub(clip, ("frame", "quiver"), flow=flow, compare=other, quality="lossless", limits={"flow": 100.})        # arrows too short to be drawn
    wave = [None if i == 7 else round(float(np.sin(i / 6) ** 2), 3) for i in range(N)]
    curves = [w.meta["curves"][0], dict(name="AU4", unit="px", values=wave, low=0., high=1., colour="#aa3377", au="AU4"),
              dict(name="mean strain", unit="%", values=[.1 * i for i in range(N)], low=0., high=3.9, colour=None, au=None, note="every frame")]
    w.meta = {**w.meta, "title": "a/name/" + "without_a_space" * 6, "regions": [REGION], "regions_frame": 10, "regions_how": "drawn", "curves": curves}
    return w.to_html(tmp_path_factory.mktemp("view") / "two.html")


@pytest.fixture
def at(page, file):
    "The page, high enough for all of it, with the keyboard in the scrubber"
    page.set_viewport_size({"width": 1000, "height": 1400})
    page.goto(file.as_uri())
    ready(page)
    page.locator(".mekit-scrubber").focus()
    return page


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)


def shown(page, x: float, y: float, canvas: str = "canvas[data-pane=frame]:not([data-clip])") -> list[int]:
    "Pixel of a canvas at shares of its width and height: where in which frame it is from"
    return page.evaluate("""([s, x, y]) => { const c = document.querySelector(s);
        return [...c.getContext('2d').getImageData(Math.min(c.width - 1, Math.floor(x * c.width)), Math.min(c.height - 1, Math.floor(y * c.height)), 1, 1).data].slice(0, 3); }""", [canvas, x, y])


def frame_is(page, i: int) -> None:
    page.wait_for_function("i => document.querySelector('.mekit-scrubber').dataset.frame === String(i)", arg=i)


def near(got, want, slack=2) -> bool:
    return bool(np.abs(np.array(got) - np.array(want)).max() <= slack)


def over(page, x: float, y: float, pane: str = "frame") -> None:
    "Point at frame pixel x, y (whole frame shown)"
    box = page.locator(f"canvas[data-pane={pane}]").first.bounding_box()
    page.mouse.move(box["x"] + (x + .5) / W * box["width"], box["y"] + (y + .5) / H * box["height"])


def test_all_panes_zoom_and_pan_together_and_arrows_still_step(at):
    second, quiver = "canvas[data-clip='2']", "canvas[data-pane=quiver]:not([data-clip])"
    press(at, "+", "+")
    middle = shown(at, .5, .5)
    assert near(middle, [W / 2, H / 2, 0]) and near(shown(at, 0, 0), [60, 45, 0]) and near(shown(at, 0, 0, quiver), [60, 45, 0])
    assert near(shown(at, 0, 0, second)[:2], [60, 45])
    press(at, "Alt+ArrowRight", "Alt+Shift+ArrowUp")
    assert near(shown(at, 0, 0), [65, 30, 0]) and near(shown(at, 0, 0, second)[:2], [65, 30])
    press(at, "ArrowRight", "ArrowRight", "ArrowDown")
    frame_is(at, 1)
    assert near(shown(at, 0, 0), [65, 30, 1])
    box = at.locator("canvas[data-pane=frame]").first.bounding_box()
    at.mouse.move(box["x"] + 100, box["y"] + 60)
    at.mouse.down()
    at.mouse.move(box["x"] + 100 + box["width"] / 2, box["y"] + 60, steps=3)        # half a pane to the right: half of what is shown
    at.mouse.up()
    assert near(shown(at, 0, 0, quiver), [45, 30, 1])
    at.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    before = shown(at, .5, .5)
    at.keyboard.down("Control")
    at.mouse.wheel(0, -120)
    at.keyboard.up("Control")
    assert "8" in at.inner_text(".m-pace >> nth=1") and near(shown(at, .5, .5), before, 3)
    press(at, "0")
    assert near(shown(at, 0, 0), [0, 0, 1]) and near(shown(at, .999, .999), [W - 1, H - 1, 1])


def test_the_loupe_shows_pixels_at_the_same_spot_of_every_pane(at, screen):
    press(at, "g")
    over(at, 106, 86)
    squares = at.evaluate("""() => [...document.querySelectorAll('.m-loupe:not([hidden])')].map(c => { const d = c.getContext('2d').getImageData(0, c.height >> 1, c.width, 1).data;
        const runs = []; for (let x = 0; x < c.width; x++) { const last = runs[runs.length - 1]; last && last[0] === d[4 * x] && last[3] === d[4 * x + 2] ? last[1]++ : runs.push([d[4 * x], 1, d[4 * x + 1], d[4 * x + 2]]); }
        return runs; })""")
    assert len(squares) == 4
    for runs, blue in zip(squares, (0, 0, 100, 100), strict=True):
        inner = runs[1:-1]
        assert len({r[1] for r in inner}) == 1 and inner[0][1] >= 4          # each frame pixel is one sharp square of whole pixels
        assert [b[0] - a[0] for a, b in zip(inner, inner[1:], strict=False)] == [1] * (len(inner) - 1)
        at_middle = runs[len(runs) // 2]
        assert near([at_middle[0], at_middle[2], at_middle[3]], [106, 86, blue], 1)
        assert [abs(b[3] - a[3]) for a, b in zip(runs, runs[1:], strict=False)].count(50) >= 8
    screen(at, "scrubber_view_loupe")
    press(at, "g")
    assert at.locator(".m-loupe:visible").count() == 0


def test_the_wipe_parts_two_panes_where_its_divider_is(at, screen):
    wipe = "canvas[data-role=wipe]"
    press(at, "w")
    at.locator("[data-wipe=right]").select_option(label="frame 2")
    assert [t.inner_text() for t in at.locator(".m-tag").all()] == ["frame", "frame 2"]
    sides = lambda share: (shown(at, share - .03, .5, wipe)[2], shown(at, share + .03, .5, wipe)[2])
    assert sides(.5) == (0, 100)
    box = at.locator(wipe).bounding_box()
    at.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    at.mouse.down()
    at.mouse.move(box["x"] + box["width"] / 4, box["y"] + 5, steps=3)
    at.mouse.up()
    assert sides(.25) == (0, 100) and near(shown(at, .8, .8, wipe), [.8 * W, .8 * H, 100], 3)
    divider = at.locator("[data-role=divider]")
    assert divider.get_attribute("aria-valuenow") == "25" and divider.get_attribute("aria-label") == "Wipe: frame on the left, frame 2 on the right"
    press(at, *["ArrowRight"] * 5)                      # the divider has the keyboard: the frame stays
    assert divider.get_attribute("aria-valuenow") == "35" and at.get_attribute(".mekit-scrubber", "data-frame") == "0" and sides(.35) == (0, 100)
    at.locator(".mekit-scrubber").focus()
    press(at, "<", "<", "ArrowRight", "+")
    frame_is(at, 1)
    assert divider.get_attribute("aria-valuenow") == "31" and sides(.31)[0] == 1 and near(shown(at, 0, 0, wipe)[:2], [40, 30])
    press(at, "1")                                      # hidden panes can still be wiped
    assert at.locator("canvas[data-pane=frame]").first.is_hidden() and sides(.31)[0] == 1
    press(at, "ArrowRight")
    frame_is(at, 2)
    assert sides(.31)[0] == 2
    screen(at, "scrubber_view_wipe")
    press(at, "w", ">")
    assert at.locator(wipe).count() == 0 and at.inner_text(".m-status") == "w opens the wipe"


def test_curves_switch_scale_by_unit_break_at_gaps_and_are_read_where_the_pointer_is(at):
    chip = lambda k: at.locator(f"[data-act='curve:{k}']")
    line = lambda k: at.get_attribute(f"path[data-curve='{k}']", "d")
    assert [s.inner_text() for s in at.locator(".m-scale").all()] == ["0 to 1 px", "0 to 3.9 %"]
    assert line(1).count("M") == 2 and line(0).count("M") == 1
    press(at, *["ArrowRight"] * 7)
    frame_is(at, 7)
    assert "\u2013" in chip(1).inner_text() and "0.700 %" in chip(2).inner_text()
    at.mouse.move(*place(at, "curve", 30, N))
    assert "3.00 %" in chip(2).inner_text() and "frame 30 · 300.0 ms" in at.inner_text(".m-hover")
    assert at.get_attribute(".mekit-scrubber", "data-frame") == "7"
    at.mouse.move(5, 5)
    assert "0.700 %" in chip(2).inner_text() and not at.locator(".m-hover").is_visible()
    chip(1).click()
    assert chip(1).get_attribute("aria-pressed") == "false" and line(1) == "" and at.locator(".m-scale").first.inner_text() != "0 to 1 px"
    chip(1).focus()
    press(at, "Enter")
    assert chip(1).get_attribute("aria-pressed") == "true" and line(1) != ""


def test_marks_jump_undo_and_redo_whoever_set_them(at):
    marks = lambda: at.evaluate(f"() => {MODEL}.get('marks')")
    press(at, "]")
    frame_is(at, 10)
    press(at, "]")
    frame_is(at, 20)
    press(at, "]")
    assert "no mark after frame 20" in at.inner_text(".m-status")
    press(at, "Shift+ArrowRight", "f", "[")
    frame_is(at, 20)
    press(at, "Shift+A")
    assert marks() == {"onset": 10, "offset": 30}
    at.evaluate(f"() => {MODEL}.set('marks', {{onset: 3, apex: 4}})")            # as Python does
    press(at, "u")
    assert marks() == {"onset": 10, "offset": 30} and "undone: onset at 10 instead of 3" in at.inner_text(".m-status")
    press(at, "Control+z", "u")
    assert marks() == {"onset": 10, "apex": 20}
    press(at, "u")
    assert "nothing to undo" in at.inner_text(".m-status")
    press(at, "y", "Control+y", "Control+Shift+Z")
    assert marks() == {"onset": 3, "apex": 4}
    at.locator("[data-act=undo]").click()
    assert marks() == {"onset": 10, "offset": 30} and at.inner_text("[data-act=offset]") == "offset 30"


def test_the_loop_runs_between_the_marks(at):
    at.evaluate("() => { window.seen = []; document.querySelector('.mekit-scrubber').addEventListener('mekit:drawn', e => seen.push(e.detail.frame)); }")
    press(at, "l", ",")
    assert at.inner_text("[data-act=loop]") == "loop 10\u201320"
    press(at, "Space")
    at.wait_for_function("() => seen.filter(i => i === 10).length >= 3")
    press(at, "Space")
    seen = at.evaluate("() => seen")
    assert min(seen) == 10 and max(seen) == 20 and seen[:22] == [*range(10, 21), *range(10, 21)]      # 20 ms a frame at half speed: none is left out
    press(at, ".", "Space")
    at.wait_for_function("() => / of 100 frames.s/.test(document.querySelector('.m-rate').textContent)")      # a screen of 60 Hz
    press(at, "Space", "l")
    assert at.inner_text("[data-act=loop]") == "loop off" and at.locator(".m-rate").is_hidden()


def test_values_and_regions_by_pointer_and_by_keyboard(at):
    values = at.inner_text(".m-values >> nth=0")
    assert values.startswith("point at a pane") and "u \u2013" in values and "AU region \u2013" in values        # from the beginning
    press(at, *["Shift+ArrowRight"] * 3)
    for x, found in ((20, False), (21, True), (60, True), (61, False)):       # pixels count from the middle of the first one, as masks in Python do
        over(at, x + .4, 30)
        assert ("left brow" in at.inner_text(".m-values >> nth=0")) == found, x
    assert at.get_attribute(".m-regions >> nth=0", "viewBox") == f"-0.5 -0.5 {W} {H}"
    over(at, 40, 30, "quiver")
    hit = at.locator("polygon.m-hit:visible")
    assert hit.count() == 3 - 1 and "left brow (AU1, AU4)" in at.inner_text(".m-values >> nth=0")        # the second clip has no regions
    over(at, 100, 30)
    assert hit.count() == 0 and "in no AU region" in at.inner_text(".m-values >> nth=0")
    press(at, "e")
    assert at.locator("polygon:visible").count() == 2
    press(at, "e")
    at.mouse.move(5, 5)
    press(at, "x", *["Alt+Shift+ArrowLeft"] * 3, *["Alt+ArrowLeft"] * 5, *["Alt+Shift+ArrowUp"] * 2, "Alt+ArrowUp")
    values = at.inner_text(".m-values >> nth=0")
    assert values.startswith("x 45 y 39") and "u +0.60 px (+1.20 %IOD)" in values and "left brow" in values
    assert at.inner_text(".m-when >> nth=0") == "frame 30 / 39 · 300.0 ms · +200.0 ms from onset"
    at.wait_for_function("() => document.querySelector('.m-aloud').textContent.includes('u +0.60 px')")
    press(at, "ArrowLeft")
    frame_is(at, 29)
    assert "u +0.58 px" in at.inner_text(".m-values >> nth=0")
    press(at, "+", "+", "+", *["Alt+Shift+ArrowRight"] * 2)
    assert at.inner_text(".m-values >> nth=0").startswith("x 65 y 39") and shown(at, 1, .5)[0] >= 65     # the picture follows the cross
    press(at, "Escape")
    assert at.inner_text(".m-values >> nth=0").startswith("point at a pane")


def test_the_second_clip_goes_in_step(at, screen):
    second = "canvas[data-clip='2']"
    pair = lambda: (at.get_attribute(".mekit-scrubber", "data-frame"), at.get_attribute(".mekit-scrubber", "data-frame2"), shown(at, .5, .5, second)[2] - 100)
    at.wait_for_function("() => document.querySelector('.mekit-scrubber').dataset.frame2 === '0'")
    press(at, "]")
    frame_is(at, 10)
    assert pair() == ("10", "5", 5) and "in step by ms from each onset" in at.inner_text(".m-second")
    press(at, *["ArrowRight"] * 4)
    frame_is(at, 14)
    assert pair() == ("14", "7", 7) and "clip 2: frame 7 / 15 · 140.0 ms · +40.0 ms from onset" in at.inner_text(".mekit-scrubber")
    press(at, "End")
    frame_is(at, N - 1)
    assert pair() == ("39", "15", 15) and "no frame here: nearest is 90.0 ms before" in at.inner_text(".m-off >> nth=1")
    press(at, "Home", "o")                              # the onset moves, and what goes with it
    at.wait_for_function("() => document.querySelector('.mekit-scrubber').dataset.frame2 === '5'")
    press(at, "s")
    assert "in step by onset, by ms from there" in at.inner_text(".m-second")
    screen(at, "scrubber_view_two")


def test_full_screen_uses_the_room_and_no_more(at, screen):
    at.set_viewport_size({"width": 1000, "height": 900})
    press(at, "v")
    at.wait_for_function("() => document.fullscreenElement?.matches('.mekit-scrubber')")
    press(at, "w")                                      # five pictures in two rows, and captions that wrap
    settled = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => { const r = document.querySelector('.mekit-scrubber'); done([r.scrollHeight <= innerHeight, r.scrollWidth <= innerWidth]); })))"
    assert at.evaluate(settled) == [True, True]
    press(at, "w", "v")
    at.wait_for_function("() => !document.fullscreenElement")
    at.set_viewport_size({"width": 1000, "height": 1400})
    before = at.locator("canvas[data-pane=frame]").first.bounding_box()["width"]
    press(at, "3", "4", "v")
    at.wait_for_function("() => document.fullscreenElement?.matches('.mekit-scrubber')")
    at.wait_for_function("w => document.querySelector('canvas[data-pane=frame]').getBoundingClientRect().width > 1.2 * w", arg=before)
    fits = at.evaluate("() => { const r = document.querySelector('.mekit-scrubber'); return [r.scrollHeight <= innerHeight + 1, r.scrollWidth <= innerWidth]; }")
    assert fits == [True, True]
    screen(at, "scrubber_view_full")
    press(at, "v")
    at.wait_for_function("() => !document.fullscreenElement")
    at.wait_for_function("w => document.querySelector('canvas[data-pane=frame]').getBoundingClientRect().width <= 1.2 * w", arg=before)


def test_touch_pinch_tap_double_tap_and_drag(at):
    cdp = at.context.new_cdp_session(at)
    cdp.send("Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 2})
    box = at.locator("canvas[data-pane=frame]").first.bounding_box()
    cx, cy = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    touch = lambda kind, *points: cdp.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y, "id": k} for k, (x, y) in enumerate(points)]})
    touch("touchStart", (cx, cy - 20), (cx, cy + 20))
    for d in (30, 40):
        touch("touchMove", (cx, cy - d), (cx, cy + d))
    touch("touchEnd")
    assert at.inner_text(".m-pace >> nth=1") == "2\u00d7" and near(shown(at, .5, .5), [W / 2, H / 2, 0]) and near(shown(at, 0, 0), [W / 4, H / 4, 0])
    for _ in range(2):
        touch("touchStart", (cx + 30, cy))
        touch("touchEnd")
    assert at.inner_text(".m-pace >> nth=1") == "whole"
    at.wait_for_timeout(350)
    touch("touchStart", (box["x"] + box["width"] * .25, cy))
    touch("touchEnd")
    assert at.inner_text(".m-values >> nth=0").startswith("x 40 y ")          # a tap reads, and what it reads stays
    touch("touchStart", place(at, "track", 3, N))
    touch("touchMove", place(at, "track", 33, N))
    touch("touchEnd")
    frame_is(at, 33)


@pytest.mark.slow
def test_a_wheel_that_scrolls_the_page_is_not_caught_under_way(at):
    at.set_viewport_size({"width": 1000, "height": 500})
    x, y = place(at, "curve", 20, N)
    at.mouse.move(x, 300)
    for far in (y - 300, y - 270):                      # the curves come under the pointer, and go on
        at.mouse.wheel(0, far - at.evaluate("() => scrollY"))
        at.wait_for_function("y => Math.abs(window.scrollY - y) < 2", arg=far, timeout=3000)
        at.wait_for_timeout(600)                        # Chromium leaves one turn of the wheel to whom it began with
    assert at.get_attribute(".mekit-scrubber", "data-frame") == "0"
    at.mouse.move(x + 30, 280)
    before = at.evaluate("() => scrollY")
    at.mouse.wheel(0, 100)
    frame_is(at, 1)
    assert at.evaluate("() => scrollY") == before


def test_everything_is_reached_by_tab_and_after_a_click_the_keyboard_is_the_scrubbers_again(at):
    at.locator(".mekit-scrubber").focus()
    reached = set()
    for _ in range(60):
        press(at, "Tab")
        reached.add(at.evaluate("() => document.activeElement.dataset?.act ?? document.activeElement.dataset?.role ?? null"))
    acts = set(at.evaluate("() => [...document.querySelectorAll('[data-act]')].map(b => b.dataset.act)"))
    assert acts <= reached and "track" in reached and len(acts) > 25
    at.locator(".mekit-scrubber").focus()
    press(at, "?")
    assert at.locator(".m-help").is_visible() and "wipe between two panes" in at.inner_text(".m-help")
    press(at, "Escape")
    assert at.locator(".m-help").is_hidden()
    has = lambda what: at.evaluate("what => document.activeElement.matches(what)", what)
    at.locator("[data-act=onset]").click()
    assert has(".mekit-scrubber")
    press(at, "Space")
    at.wait_for_function("() => document.querySelector('[data-act=play]').textContent === 'pause'")
    press(at, "Space", "w")
    at.locator("[data-wipe=right]").select_option(label="frame 2")      # without the pointer: the select keeps the keyboard
    at.locator("[data-act=play]").focus()
    press(at, "Enter")
    assert has("[data-act=play]") and at.inner_text("[data-act=play]") == "pause"


def test_nothing_leaves_the_page(at, screen):
    press(at, "w", "x", "g", "e", "?")
    for width in (420, 700, 1400):
        at.set_viewport_size({"width": width, "height": 900})
        at.wait_for_function("w => { const r = document.querySelector('.mekit-scrubber').clientWidth; return r <= w && r > 0.8 * Math.min(w, 1180); }", arg=width)
        at.wait_for_function("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))")
        out = at.evaluate("""() => { const root = document.querySelector('.mekit-scrubber'), edge = root.getBoundingClientRect().right;
            return [...root.querySelectorAll('button, select, figcaption, .m-cell, header b, canvas:not(.m-loupe)')].filter(e => e.offsetParent && e.getBoundingClientRect().right > edge + 1).map(e => e.outerHTML.slice(0, 80)); }""")
        assert out == [] and at.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), width
        screen(at, f"scrubber_view_{width}", full_page=True)
