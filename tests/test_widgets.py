"Widgets without a browser: traits, bad input, what a page holds"
import base64
import json
import re
import subprocess
import zlib
from types import SimpleNamespace

import numpy as np
import pytest
from barcode import barcode, read_barcode
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from test_javascript import find_node

from mekit.core import MekitError, MekitWarning
from mekit.data.clip import read_clip
from mekit.labels import Label, Terms, publish
from mekit.motion.flow import Flow
from mekit.widgets.base import MekitWidget, bundle, fragment, whole_page
from mekit.widgets.content import CHUNK, CHUNKS_ABOVE, Content, Desk, chunk_of, pack, prepare
from mekit.widgets.scrubber import scrub
from mekit.widgets.stacks import colour_tables, grid_mean, make_stack

N, H, W = 12, 64, 72


@pytest.fixture
def clip():
    return read_clip(np.stack([barcode(i, (H, W)) for i in range(N)]), fps=200).mark(onset=2, apex=7).replace(iod=40.)


@pytest.fixture
def flow():
    uv = np.random.default_rng(0).normal(0, 1, (N, 2, H, W)).astype(np.float32)
    return Flow(uv=uv, pairs=np.stack([np.full(N, 2), np.arange(N)], 1), iod=40.)


def attribution(clip, pairs):
    maps = np.random.default_rng(1).normal(0, 1, (len(pairs), H, W)).astype(np.float32)
    return SimpleNamespace(maps=maps, pairs=np.array(pairs), grid=(10, 10), method="gradcam", target="AU4", layer="features.2", model="toy", clip=clip)


def stored(w, name, frame):
    "The values of a frame as the page will read them"
    stack = w.meta["stacks"][name]
    a, b = stack["ranges"][frame]
    grid = w.meta["grid"]
    return np.frombuffer(zlib.decompress(w.values[a:b]), "<i2").reshape(stack["channels"], grid["h"], grid["w"]) * stack["quantum"]


# ---- what is sent

