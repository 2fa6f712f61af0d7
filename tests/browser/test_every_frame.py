"""No wrong frame, ever: recordings of every kind, in the exported page and in JupyterLab, sought in every way and in every state

Each drawing is read at the moment it is announced, and what stands on the screen at every refresh (watching.js): the bar codes
of the panes and of the wipe, what the loupe shows, the number and the time that are written, the values under the pointer.
The decoder is made slow and irregular, so that pictures come late and out of order.
"""
import random
from pathlib import Path

import numpy as np
import pytest
from barcode import suite
from harness import execute, open_notebook, run_all
from scrubber_actions import by_curve, by_drag, by_keys, by_wheel, ready

KINDS = ("25 fps", "29.97 fps", "60 fps", "100 fps", "200 fps", "variable rate", "B-frames", "trimmed", "VP9 in webm", "MJPEG in AVI")
MODES, WAYS = ("plain", "zoomed", "wipe", "loupe", "playing"), ("key", "drag", "curve", "wheel", "python")
N, SPEED, OTHER = 96, 0.02, 1000        # frames; px a frame that the given flow grows by; added to the bar codes of the pane 'magnified'
WATCHING = "window.slowDecoder = true;\n" + (Path(__file__).parent / "watching.js").read_text()
PANES = ("frame", "magnified", "flow")
CORNER = [0.5, 0.5, 0.5, 0.5]
LSB = (3.5 / 8, 0.75 + 1.5 / 8)         # where the lowest bit of the number is, as a share of the frame

# A page has no Python; its model stands for it. What the page has not told yet is told first, else no change may be seen where one is.
MOVE = """i => { const model = document.querySelector('.mekit-page').mekitModel;
    model.set('frame', Number(document.querySelector('.mekit-scrubber').dataset.frame)); model.set('frame', i); }"""


def shown(made, widget=None):
    "A recording in a scrubber, or in the one given: beside each frame one that bears another bar code, and a flow that says which frame it is of"
    from barcode import barcode

    from mekit.data.clip import read_clip
    from mekit.motion.flow import Flow
    from mekit.widgets.scrubber import scrub
    clip = read_clip(made.path, **made.read).mark(onset=0)
    other = read_clip(np.stack([barcode(int(i) + OTHER, made.shape) for i in made.numbers]), fps=25)
    u = np.arange(N, dtype=np.float32)[:, None, None] * np.float32(SPEED)
    flow = Flow(uv=np.broadcast_to(np.stack([u, 0 * u], 1), (N, 2, *made.shape)), pairs=np.stack([np.zeros(N, int), np.arange(N)], 1))
    return (widget.show if widget else scrub)(clip, PANES, magnified=other, flow=flow, curves=["flow"])


def truth(made) -> dict:
    return {"clips": [{"numbers": made.numbers.tolist(), "times": made.times.tolist(), "codes": {"frame": 0, "magnified": OTHER}}], "flow": SPEED}


def begin(page, truth: dict) -> int:
    ready(page)
    page.locator(".mekit-scrubber").first.focus()
    page.evaluate("truth => watching.begin(truth)", truth)
    return int(page.locator(".mekit-scrubber").first.get_attribute("data-frame"))


class Mode:
    "A state of the scrubber, entered and left by keys and mouse; what is to be seen in it is told to the reader"
    def __init__(self, page, name: str):
        self.page, self.name = page, name

    def tell(self, **truth):
        self.page.evaluate("truth => Object.assign(watching, truth, { paused: false })", truth)

    def __enter__(self):
        page = self.page
        page.evaluate("() => { watching.paused = true; }")
        if self.name == "zoomed":
            box = page.locator("canvas[data-pane=frame]").first.bounding_box()
            page.mouse.move(2, 2)
            page.keyboard.press("+")
            page.mouse.move(box["x"] + 0.95 * box["width"], box["y"] + 0.95 * box["height"])
            page.mouse.down()
            page.mouse.move(box["x"] + 2, box["y"] + 2, steps=2)
            page.mouse.up()
            self.tell(view=CORNER, least=8)
        elif self.name == "wipe":
            page.keyboard.press("w")
            self.tell(wipe={"share": 0.5, "right": OTHER})
        elif self.name == "loupe":
            page.keyboard.press("g")
            box = page.locator("canvas[data-pane=frame]").first.bounding_box()
            page.mouse.move(box["x"] + LSB[0] * box["width"], box["y"] + LSB[1] * box["height"])
            self.tell(loupe=True)
        else:
            self.tell()
        return self

    def __exit__(self, *_):
        self.page.evaluate("() => { watching.paused = true; }")
        if self.name in ("zoomed", "wipe", "loupe"):
            self.page.keyboard.press({"zoomed": "0", "wipe": "w", "loupe": "g"}[self.name])
        self.tell(view=[0, 0, 1, 1], wipe=None, loupe=None, least=16)


