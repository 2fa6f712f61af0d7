"The scrubber and the annotator for those who do not see, or do not use a mouse: axe-core's rules, and a session by keyboard alone"
from importlib.resources import files

import pytest
from scrubber_actions import ready

from mekit.data.synthetic import synthesize
from mekit.widgets.annotator import annotate
from mekit.widgets.scrubber import scrub

ROOT, ACTIVE = "document.querySelector('.mekit-scrubber')", "document.activeElement"
STATES = {  # what is on the screen, and the keys that bring it there and away
    "plain": ([], []), "zoomed": (["+", "+"], ["0"]), "help": (["?"], ["Escape"]), "wipe": (["w"], ["w"]),
    "cross, loupe, regions": (["x", "g", "e"], ["g", "e", "Escape"]), "marks and what is said of them": (["End", "o", "Home", "f"], ["u"]),
    "a pane and a loop less": (["2", "l"], ["2", "l", "l"]),
}


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    "A page of two clips with panes, curves and regions"
    clip, other = (synthesize({"AU12": 1.5}, size=128, duration_ms=560, fps=fps, seed=seed) for fps, seed in ((50., 1), (100., 2)))
    path = tmp_path_factory.mktemp("two") / "two.html"
    return scrub(clip, ("frame", "flow", "strain"), compare=other).to_html(path)


def opened(page, file) -> None:
    page.set_viewport_size({"width": 1100, "height": 1300})
    page.goto(file.as_uri())
    ready(page)


def press(page, *keys) -> None:
    for key in keys:
        page.keyboard.press(key)


def violations(page) -> list[str]:
    "What axe-core finds on the page: rule, how grave, where"
    page.evaluate("source => { if (!window.axe) (0, eval)(source); }", files("axe_playwright_python").joinpath("axe.min.js").read_text())
    found = page.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")
    assert len(found["passes"]) > 15, "axe-core looked at next to nothing"
    return [f"{v['id']} ({v['impact']}): {n['target']} {n['any'][0]['message'] if n['any'] else v['help']}" for v in found["violations"] for n in v["nodes"]]


@pytest.mark.parametrize("page", ["light", "dark"], indirect=True)
def test_axe_finds_nothing_in_any_state(page, two, screen):
    opened(page, two)
    page.locator(".mekit-scrubber").focus()
    found = {}
    for state, (there, back) in STATES.items():
        press(page, *there)
        found[state] = violations(page)
        press(page, *back)
    assert not any(found.values()), "\n".join(f"{state}: {v}" for state, all_ in found.items() for v in all_)


@pytest.mark.parametrize("page", ["light", "dark"], indirect=True)
def test_axe_finds_nothing_in_the_annotator(page, tmp_path):
    clip = synthesize({"AU12": 1.5}, size=128, duration_ms=560, fps=50.)
    opened(page, annotate({"a": clip, "b": clip}, coder="K", path=tmp_path / "coded").to_html(tmp_path / "annotator.html"))
    page.locator(".mekit-scrubber").focus()
    found = {}
    for state, keys in {"asked for an AU": [], "asked for an apex": ["4", "Enter", "Enter"], "a note": ["t"], "help": ["Escape", "Escape", "?"]}.items():
        press(page, *keys)
        found[state] = violations(page)
    assert not any(found.values()), "\n".join(f"{state}: {v}" for state, all_ in found.items() for v in all_)


def test_axe_would_notice(page, two):
    opened(page, two)
    page.evaluate(f"""() => {{ {ROOT}.querySelector('.m-when').style.color = '#999'; {ROOT}.querySelector('[data-role=track]').removeAttribute('aria-label');
        const loop = {ROOT}.querySelector('[data-act=loop]'); loop.textContent = ''; for (const a of ['aria-label', 'title']) loop.removeAttribute(a); }}""")
    rules = {v.split()[0] for v in violations(page)}
    assert {"color-contrast", "aria-input-field-name", "button-name"} <= rules, rules


STOP = """() => { const e = document.activeElement; if (e === document.body) return null;
    const style = getComputedStyle(e), box = e.getBoundingClientRect(), name = e.getAttribute('aria-label') ?? e.textContent;
    return { what: e.dataset.act ?? e.dataset.role ?? e.dataset.wipe ?? e.className, name: name.trim(), ring: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
             seen: box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth }; }"""


def stops(page, key: str = "Tab", most: int = 90) -> list[dict]:
    "Where the key takes the focus until it leaves the page"
    out = []
    for _ in range(most):
        page.keyboard.press(key)
        stop = page.evaluate(STOP)
        if stop is None:
            return out
        out.append(stop)
    raise AssertionError(f"{key} never leaves: {[s['what'] for s in out[-8:]]}")


def test_tab_goes_everywhere_shows_where_it_is_and_comes_out_again(page, two):
    opened(page, two)
    page.evaluate("() => document.activeElement.blur()")
    page.keyboard.press("Tab")
    assert page.evaluate(STOP)["what"] == "mekit-scrubber"
    press(page, "w")                                  # with all there can be on the screen
    page.evaluate("() => document.activeElement.blur()")
    there = stops(page)
    unseen = [s for s in there if not (s["ring"] and s["seen"] and s["name"])]
    assert not unseen, unseen
    reached = {s["what"] for s in there}
    wanted = set(page.evaluate(f"() => [...{ROOT}.querySelectorAll('button, select, [role=slider]')].filter(e => e.getClientRects().length).map(e => e.dataset.act ?? e.dataset.role ?? e.dataset.wipe)"))
    assert wanted <= reached and {"track", "divider", "play", "sync", "help", "curve:0", "pane:1"} <= reached, wanted - reached
    assert [s["what"] for s in stops(page, "Shift+Tab")][:len(there)] == [s["what"] for s in there][::-1]