def test_every_frame_is_its_own_picture(clip):
    import cv2
    w = scrub(clip, "frame")
    ends = w.meta["tracks"]["frame"]["offsets"]
    assert len(ends) == N + 1 and ends[-1] == len(w.frames)
    for i in range(N):
        picture = cv2.imdecode(np.frombuffer(w.frames[ends[i]:ends[i + 1]], np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
        assert read_barcode(picture) == i


def test_values_are_those_of_the_flow_to_half_a_quantum(clip, flow):
    w = scrub(clip, ("frame", "flow", "strain", "difference"), flow=flow)
    for i in (0, 7, 11):
        assert np.abs(stored(w, "flow", i) - grid_mean(flow.uv[i])).max() <= 0.0101
    assert np.abs(stored(w, "difference", 2)).max() == 0
    assert w.meta["stacks"]["flow"]["pairs"][7] == "2 → 7"
    assert w.meta["stacks"]["flow"]["second"]["factor"] == pytest.approx(2.5)


def test_the_truth_of_a_synthetic_clip_can_be_seen():
    from mekit.data.synthetic import synthesize
    clip = synthesize({"AU4": 2.}, duration_ms=100, size=64)
    w = scrub(clip, ("frame", "truth"))
    apex = clip.label.apex
    assert np.abs(stored(w, "truth", apex) - grid_mean(np.nan_to_num(np.asarray(clip.truth.flow[apex])))).max() <= 0.0101
    peak = max(range(len(clip)), key=lambda i: w.meta["curves"][0]["values"][i])
    assert abs(peak - apex) <= 1


def test_one_pair_is_shown_at_its_frame_only(clip):
    w = scrub(attribution(clip, [[2, 7]]))
    assert [p["name"] for p in w.meta["panes"]] == ["frame", "flow", "attribution"]
    ranges = w.meta["stacks"]["attribution"]["ranges"]
    assert [i for i in range(N) if ranges[i]] == [7] and w.frame == 7
    assert "10 × 10" in w.meta["subtitle"] and "AU4" in w.meta["subtitle"]


def test_limits_hold_for_the_whole_clip_and_can_be_given(clip, flow):
    assert scrub(clip, "flow", flow=flow, limits={"flow": 1.5}).meta["stacks"]["flow"]["limit"] == 1.5
    own = scrub(clip, "flow", flow=flow).meta["stacks"]["flow"]["limit"]
    assert own > 0.7


def test_a_frame_alone_computes_no_flow(clip, monkeypatch):
    import mekit.motion.flow as m
    monkeypatch.setattr(m, "flow", lambda *a, **k: pytest.fail("flow was computed"))
    assert scrub(clip, ("frame", "difference")).meta["curves"][0]["name"] == "mean change, picture"


def test_grey_and_alpha_arrays(clip):
    assert scrub(np.zeros((3, 16, 16), np.uint8), "frame").meta["n"] == 3
    assert scrub(np.zeros((3, 16, 16, 4), np.uint8), "frame").meta["n"] == 3


def test_clips_without_times_say_so():
    w = scrub(np.zeros((3, 16, 16, 3), np.uint8), "frame")
    assert w.meta["times"] is None and any("Time unknown" in b for b in w.meta["banners"])


@settings(max_examples=30, deadline=None)
@given(arrays(np.float32, st.tuples(st.just(2), st.integers(1, 30), st.integers(1, 30)), elements=st.floats(-50, 50, width=32)))
def test_grid_mean_is_the_mean_of_blocks(field):
    c, h, w = field.shape
    padded = np.pad(field, ((0, 0), (0, -h % 4), (0, -w % 4)), mode="edge").astype(np.float64)
    expected = padded.reshape(c, padded.shape[1] // 4, 4, padded.shape[2] // 4, 4).mean((2, 4))
    assert np.allclose(grid_mean(field), expected, atol=1e-4)


# ---- marks and place

def test_marks_make_a_marked_clip(clip):
    w = scrub(clip, "frame")
    assert w.marks == {"onset": 2, "apex": 7}
    w.marks = {"onset": 3, "apex": 9, "offset": None}
    assert (w.clip.label.onset, w.clip.label.apex, w.clip.label.offset) == (3, 9, None)
    assert clip.label.onset == 2 and w.marks == {"onset": 3, "apex": 9}


@pytest.mark.parametrize("marks, message", [({"onset": 9, "apex": 3}, "onset not after apex"), ({"apex": 12}, "apex from 0 to 11"), ({"apx": 3}, "Did you mean 'apex'"),
                                            ({"apex": 2.5}, "whole frame index"), ({"offset": -1}, "offset from 0")])
def test_bad_marks_are_refused_and_the_old_ones_stay(clip, marks, message):
    w = scrub(clip, "frame")
    with pytest.raises(MekitError, match=re.escape(message)):
        w.marks = marks
    assert w.marks == {"onset": 2, "apex": 7}


def test_the_frame_stays_inside(clip):
    w = scrub(clip, "frame")
    w.frame = 99
    assert w.frame == N - 1
    w.frame = -3
    assert w.frame == 0


def test_show_sends_the_pictures_once(clip, flow, monkeypatch):
    import mekit.widgets.content as m
    w = scrub(clip, ("frame", "flow"), flow=flow)
    w.marks = {"apex": 5}
    monkeypatch.setattr(m, "encode_frame", lambda *a: pytest.fail("encoded again"))
    w.show(attribution(clip, [[2, 7]]), ("frame", "attribution"))
    assert w.marks == {"apex": 5} and [p["name"] for p in w.meta["panes"]] == ["frame", "attribution"]
    monkeypatch.undo()
    w.frame = 11
    w.show(clip[:6])
    assert w.meta["n"] == 6 and w.frame == 5 and w.marks == {"onset": 2}


# ---- bad input

@pytest.mark.parametrize("call, message", [
    (lambda c, f: scrub(c, ("frame", "flwo"), flow=f), "Did you mean 'flow'"),
    (lambda c, f: scrub(c, ()), "at least one pane"),
    (lambda c, f: scrub(c, ("frame", "frame")), "each pane once"),
    (lambda c, f: scrub(c, "truth"), "a clip that knows its motion"),
    (lambda c, f: scrub(c, "attribution"), "attribution= for the pane"),
    (lambda c, f: scrub(c, "flow", flow=f, limits={"flw": 2}), "Did you mean 'flow'"),
    (lambda c, f: scrub(c, "flow", flow=f, limits={"flow": 0}), "above zero"),
    (lambda c, f: scrub(c, "flow", flow=f.uv), "flow= as given by mekit.flow"),
    (lambda c, f: scrub(c[:6], "flow", flow=f), "pairs of frames from 0 to 5"),
    (lambda c, f: scrub(c, "frame", quality=0), "quality from 1 to 100"),
    (lambda c, f: scrub(c, "frame", quality="best"), "'lossless'"),
    (lambda c, f: scrub(c, "frame", curves="AU12"), "a face for the curve of AU12"),
    (lambda c, f: scrub(c, "frame", curves=("flwo",)), "Did you mean 'flow'"),
    (lambda c, f: scrub(c, ("frame", "magnified"), magnified=-2), "a factor from 0 to 100"),
    (lambda c, f: scrub(c, ("frame", "magnified"), magnified=c[:3]), "a clip of 12 frames"),
    (lambda c, f: scrub(c, "frame", compare=c, sync="marks"), "Did you mean 'mark'"),
    (lambda c, f: scrub(c, "frame", regions="face"), "regions= as given by"),
    (lambda c, f: scrub(c, "frame").to_html("x.html", start=5, stop=5), "a range within 0 to 12"),
    (lambda c, f: scrub(c, "frame").to_html("x.html", start=2.5), "start as a whole number"),
    (lambda c, f: scrub(c, "frame").to_html("x.html", stop=13), "a range within 0 to 12"),
    (lambda c, f: scrub(np.zeros((0, 4, 4, 3), np.uint8), "frame"), "at least one frame"),
    (lambda c, f: scrub(attribution(None, [[0, 1]])), "an attribution that knows its clip"),
    (lambda c, f: scrub(attribution(c, [[0, 1], [2, 1]])), "at most one field a frame"),
    (lambda c, f: scrub(attribution(c[:, ] if False else read_clip(np.zeros((N, 8, 8, 3), np.uint8)), [[0, 1]]), "attribution"), "the frames' size"),
])
def test_bad_input_is_explained(clip, flow, call, message):
    with pytest.raises(MekitError, match=re.escape(message)):
        call(clip, flow)


def test_nan_is_named_by_frame(clip, flow):
    flow.uv[4, 0, 30, 30] = np.nan
    with pytest.raises(MekitError, match=r"NaN or infinity at frames \[4\]"):
        scrub(clip, "flow", flow=flow)


# ---- pages and pictures

def test_a_page_holds_everything_and_names_no_address(clip, flow, tmp_path):
    w = scrub(clip, ("frame", "flow"), flow=flow)
    text = w.to_html(tmp_path / "clip.html").read_text().replace('"http://www.w3.org/2000/svg"', "")      # a name, never fetched
    assert not re.search(r"https?:|(?:src|href)\s*=|@import|\bfetch\(|XMLHttpRequest|WebSocket|\bimport\s*[({]", text)
    assert "default-src 'none'" in text
    held = {name: base64.b64decode(data) for name, data in re.findall(r'data-buffer="(\w+)">([^<]*)<', text)}
    assert held == {"frames": w.frames, "values": w.values}
    state = json.loads(re.search(r"data-state>(.*?)</script>", text).group(1))
    assert set(state) == {"meta", "frame", "marks"} and state["marks"] == w.marks


def test_a_title_cannot_break_out_of_the_page(clip, tmp_path):
    w = scrub(clip.replace(source="</script><img src=x onerror=alert(1)>"), "frame")
    text = w.to_html(tmp_path / "x.html").read_text()
    assert "<img src=x" not in text


def test_private_faces_stay_in_the_notebook(clip, tmp_path, monkeypatch):
    private = clip.replace(label=Label(subject="sub01", database="casme2", sample="casme2/sub01/a", terms=Terms("private")))
    w = scrub(private, "frame")
    assert w.meta["banners"][0].startswith("private")
    with pytest.raises(MekitError, match="casme2/sub01/a of subject sub01, which is private"):
        w.to_html(tmp_path / "face.html")
    assert list(tmp_path.iterdir()) == []
    assert "image/png" not in w._repr_mimebundle_()[0]
    monkeypatch.setenv("MEKIT_WIDGETS", "page")
    assert list(w._repr_mimebundle_()) == ["text/plain"]
    assert scrub(private.replace(label=publish(private.label, "consent form of 2024")), "frame").to_html(tmp_path / "face.html").exists()


def test_outputs_carry_a_picture_and_with_page_mode_a_page(clip, monkeypatch):
    w = scrub(clip, "frame")
    live = w._repr_mimebundle_()[0]
    assert base64.b64decode(live["image/png"])[:4] == b"\x89PNG" and "application/vnd.jupyter.widget-view+json" in live
    monkeypatch.setenv("MEKIT_WIDGETS", "page")
    page = w._repr_mimebundle_()
    assert set(page) == {"text/html", "text/plain"} and 'class="mekit-page"' in page["text/html"]


def test_two_fragments_on_one_page_do_not_share_a_name(clip):
    w = scrub(clip, "frame")
    assert re.search(r'id="(mekit-\w+)"', w.page()).group(1) != re.search(r'id="(mekit-\w+)"', w.page()).group(1)


def test_pages_stay_under_30_kb_a_frame_and_pane(tmp_path):
    from mekit.data.synthetic import synthesize
    clip = synthesize({"AU4": 1.5}, duration_ms=100, size=256)
    panes = ("frame", "flow", "strain")
    size = scrub(clip, panes).to_html(tmp_path / "size.html").stat().st_size
    assert size / len(clip) / len(panes) < 30 * 1024


def test_bundles_are_valid_modules(tmp_path):
    node = find_node()
    if node is None:
        pytest.skip("no node")
    for name in ("scrubber.js", "page.js", "bars.js", "workbench.js"):
        (tmp_path / "bundle.mjs").write_text(bundle(name))
        assert subprocess.run([node, "--check", tmp_path / "bundle.mjs"], capture_output=True).returncode == 0


def test_a_fragment_refuses_code_that_would_close_its_own_script():
    with pytest.raises(MekitError, match="without closing tags"):
        fragment("export default { render() { '</script>' } }", "", {}, {})
    assert whole_page("", "<b>").count("<b>") == 0


def test_a_widget_without_a_picture_says_so():
    class Empty(MekitWidget):
        _esm, _css = "export default { render() {} }", ""
    with pytest.raises(MekitError, match="a still picture"):
        Empty().preview()


def test_opposite_directions_have_opposite_colours():
    wheel = colour_tables()["wheel"].astype(int)
    assert np.abs(wheel - np.roll(wheel, 128, 0)).sum(1).min() > 100


def test_a_still_clip_is_not_painted(clip):
    still = make_stack("flow", lambda k: np.random.default_rng(k).normal(0, 0.01, (2, 32, 32)), [[0, 0], [0, 1]], 2)
    assert still.limit == 0.2


def test_signed_values_leave_the_face_visible_in_the_still_picture():
    from mekit.widgets.scrubber import _laid_over
    face = np.tile(np.array([40, 240], np.uint8).repeat(16)[None, :, None], (32, 1, 3))
    seen = _laid_over(face, np.ones((1, 8, 8), np.float32), "difference").astype(int)
    assert np.abs(seen[:, -1] - seen[:, 0]).min() >= 0.39 * 100       # 100: what the halves differ by once darkened


def test_heavy_pages_are_warned_of(clip, monkeypatch):
    import mekit.widgets.scrubber as m
    monkeypatch.setattr(m, "HEAVY_MB", 0.001)
    with pytest.warns(MekitWarning, match="would open faster"):
        scrub(clip, "frame").page()


def test_content_is_what_the_page_gets(clip, flow):
    content = prepare(clip, ("frame", "quiver"), flow=flow)
    assert isinstance(content, Content) and list(pack(content)["meta"]["stacks"]) == ["flow"]
    assert pack(content)["meta"]["panes"][1]["gain"] > 0