def seek(page, way: str, mode: str, now: int, target: int, python) -> None:
    page.evaluate("() => { watching.settled = null; }")
    if way == "python":
        python(target)
    elif way == "key":
        by_keys(page, now, target)
    else:
        {"drag": by_drag, "curve": by_curve, "wheel": by_wheel}[way](page, now, target, N)
    page.evaluate("([target, how]) => watching.reach(target, how)", [target, f"by {way}, {mode}"])


def by_hand(page, turn: int, now: int, each: int, python) -> int:
    "`each` seeks in every mode, by real keys and a real mouse, from Python, while playing; `turn` says which way is first. Returns where it ended"
    rng = random.Random(turn)
    for m, mode in enumerate(MODES):
        with Mode(page, mode):
            for k in range(each):
                ways = ("key", "python") if mode == "loupe" else WAYS       # the loupe is where the pointer is
                way = ways[(k + m + turn) % len(ways)]
                if mode == "playing":
                    now = played(page)
                target = min(N - 1, max(0, now + rng.choice((-3, -2, -1, 1, 2, 3)))) if way == "wheel" else rng.randrange(N)
                seek(page, way, mode, now, target, python)
                now = target
    return now


def played(page) -> int:
    "Play a little, and pause; frames come in order. Returns where it came to rest"
    page.evaluate("() => { watching.settled = null; watching.order = []; }")
    page.locator(".mekit-scrubber").first.focus()
    page.keyboard.press("Space")
    page.wait_for_function("() => watching.order.length > 3")
    page.keyboard.press("Space")
    order = page.evaluate("() => watching.order")
    assert sum(b <= a for a, b in zip(order, order[1:])) <= 1 + len(order) // N, order      # back only where the loop begins anew
    return page.evaluate("() => watching.rest()")


def by_events(page, turn: int, count: int, ways=("key", "curve", "wheel", "model")) -> None:
    "Seeks in quick succession; every other one is overtaken by the next before its picture is there"
    rng = random.Random(100 + turn)
    page.evaluate("seeks => watching.drive(seeks)", [(("!" if k % 2 and k < count - 1 else "") + rng.choice(ways), rng.randrange(N)) for k in range(count)])


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    "Recordings by name, written when first asked for"
    folder, made = tmp_path_factory.mktemp("films"), {}
    def film(kind: str):
        if kind not in made:
            made[kind] = suite(kind, folder, N)
        return made[kind]
    film.folder = folder
    return film


def read_of(page) -> dict:
    "How much was read; and nothing of it was wrong"
    got = page.evaluate("() => { const { wrong, read, refreshes, drawn, values, looked } = watching; watching.paused = true; return { wrong, read, refreshes, drawn, values, looked }; }")
    assert not got["wrong"], f"{len(got['wrong'])} of {got['read']} pictures: {got['wrong'][:8]}"
    return got


def hold(page, made, turn: int, each: int, quick: int, python, ways) -> None:
    "5 x `each` seeks by hand and `quick` by events on the page as it stands, and not one drawing wrong"
    by_hand(page, turn, begin(page, truth(made)), each, python)
    by_events(page, turn, quick, ways)
    got = read_of(page)
    assert got["drawn"] > 2 * each + quick // 2 and got["read"] > got["drawn"] and min(got["values"], got["looked"], got["refreshes"]) > 2, got


# ---- the exported page

def exported(page, films, kind: str, each: int, quick: int) -> None:
    page.add_init_script(WATCHING)
    page.goto(shown(films(kind)).to_html(films.folder / "page.html").as_uri())
    move = lambda i: page.evaluate(MOVE, i)
    hold(page, films(kind), KINDS.index(kind), each, quick, move, ("key", "curve", "wheel", "model"))
    assert [u for u in page.asked if not u.startswith(("file:", "blob:", "data:"))] == []


@pytest.mark.parametrize("kind", KINDS)
def test_exported_page(page, films, kind):
    exported(page, films, kind, 1, 19)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_exported_page_at_length(page, films, kind):
    exported(page, films, kind, 5, 75)


# ---- two clips in step

A_MARKS, B_MARKS = {"onset": 20, "apex": 50, "offset": 80}, {"onset": 12, "apex": 20, "offset": 41}