def text(page, act: str) -> str:
    return page.inner_text(f"[data-act='{act}']")


def frame(page) -> int:
    return int(page.locator(".mekit-scrubber").get_attribute("data-frame"))


def settled(page, expression: str) -> None:
    page.wait_for_function(f"() => {expression}", timeout=3000)


def to(page, what: str, key: str = "Tab") -> None:
    "Go on with Tab until a control has the focus"
    for _ in range(80):
        if page.evaluate(f"() => {{ const d = {ACTIVE}.dataset ?? {{}}; return (d.act ?? d.role ?? d.wipe) === '{what}'; }}"):
            return
        page.keyboard.press(key)
    raise AssertionError(f"{key} does not reach {what}")


def test_a_session_by_keyboard_alone(page, two):
    opened(page, two)
    model = "document.querySelector('.mekit-page').mekitModel"
    pixels = lambda pane: page.evaluate("s => [...document.querySelector(s).getContext('2d').getImageData(0, 0, 64, 64).data].reduce((a, b) => (31 * a + b) % 1000003, 7)", pane)
    page.evaluate("() => document.activeElement.blur()")
    press(page, "Tab", "ArrowRight", "Shift+ArrowRight", "ArrowLeft")                                     # seek
    settled(page, f"{ROOT}.dataset.frame === '10'")
    settled(page, f"/^frame 10\\b/.test({ROOT}.querySelector('[aria-live=polite]').textContent)")          # and it is said aloud
    press(page, "End")
    settled(page, f"{ROOT}.dataset.frame === String({ROOT}.dataset.frames - 1)")
    last = frame(page)
    press(page, "Home", "Space")                                                                         # play
    settled(page, f"Number({ROOT}.dataset.frame) > 2 && Number({ROOT}.dataset.frame) < {last}")
    press(page, "Space")
    here = frame(page)
    page.wait_for_timeout(120)
    assert text(page, "play") == "play" and frame(page) == here
    before = page.evaluate(f"() => {model}.get('marks')")
    press(page, "Home", "o", "ArrowRight", "ArrowRight", "a")                                             # mark, clear, undo
    settled(page, f"{model}.get('marks').onset === 0 && {model}.get('marks').apex === 2")
    press(page, "Shift+O")
    settled(page, f"!('onset' in {model}.get('marks')) || {model}.get('marks').onset === null")
    press(page, "u", "u", "u")
    assert page.evaluate(f"() => {model}.get('marks')") == before
    press(page, "y", "]", "[")
    press(page, "2")                                                                                     # panes
    assert page.locator("canvas[data-pane=flow]").first.is_hidden()
    press(page, "2")
    assert page.locator("canvas[data-pane=flow]").first.is_visible()
    whole = pixels("canvas[data-pane=frame]")
    press(page, "+")                                                                                     # zoom, and move what is zoomed
    near = pixels("canvas[data-pane=frame]")
    press(page, "Alt+ArrowLeft")
    assert len({whole, near, pixels("canvas[data-pane=frame]")}) == 3
    press(page, "0")
    assert pixels("canvas[data-pane=frame]") == whole
    press(page, "x", "g")                                                                                # values and loupe without a pointer
    assert page.locator(".m-loupe").first.is_visible() and "x 64 y 64" in page.inner_text(".m-values >> nth=0")
    loupe = pixels(".m-loupe")
    press(page, "Alt+ArrowUp", "Alt+Shift+ArrowUp")
    assert pixels(".m-loupe") != loupe and "x 64 y 53" in page.inner_text(".m-values >> nth=0")
    press(page, "g", "Escape")
    assert page.locator(".m-loupe").first.is_hidden()
    press(page, "w")                                                                                     # wipe
    share = page.get_attribute("[data-role=divider]", "aria-valuenow")
    press(page, "<", "<")
    assert page.get_attribute("[data-role=divider]", "aria-valuenow") == str(int(share) - 4)
    to(page, "divider")
    press(page, "ArrowRight")
    assert page.get_attribute("[data-role=divider]", "aria-valuenow") == str(int(share) - 2)
    to(page, "right")
    press(page, "ArrowDown")
    assert page.locator("[data-wipe=right]").input_value() == "2"
    to(page, "curve:0")                                                                                  # curves: space works the button and does not play
    press(page, "Space")
    assert page.get_attribute("[data-act='curve:0']", "aria-pressed") == "false" and text(page, "play") == "play"
    press(page, "Enter")
    assert page.get_attribute("[data-act='curve:0']", "aria-pressed") == "true"
    to(page, "track")                                                                                    # the track is a slider of its own
    press(page, "Home", "PageUp", "ArrowUp")
    settled(page, f"{ROOT}.dataset.frame === '11'")
    assert page.get_attribute("[data-role=track]", "aria-valuenow") == "11"
    step = page.inner_text(".m-second .m-step")                                                             # the second clip's step
    other = page.locator(".mekit-scrubber").get_attribute("data-frame2")
    press(page, "s")
    assert page.inner_text(".m-second .m-step") != step and other is not None
    to(page, "full")                                                                                     # full screen and back
    press(page, "Enter")
    settled(page, f"document.fullscreenElement === {ROOT}")
    press(page, "v")
    settled(page, "document.fullscreenElement === null")
    press(page, "?")
    assert page.locator(".m-help").is_visible() and "undo" in page.inner_text(".m-help")
    press(page, "Escape")
    assert page.locator(".m-help").is_hidden()