def in_step(a, b, how: str) -> list[list[int]]:
    "The second clip's frame beside each of the first, by definition: nearest in time from the onsets; or marks upon marks, evenly between, by time outside. Several where they are equally near"
    def nearest(i, from_a, from_b):
        off = np.abs(b.times - b.times[from_b] - (a.times[i] - a.times[from_a]))
        return np.flatnonzero(off < off.min() + 2e-4).tolist()
    pairs = [(A_MARKS[m], B_MARKS[m]) for m in ("onset", "apex", "offset")]
    def one(i):
        if how == "ms" or i <= pairs[0][0]:
            return nearest(i, *pairs[0])
        if i >= pairs[-1][0]:
            return nearest(i, *pairs[-1])
        return [int(np.floor(np.interp(i, *zip(*pairs)) + 0.5))]
    return [one(i) for i in range(N)]


@pytest.mark.parametrize("first, second", [("200 fps", "variable rate"), ("variable rate", "29.97 fps")])
def test_second_clip_in_step(page, films, first, second):
    from mekit.data.clip import read_clip
    from mekit.widgets.scrubber import scrub
    a, b = films(first), films(second)
    page.add_init_script(WATCHING)
    page.set_viewport_size({"width": 1200, "height": 1300})
    page.goto(scrub(read_clip(a.path).mark(**A_MARKS), ("frame", "difference"), compare=read_clip(b.path).mark(**B_MARKS)).to_html(films.folder / "two.html").as_uri())
    ready(page)
    page.locator(".mekit-scrubber").focus()
    clips = [{"numbers": m.numbers.tolist(), "times": m.times.tolist(), "codes": {"frame": 0}} for m in (a, b)]
    move = lambda i: page.evaluate(MOVE, i)
    for turn, how in enumerate(("ms", "mark")):
        now = begin(page, {"clips": clips, "flow": None, "step": in_step(a, b, how)})
        assert len({j for one in in_step(a, b, how) for j in one}) > 10
        rng = random.Random(turn)
        for way in ("key", "drag", "curve", "wheel", "python"):
            target = min(N - 1, now + 2) if way == "wheel" else rng.randrange(N)
            seek(page, way, how, now, target, move)
            now = target
        by_events(page, turn, 25, ("key", "curve", "wheel", "model"))
        played(page)
        assert read_of(page)["read"] > 100
        page.keyboard.press("s")


# ---- JupyterLab

@pytest.fixture(scope="module")
def notebook(lab_page, lab):
    "A notebook with one scrubber in it, which shows one recording after the other"
    lab_page.add_init_script(WATCHING)
    setup = f"import sys\nsys.path.insert(0, {str(Path(__file__).parent)!r})\nfrom barcode import suite\nfrom test_every_frame import shown"
    lab.write("every_frame.ipynb", [setup, f"w = shown(suite({KINDS[0]!r}, {str(lab.root)!r}, {N}))\nw"])
    open_notebook(lab_page, lab, "every_frame.ipynb")
    run_all(lab_page)
    ready(lab_page)
    lab_page.locator("[data-role=track]").first.scroll_into_view_if_needed()
    return lab_page


def heard(page) -> None:
    "Wait until the kernel knows where the playhead has come to rest; what is still on its way there would win over what comes from there"
    for _ in range(80):
        if execute(page, "print(w.frame)").strip() == page.locator(".mekit-scrubber").first.get_attribute("data-frame"):
            return
        page.wait_for_timeout(30)
    raise AssertionError("Python never heard where the playhead came to rest")


def in_notebook(page, lab, films, kind: str, each: int, quick: int) -> None:
    turn = KINDS.index(kind)
    execute(page, f"w.frame = 0\nshown(suite({kind!r}, {str(lab.root)!r}, {N}), w)\nw.frame = {turn + 1}")
    page.wait_for_function("i => document.querySelector('.mekit-scrubber')?.dataset.frame === i", arg=str(turn + 1))
    move = lambda i: (heard(page), execute(page, f"w.frame = {i}"))
    hold(page, films(kind), turn + 3, each, quick, move, ("key", "curve", "wheel"))
    heard(page)


@pytest.mark.parametrize("kind", KINDS[4:8])
def test_jupyterlab(notebook, lab, films, kind):
    "Four kinds here, 10 x 24 + 4 x 15 seeks in all; the others, and 2,000 seeks, under `slow`"
    in_notebook(notebook, lab, films, kind, 1, 10)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_jupyterlab_at_length(notebook, lab, films, kind):
    in_notebook(notebook, lab, films, kind, 10, 50)
