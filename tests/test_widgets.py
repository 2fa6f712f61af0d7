"Widgets without a browser: traits, bad input, what a page holds"
import base64
import json
import re
import subprocess
import sys
import threading
import time
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
from mekit.widgets.content import CHUNK, Content, prepare
from mekit.widgets.packing import Desk, chunk_of, pack
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


def test_limits_are_those_of_the_face_where_one_is_known():
    from mekit.data.synthetic import synthesize
    clip = synthesize({"AU12": 2.}, duration_ms=100, size=64, nuisance={"translation": 5.})
    view, bare = scrub(clip, ("frame", "strain", "flow", "difference")), scrub(clip, ("frame", "strain", "flow", "difference"), regions=False)
    inside = grid_mean(view.content.places.found.face[None].astype(np.float32))[0] >= .5
    for kind, stack in view.content.stacks.items():
        size = np.concatenate([np.linalg.norm(stack.real(k)[:, inside], axis=0) for k in range(len(clip))])
        assert np.quantile(size, .999) <= stack.limit * 1.001 and stack.limit <= 1.12 * np.quantile(size, .999)
    limit = lambda w: w.meta["stacks"]["strain"]["limit"]
    assert limit(view) < limit(bare) / 3 and "inside the face" in view.meta["precision"] and "inside" not in bare.meta["precision"]
    given = scrub(clip, ("frame", "strain"), limits={"strain": .5})
    assert limit(given) == .5 and "inside" not in given.meta["precision"]
    two = scrub(clip.mark(apex=None), ("frame", "strain"), compare=clip)
    assert limit(two) == two.meta["compare"]["stacks"]["strain"]["limit"] == limit(view)      # the second clip's face is looked for as well


def test_attribution_beside_the_face_is_not_cut_off(face):
    maps = np.full((1, 64, 64), .1, np.float32)
    maps[0, :8] = 7.
    cam = SimpleNamespace(maps=maps, pairs=np.array([[0, 5]]), grid=(8, 8), method="gradcam", target="AU4", layer="x", model="toy", clip=face)
    assert scrub(cam, ("frame", "attribution")).meta["stacks"]["attribution"]["limit"] == 7


def test_tiny_attributions_keep_their_digits(face):
    maps = np.full((1, 64, 64), 2e-7, np.float32)
    cam = SimpleNamespace(maps=maps, pairs=np.array([[0, 5]]), grid=(8, 8), method="gradcam", target="AU4", layer="x", model="toy", clip=face)
    meta = scrub(cam, ("frame", "attribution")).meta
    assert meta["curves"][0]["values"][5] == pytest.approx(2e-7, rel=1e-3)
    assert 10.**-meta["stacks"]["attribution"]["digits"] <= meta["stacks"]["attribution"]["quantum"]


def test_truth_is_told_from_the_frame_it_is_measured_from(face):
    clip = face[face.truth.reference:].mark(onset=4)          # now measured from frame 0
    assert clip.truth.reference == 0 and scrub(clip, "truth").meta["stacks"]["truth"]["pairs"][7] == "0 → 7"


def test_flow_is_computed_once_for_all_that_is_made_from_it(face, monkeypatch):
    import mekit.motion.flow as m
    real, asked = m.flow, []
    monkeypatch.setattr(m, "flow", lambda clip, *, pairs, **more: asked.append(pairs[0][1]) or real(clip, pairs=pairs, **more))
    clip = face[face.label.onset:face.label.onset + 8]
    w = scrub(clip, ("frame", "magnified", "flow", "strain"))
    assert sorted(asked) == list(range(8))
    w.show(w.clip, ("frame", "flow", "magnified"))
    assert len(asked) == 8              # nor again for what is shown next


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


def test_show_keeps_the_second_clip_until_it_is_told_otherwise(clip, flow, monkeypatch):
    import mekit.widgets.content as m
    other = read_clip(np.stack([barcode(100 + i, (H, W)) for i in range(8)]), fps=100).mark(onset=1, apex=4)
    w = scrub(clip, ("frame", "difference"), compare=other, sync="mark")
    held, limit = w.frames2, w.meta["stacks"]["difference"]["limit"]
    with monkeypatch.context() as patch:
        patch.setattr(m, "encode_frame", lambda *a: pytest.fail("encoded again"))
        w.show(clip.mark(apex=5), ("frame", "difference"))
        assert w.frames2 == held and w.meta["compare"]["sync"] == "mark" and w.meta["compare"]["stacks"]["difference"]["limit"] == limit == w.meta["stacks"]["difference"]["limit"]
        w.show(clip, ("frame", "flow"), flow=flow)
        assert [p["name"] for p in w.meta["compare"]["panes"]] == ["frame", "flow"] and w.frames2 == held
    w.show(clip, "frame", compare=clip[:5])
    assert w.meta["compare"]["n"] == 5
    w.show(clip, "difference", compare=False)
    assert w.meta["compare"] is None and w.frames2 == b"" and w.content.compare is None


def test_without_the_second_clip_the_first_has_its_own_scale_again(clip, flow):
    small = Flow(uv=flow.uv / 8, pairs=flow.pairs, iod=40.)
    w, own = scrub(clip, "flow", flow=small, compare=clip.mark(onset=4)), scrub(clip, "flow", flow=small).meta["stacks"]["flow"]["limit"]
    assert w.meta["stacks"]["flow"]["limit"] > own
    w.show(clip, "flow", flow=small, compare=False)
    assert w.meta["stacks"]["flow"]["limit"] == own


def test_show_keeps_limits_until_they_are_given_anew(clip, flow):
    w = scrub(clip, "flow", flow=flow, limits={"flow": 1.5})
    limit = lambda: w.meta["stacks"]["flow"]["limit"]
    w.show(clip, "quiver", flow=flow)
    assert limit() == 1.5
    w.show(clip, "quiver", flow=flow, limits={"flow": 4})
    assert limit() == 4
    w.show(clip, "quiver", flow=flow, limits={})
    assert limit() == scrub(clip, "flow", flow=flow).meta["stacks"]["flow"]["limit"] != 4


def test_another_flow_or_onset_magnifies_anew(clip, flow):
    w = scrub(clip, ("frame", "magnified"), flow=flow, magnified=3)
    first = w.content.tracks["magnified"]
    w.show(clip, ("frame", "magnified"), flow=flow)
    assert w.content.tracks["magnified"] is first and w.content.gain == 3
    before = w.frames
    w.show(clip, ("frame", "magnified"), flow=Flow(uv=-flow.uv, pairs=flow.pairs, iod=40.))
    a, b = w.meta["tracks"]["magnified"]["offsets"][7:9]
    assert w.frames[a:b] not in before            # sent anew
    assert w.content.tracks["magnified"] is not first and not np.array_equal(w.content.tracks["magnified"].frames[7], first.frames[7]) and w.content.gain == 3
    w.show(clip, ("frame", "magnified"), flow=flow, magnified=clip)
    assert w.content.tracks["magnified"] is clip and w.content.gain is None


# ---- bad input

@pytest.mark.parametrize("call, message", [
    (lambda c, f: scrub(c, ("frame", "flwo"), flow=f), "Did you mean 'flow'"),
    (lambda c, f: scrub(c, ()), "at least one pane"),
    (lambda c, f: scrub(c, ("frame", "frame")), "each pane once"),
    (lambda c, f: scrub(c, "truth"), "a clip that knows its motion"),
    (lambda c, f: scrub(c, "attribution"), "attribution= for the pane"),
    (lambda c, f: scrub(c, "flow", flow=f, limits={"flw": 2}), "Did you mean 'flow'"),
    (lambda c, f: scrub(c, "flow", flow=f, limits={"flow": 0}), "above zero"),
    (lambda c, f: scrub(c, "flow", flow=f, limits={"flow": "2"}), "a colour limit above zero, received '2'"),
    (lambda c, f: scrub(c, "flow", flow=f, limits={"flow": np.inf}), "a colour limit above zero"),
    (lambda c, f: scrub(c, "flow", flow=f, limits=2.), "limits= a table such as {'flow': 2.0}, received 2.0"),
    (lambda c, f: scrub(c, 5), "the name of a pane, or several, received 5"),
    (lambda c, f: scrub(c, "frame", curves=3), "curves= the name of a curve, or several, received 3"),
    (lambda c, f: scrub(c, "frame", flow=f.uv), "flow= as given by mekit.flow"),
    (lambda c, f: scrub(c, "attribution", attribution=f.uv[:, 0]), "attribution= for the pane 'attribution' or its curve, received ndarray"),
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
    (lambda c, f: scrub(attribution(read_clip(np.zeros((N, 8, 8, 3), np.uint8)), [[0, 1]]), "attribution"), "the frames' size"),
])
def test_bad_input_is_explained(clip, flow, call, message):
    with pytest.raises(MekitError, match=re.escape(message)):
        call(clip, flow)


def test_nan_is_named_by_frame(clip, flow):
    flow.uv[4, 0, 30, 30] = np.nan
    with pytest.raises(MekitError, match=r"NaN or infinity at frames \[4\]"):
        scrub(clip, "flow", flow=flow)


@pytest.mark.parametrize("which", [0, 1])
def test_a_torn_picture_of_a_short_clip_is_named_and_the_others_come(clip, which):
    import cv2

    from mekit.core import Lazy
    def some(i):
        if i == 3: raise OSError("3.png is cut short")
        return np.asarray(clip.frames[i])
    torn = read_clip(Lazy(some, N, (H, W, 3)), fps=100)
    with pytest.warns(MekitWarning, match=re.escape("1 frames cannot be read and are left out: 3 (3.png is cut short)")):
        w = scrub((torn, clip)[which], ("frame", "difference"), compare=(clip, torn)[which])
    meta, frames = (w.meta["compare"], w.frames2) if which else (w.meta, w.frames)
    ends = meta["tracks"]["frame"]["offsets"]
    assert [read_barcode(cv2.imdecode(np.frombuffer(frames[a:b], np.uint8), cv2.IMREAD_COLOR)[..., ::-1]) if b > a else None for a, b in zip(ends, ends[1:])] == [i if i != 3 else None for i in range(N)]
    assert meta["wrong"] == {"3": "3.png is cut short"} and [i for i, r in enumerate(meta["stacks"]["difference"]["ranges"]) if r is None] == [3]
    w.show((torn, clip)[which], ("frame", "difference"))
    assert (w.meta["compare"] if which else w.meta)["wrong"] == {"3": "3.png is cut short"}
    w.preview()
    state, _ = held_in(w.page(start=(2, 4)[which], stop=9))       # the second is half as fast: from its frame 2 on
    assert (state["meta"]["compare"] if which else state["meta"])["wrong"] == {"1": "3.png is cut short"}


@pytest.mark.parametrize("above", [600, 10])
def test_where_flow_is_refused_a_frame_has_a_picture_and_no_values(face, monkeypatch, above):
    import mekit.motion.flow as m
    in_chunks(monkeypatch, above)
    real = m.flow
    def careful(clip, *, pairs, **more):
        if pairs[0][1] == 5: raise MekitError("flow: more is left of the head than the face moves")
        return real(clip, pairs=pairs, **more)
    monkeypatch.setattr(m, "flow", careful)
    content = prepare(face, ("frame", "magnified", "strain"))
    message, (pictures, _) = chunk_of(content, 0, 0)
    ends, more = message["tracks"]["frame"], message["tracks"]["magnified"]
    as_it_is = [pictures[ends[i]:ends[i + 1]] == pictures[more[i]:more[i + 1]] for i in range(len(ends) - 1)]
    assert as_it_is[5] and not all(as_it_is)        # the others are magnified
    assert message["wrong"] == {} and ends[6] > ends[5] and [i for i, r in enumerate(message["ranges"]["strain"]) if r is None] == [5]
    assert message["curves"][0][5] is None and message["curves"][0][6] is not None
    if above == 600: assert pack(content)["meta"]["stacks"]["strain"]["pairs"][5] is None
    monkeypatch.setattr(m, "flow", lambda *a, **k: careful(face, pairs=[[0, 5]]))
    with pytest.raises(MekitError, match="more is left of the head"):
        prepare(face, ("frame", "strain"))


def test_a_short_clip_without_a_sound_picture_is_an_error():
    from mekit.core import Lazy
    def none(i): raise OSError("torn")
    for curves in (None, ()):
        with pytest.raises(OSError, match="torn"):
            scrub(read_clip(Lazy(none, 5, (32, 32, 3))), "frame", regions=False, curves=curves)


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


def test_bundles_are_valid_modules(tmp_path):
    node = find_node()
    if node is None:
        pytest.skip("no node")
    names = ("scrubber", "page", "bars", "workbench", "annotator")
    for name in names:
        (tmp_path / f"{name}.mjs").write_text(bundle(f"{name}.js"))
    checks = [subprocess.Popen([node, "--check", tmp_path / f"{name}.mjs"], stderr=subprocess.PIPE, text=True) for name in names]
    assert [check.communicate()[1] for check in checks] == [""] * len(names) and not any(check.returncode for check in checks)


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
    finer = prepare(clip, "frame", quality="lossless", like=content)
    assert finer.pictures["frame"][3][:4] == b"\x89PNG" and content.pictures["frame"][3][:4] != b"\x89PNG"


# ---- several curves

def test_curves_average_over_the_face_and_over_each_action_unit_in_its_colour():
    from mekit.data.synthetic import synthesize
    from mekit.viz.style import AU_COLOURS
    clip = synthesize({"AU12L": 2.}, duration_ms=100, size=96)
    w = scrub(clip, ("frame", "truth"), curves=("truth", "flow", "AU12L", "AU12R", "AU4"))
    curves = {c["name"]: c for c in w.meta["curves"]}
    assert list(curves) == ["mean true flow, face", "mean flow, face", "mean flow, AU12L", "mean flow, AU12R", "mean flow, AU4"]
    peak = {name: max(c["values"]) for name, c in curves.items()}
    assert peak["mean flow, AU12L"] > 3 * peak["mean flow, AU12R"] and peak["mean flow, AU12L"] > 3 * peak["mean flow, AU4"]
    assert curves["mean flow, AU12L"]["colour"] == AU_COLOURS[12] and curves["mean flow, AU12L"]["au"] == "AU12L" and curves["mean flow, face"]["colour"] is None
    assert list(w.meta["stacks"]) == ["truth"]          # what only a curve needs is not sent


def test_the_mean_over_the_face_is_that_of_the_cells_in_the_face():
    from mekit.data.synthetic import synthesize
    from mekit.face.regions import regions
    clip = synthesize({"AU4": 2.}, duration_ms=100, size=96)
    w, apex = scrub(clip, ("frame", "truth")), clip.label.apex
    weight = grid_mean(regions(clip).face[None].astype(np.float32))[0]
    size = np.hypot(*grid_mean(np.asarray(clip.truth.flow[apex])))
    assert w.meta["curves"][0]["values"][apex] == pytest.approx((size * weight).sum() / weight.sum(), abs=0.01)


def test_regions_are_told_to_the_page_and_can_be_left_out(clip):
    from mekit.data.synthetic import synthesize
    face = synthesize({"AU4": 2.}, duration_ms=100, size=96)
    meta = scrub(face, "frame").meta
    brow = next(r for r in meta["regions"] if r["name"] == "brow_inner_L")
    assert brow["label"] == "left inner brow" and {1, 4} <= set(brow["aus"]) and len(brow["polygon"]) > 2
    assert meta["regions_frame"] == face.label.onset and meta["regions_how"] == "from the synthetic truth"
    state, _ = held_in(scrub(face, "frame").page(start=10, stop=15))
    assert state["meta"]["regions"] == meta["regions"] and state["meta"]["regions_frame"] is None
    assert scrub(face, "frame", regions=False).meta["regions"] == [] and scrub(clip, "frame").meta["regions"] == []


# ---- magnified

def test_the_magnified_track_is_the_magnified_clip(clip, flow):
    import cv2

    from mekit.motion.magnify import magnify
    w = scrub(clip, ("frame", "magnified"), flow=flow, magnified=3, quality="lossless")
    a, b = w.meta["tracks"]["magnified"]["offsets"][7:9]
    seen = cv2.imdecode(np.frombuffer(w.frames[a:b], np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert np.array_equal(seen, magnify(clip, 3, flow=flow).frames[7]) and not np.array_equal(seen, clip.frames[7])
    assert w.meta["panes"][1] == dict(name="magnified", track="magnified", stack=None, kind="plain", table=None, gain=3.0)
    assert scrub(clip, ("frame", "magnified"), flow=flow).meta["panes"][1]["gain"] == 8


def test_a_flow_of_one_pair_does_not_magnify_a_clip_but_its_own_flow_does(clip, flow):
    pair = Flow(uv=flow.uv[7:8], pairs=flow.pairs[7:8], iod=40.)
    assert scrub(clip, ("frame", "magnified", "flow"), flow=pair).meta["stacks"]["flow"]["pairs"][7] == "2 → 7"


# ---- a second clip

def test_a_second_clip_has_its_own_buffers_and_the_scale_of_the_first(clip, flow):
    other = read_clip(np.stack([barcode(100 + i, (H, W)) for i in range(8)]), fps=100).mark(onset=1, apex=4)
    w = scrub(clip, ("frame", "difference", "flow"), flow=flow, compare=other, sync="mark")
    second = w.meta["compare"]
    assert second["n"] == 8 and second["marks"] == {"onset": 1, "apex": 4} and second["sync"] == "mark" and second["times"][3] == 30
    assert [p["name"] for p in second["panes"]] == ["frame", "difference", "flow"]
    import cv2
    ends = second["tracks"]["frame"]["offsets"]
    seen = [read_barcode(cv2.imdecode(np.frombuffer(w.frames2[a:b], np.uint8), cv2.IMREAD_COLOR)[..., ::-1]) for a, b in zip(ends, ends[1:])]
    assert seen == [100 + i for i in range(8)]
    for kind in ("difference", "flow"):
        assert second["stacks"][kind]["limit"] == w.meta["stacks"][kind]["limit"]
        own = [scrub(c, kind, **({"flow": flow} if c is clip and kind == "flow" else {})).meta["stacks"][kind]["limit"] for c in (clip, other)]
        assert second["stacks"][kind]["limit"] == max(own) and (kind == "difference" or own[0] != own[1])


def test_a_second_clip_shows_what_it_can():
    from mekit.data.synthetic import synthesize
    clip = synthesize({"AU4": 2.}, duration_ms=100, size=64)
    recording = read_clip(np.asarray(clip.frames), fps=200)
    assert [p["name"] for p in scrub(clip, ("frame", "truth"), compare=recording).meta["compare"]["panes"]] == ["frame"]
    assert [p["name"] for p in scrub(clip, "truth", compare=recording).meta["compare"]["panes"]] == ["frame"]


@pytest.mark.parametrize("which", [0, 1])
def test_a_private_face_in_either_clip_keeps_both_in_the_notebook(clip, tmp_path, which, monkeypatch):
    private = clip.replace(label=Label(subject="sub01", database="casme2", sample="casme2/sub01/a", terms=Terms("private")))
    w = scrub((clip, private)[which], "frame", compare=(private, clip)[which])
    assert any("private" in b for b in w.meta["banners"])
    for write in (lambda: w.to_html(tmp_path / "a.html"), lambda: w.to_html(tmp_path / "a.html", start=2, stop=4), w.page):
        with pytest.raises(MekitError, match="casme2/sub01/a of subject sub01, which is private"):
            write()
    assert list(tmp_path.iterdir()) == [] and "image/png" not in w._repr_mimebundle_()[0]
    monkeypatch.setenv("MEKIT_WIDGETS", "page")
    assert list(w._repr_mimebundle_()) == ["text/plain"]


# ---- long clips

PANES = ("frame", "magnified", "flow", "strain", "difference", "truth")


def in_chunks(monkeypatch, above: int = 10):
    import mekit.widgets.content as m
    monkeypatch.setattr(m, "CHUNKS_ABOVE", above)


@pytest.fixture(scope="module")
def face():
    from mekit.data.synthetic import synthesize
    return synthesize({"AU4": 2., "AU12L": 1.}, duration_ms=280, fps=200., size=64)


@pytest.mark.parametrize("given_flow", [False, True])
def test_chunks_end_to_end_are_the_whole(face, monkeypatch, given_flow):
    from mekit.motion.flow import flow as compute
    flow = compute(face) if given_flow else None
    cam = SimpleNamespace(maps=np.random.default_rng(1).normal(0, 1, (len(face), 64, 64)).astype(np.float32), pairs=np.stack([np.zeros(len(face), int), np.arange(len(face))], 1),
                          grid=(8, 8), method="gradcam", target="AU4", layer="x", model="toy", clip=face)
    whole = prepare(face, (*PANES, "attribution"), flow=flow, attribution=cam)
    limits = {kind: s.limit for kind, s in whole.stacks.items()}
    in_chunks(monkeypatch)
    long = prepare(face, (*PANES, "attribution"), flow=flow, attribution=cam, limits=limits)
    assert long.chunked and not whole.chunked
    traits, n = pack(whole), len(face)
    meta = traits["meta"]
    for k in range(-(-n // CHUNK)):
        message, (frames, values) = chunk_of(long, 0, k)
        first = k * CHUNK
        for track, ends in message["tracks"].items():
            kept = meta["tracks"][track]["offsets"]
            assert [frames[a:b] for a, b in zip(ends, ends[1:])] == [traits["frames"][a:b] for a, b in zip(kept[first:], kept[first + 1:first + CHUNK + 1])]
        for kind, ranges in message["ranges"].items():
            assert [values[a:b] for a, b in ranges] == [traits["values"][a:b] for a, b in meta["stacks"][kind]["ranges"][first:first + CHUNK]]
        for c, got in zip(meta["curves"], message["curves"]):
            assert got == c["values"][first:first + CHUNK]
        assert message["wrong"] == {}
    assert sum(len(chunk_of(long, 0, k)[0]["tracks"]["frame"]) - 1 for k in range(-(-n // CHUNK))) == n


def test_limits_of_a_long_clip_come_from_a_sample_that_has_the_marks_and_is_named(face, monkeypatch):
    in_chunks(monkeypatch)
    w = scrub(face, ("frame", "truth"))
    sample = w.content.sample
    assert face.label.apex in sample and len(sample) < 30 and f"scaled on {len(sample)} of {len(face)} frames" in w.meta["precision"]
    known = [i for i, v in enumerate(w.meta["curves"][0]["values"]) if v is not None]
    assert known == list(sample) and str(len(sample)) in w.meta["curves"][0]["note"]
    assert w.frames == b"" and w.meta["stacks"]["truth"]["ranges"] is None and w.meta["chunk"]["size"] == CHUNK


def test_a_pair_in_a_long_clip_is_found_and_scaled(face, monkeypatch):
    in_chunks(monkeypatch)
    maps = np.full((1, 64, 64), 3., np.float32)
    cam = SimpleNamespace(maps=maps, pairs=np.array([[2, 37]]), grid=(8, 8), method="gradcam", target="AU4", layer="x", model="toy", clip=face)
    w = scrub(cam, ("frame", "attribution"))
    assert w.meta["stacks"]["attribution"]["limit"] == 3 and w.frame == 37 and 37 in w.content.sample
    message, _ = chunk_of(w.content, 0, 37 // CHUNK)
    assert [k for k, r in enumerate(message["ranges"]["attribution"]) if r] == [37 % CHUNK]


def test_a_chunk_names_the_frames_that_fail_and_gives_the_others(face, monkeypatch):
    in_chunks(monkeypatch)
    maps = np.ones((len(face), 64, 64), np.float32)
    maps[30, 5, 5] = np.nan
    cam = SimpleNamespace(maps=maps, pairs=np.stack([np.zeros(len(face), int), np.arange(len(face))], 1), grid=(8, 8), method="gradcam", target="AU4", layer="x", model="toy", clip=face)
    message, _ = chunk_of(prepare(cam, ("frame", "attribution")), 0, 1)
    assert list(message["wrong"]) == ["30"] and "NaN or infinity at frames [30]" in message["wrong"]["30"]
    assert sum(r is None for r in message["ranges"]["attribution"]) == 1


def test_opening_survives_damaged_frames_but_not_a_clip_without_a_sound_one(monkeypatch):
    from mekit.core import Lazy
    in_chunks(monkeypatch)
    def some(i):
        if i % 2: raise OSError(f"frame {i} is torn")
        return np.full((32, 32, 3), i, np.uint8)
    assert len(scrub(read_clip(Lazy(some, 100, (32, 32, 3))), ("frame", "difference")).content.stacks["difference"].pairs) > 5
    def none(i): raise OSError("torn")
    with pytest.raises(OSError, match="torn"):
        scrub(read_clip(Lazy(none, 100, (32, 32, 3))), ("frame", "difference"), regions=False)


def test_only_sensible_wants_are_answered(face, monkeypatch):
    in_chunks(monkeypatch)
    w, heard = scrub(face, "frame", compare=face), []
    w.desk.send = lambda message, buffers: heard.append((message["clip"], message["chunk"]))
    keys = w.meta["chunk"]["key"], w.meta["compare"]["chunk"]["key"]
    for wrong in (dict(chunk=-1), dict(chunk=3), dict(chunk="0"), dict(chunk=None), dict(chunk=0, key="old"), dict(chunk=0, clip=2), dict(chunk=0, kind="run")):
        w._asked(w, dict(kind="want", clip=0, key=keys[0]) | wrong, [])
    w._asked(w, "nonsense", [])
    w.desk.wait()
    assert heard == []
    w._asked(w, dict(kind="want", clip=0, chunk=2, key=keys[0]), [])
    w._asked(w, dict(kind="want", clip=1, chunk=0, key=keys[1]), [])
    w.desk.wait()
    assert sorted(heard) == [(0, 2), (1, 0)]


def test_the_desk_remembers_what_it_made_within_bounds_and_says_what_fails(face, monkeypatch):
    import mekit.widgets.packing as m
    in_chunks(monkeypatch)
    content, made, heard = prepare(face, "frame"), [], []
    real = m.chunk_of
    def chunk(content, clip, k):
        made.append(k)
        if k == 2: raise OSError("the disk is gone")
        return real(content, clip, k)
    monkeypatch.setattr(m, "chunk_of", chunk)
    desk = Desk(lambda message, buffers: heard.append((message["kind"], message["chunk"], message.get("why"))), room_mb=0.06)
    for k in (0, 0, 1, 0, 2):
        desk.ask(content, 0, k)
        desk.wait()
    assert heard == [("chunk", 0, None), ("chunk", 0, None), ("chunk", 1, None), ("chunk", 0, None), ("failed", 2, "the disk is gone")]
    held = sum(len(b) for _, buffers in desk.done.values() for b in buffers)
    assert made[0:2] == [0, 1] and held <= 0.06 * 2**20 or len(desk.done) == 1


def test_the_desk_goes_on_when_a_page_has_gone_and_drops_what_is_no_longer_shown(face, monkeypatch):
    in_chunks(monkeypatch)
    content, heard, slow = prepare(face, "frame"), [], threading.Event()
    def send(message, buffers):
        slow.wait(5)
        if message["chunk"] == 0: raise RuntimeError("the page has gone")
        heard.append(message["chunk"])
    desk = Desk(send)
    desk.ask(content, 0, 0)
    desk.ask(content, 0, 1)
    slow.set()
    desk.wait()
    desk.ask(content, 0, 2)
    desk.wait()
    assert sorted(heard) == [1, 2] and desk.thread is None
    slow.clear()
    desk.ask(content, 0, 1)
    time.sleep(.05)         # begun
    desk.ask(content, 0, 2)
    desk.forget()
    slow.set()
    desk.wait()
    assert sorted(heard) == [1, 1, 2]


def test_show_drops_what_pages_asked_of_the_clip_before(face, monkeypatch):
    in_chunks(monkeypatch)
    w, heard, slow, begun = scrub(face, "frame"), [], threading.Event(), threading.Event()
    w.desk.send = lambda message, buffers: (begun.set(), slow.wait(5), heard.append((message["chunk"], message["key"])))
    old = w.meta["chunk"]["key"]
    for k in (0, 1, 2):
        w._asked(w, dict(kind="want", clip=0, chunk=k, key=old), [])
        begun.wait(5)
    w.show(face, ("frame", "truth"))
    new = w.meta["chunk"]["key"]
    assert new != old
    w._asked(w, dict(kind="want", clip=0, chunk=1, key=old), [])          # comes late: nobody's
    w._asked(w, dict(kind="want", clip=0, chunk=1, key=new), [])
    slow.set()
    w.desk.wait()
    assert heard == [(0, old), (1, new)]


def test_lossless_and_large_pictures_go_in_chunks_earlier(monkeypatch):
    import mekit.widgets.content as m
    monkeypatch.setattr(m, "MOST_PIXELS", 20 * 32 * 32)
    frames = np.zeros((20, 32, 32, 3), np.uint8)
    assert not prepare(frames, "frame").chunked and prepare(frames, "frame", quality="lossless").chunked
    assert prepare(np.zeros((21, 32, 32, 3), np.uint8), "frame").chunked


# ---- a range as a page

def held_in(text: str) -> tuple[dict, dict]:
    state = json.loads(re.search(r"data-state>(.*?)</script>", text).group(1))
    return state, {name: base64.b64decode(data) for name, data in re.findall(r'data-buffer="(\w+)">([^<]*)<', text)}


@pytest.mark.parametrize("chunked", [False, True])
def test_a_range_keeps_numbers_and_times_and_shifts_the_marks(clip, flow, tmp_path, monkeypatch, chunked):
    import cv2
    if chunked:
        in_chunks(monkeypatch)
    w = scrub(clip.replace(numbers=np.arange(50, 50 + N)), ("frame", "flow"), flow=flow)
    w.marks, w.frame = {"onset": 2, "apex": 7, "offset": 11}, 8
    state, buffers = held_in(w.to_html(tmp_path / "part.html", start=5, stop=10).read_text())
    meta, ends = state["meta"], state["meta"]["tracks"]["frame"]["offsets"]
    seen = [read_barcode(cv2.imdecode(np.frombuffer(buffers["frames"][a:b], np.uint8), cv2.IMREAD_COLOR)[..., ::-1]) for a, b in zip(ends, ends[1:])]
    assert seen == [5, 6, 7, 8, 9] and meta["n"] == 5 and meta["numbers"] == [55, 56, 57, 58, 59] and meta["times"] == [25, 30, 35, 40, 45]
    assert state["marks"] == {"apex": 2} and state["frame"] == 3 and meta["chunk"] is None
    assert any("frames 5 to 9 of 12" in b and "onset (2), offset (11)" in b for b in meta["banners"])
    assert meta["stacks"]["flow"]["pairs"][2] == "no. 52 → no. 57"
    a, b = meta["stacks"]["flow"]["ranges"][2]
    got = np.frombuffer(zlib.decompress(buffers["values"][a:b]), "<i2").reshape(2, 16, 18) * 0.02
    assert np.abs(got - grid_mean(flow.uv[7])).max() <= 0.0101
    assert len(meta["curves"][0]["values"]) == 5 and None not in meta["curves"][0]["values"]


def test_a_long_clip_as_a_page_needs_a_range_and_its_size_is_said(tmp_path):
    from mekit.core import Lazy
    w = scrub(read_clip(Lazy(lambda i: np.full((32, 32, 3), i % 200, np.uint8), 20_000, (32, 32, 3))), "frame")
    with pytest.raises(MekitError, match=r"at most 2000 frames in a page, received 20000, about \d+ MB of pictures\. Choose a range"):
        w.to_html(tmp_path / "all.html")
    w.to_html(tmp_path / "part.html", start=15_000, stop=15_100)
    assert [p.name for p in tmp_path.iterdir()] == ["part.html"]


@pytest.mark.parametrize("frame, first", [(0, 0), (15_000, 14_900), (19_999, 19_800)])
def test_in_page_mode_a_long_clip_shows_the_frames_around_the_present_one(tmp_path, monkeypatch, frame, first):
    from mekit.core import Lazy
    clip = read_clip(Lazy(lambda i: np.full((16, 16, 3), i % 200, np.uint8), 20_000, (16, 16, 3)), fps=200)
    w = scrub(clip, "frame")
    w.frame = frame
    monkeypatch.setenv("MEKIT_WIDGETS", "page")
    state, _ = held_in(w._repr_mimebundle_()["text/html"])
    assert state["meta"]["n"] == 200 and state["meta"]["numbers"] == list(range(first, first + 200)) and state["frame"] == frame - first
    assert f"frames {first} to {first + 199} of 20000" in state["meta"]["banners"] and state["meta"]["chunk"] is None
    with pytest.raises(MekitError, match="Choose a range"):
        w.to_html(tmp_path / "all.html")
    private = scrub(clip.replace(label=Label(subject="sub01", database="casme2", sample="casme2/sub01/a", terms=Terms("private"))), "frame")
    assert list(private._repr_mimebundle_()) == ["text/plain"]


def test_a_page_of_a_range_has_the_frames_of_the_second_clip_that_belong_to_it(clip):
    slow = read_clip(np.stack([barcode(100 + i, (H, W)) for i in range(N)]), fps=100)       # half as fast: frame 2k of the first beside frame k
    fast = read_clip(np.asarray(clip.frames), fps=200)
    part = lambda w, a, b: held_in(w.page(start=a, stop=b))[0]["meta"]
    two = part(scrub(fast, "frame", compare=slow), 6, 10)
    assert two["compare"]["numbers"][0] == 3 and two["compare"]["n"] == 2 and "second clip: frames 3 to 4 of 12" in two["banners"]
    marked = scrub(fast.mark(onset=8), "frame", compare=slow.mark(onset=2))
    assert part(marked, 6, 12)["compare"]["n"] == N                                         # in step by the onsets, which both are here
    assert part(marked, 9, 12)["compare"]["numbers"] == [2, 3] and part(marked, 0, 3)["compare"]["numbers"][0] == 0
    untimed = scrub(np.asarray(clip.frames), "frame", compare=np.asarray(slow.frames))
    assert part(untimed, 5, 8)["compare"]["numbers"] == [5, 6, 7]


def test_two_long_clips_make_one_page_of_a_moment(monkeypatch):
    from mekit.core import Lazy
    at = lambda fps: read_clip(Lazy(lambda i: np.full((16, 16, 3), i % 200, np.uint8), 5_000, (16, 16, 3)), fps=fps)
    w = scrub(at(200), "frame", compare=at(100))
    w.frame = 3_000
    state, _ = held_in(w.page())
    assert state["meta"]["n"] == 200 and state["meta"]["compare"]["numbers"][0] == 1450 and state["meta"]["compare"]["n"] in (100, 101)
    with pytest.raises(MekitError, match="a second clip of at most 2000 frames"):
        scrub(at(20), "frame", compare=at(400)).page(start=0, stop=200)


def test_a_long_clip_within_the_limit_goes_whole_into_a_page(face, monkeypatch, tmp_path):
    in_chunks(monkeypatch)
    state, buffers = held_in(scrub(face, ("frame", "truth"), compare=face[:20]).to_html(tmp_path / "a.html").read_text())
    assert state["meta"]["chunk"] is None and state["meta"]["n"] == len(face) == len(state["meta"]["tracks"]["frame"]["offsets"]) - 1
    assert state["meta"]["compare"]["n"] == 20 and state["meta"]["compare"]["chunk"] is None and len(buffers["frames2"]) > 1000
    assert not any(b.startswith("frames ") for b in state["meta"]["banners"])


def test_a_page_of_damaged_frames_names_them(tmp_path):
    from mekit.core import Lazy
    def some(i):
        if i == 15_003: raise OSError("torn")
        return np.full((32, 32, 3), i % 200, np.uint8)
    w = scrub(read_clip(Lazy(some, 20_000, (32, 32, 3))), "frame")
    with pytest.warns(MekitWarning, match="1 frames cannot be read and are left out: 15003"):
        state, _ = held_in(w.to_html(tmp_path / "part.html", start=15_000, stop=15_010).read_text())
    assert state["meta"]["wrong"] == {"3": "torn"}


def test_a_preview_of_a_long_clip_reads_its_columns_only():
    from mekit.core import Lazy
    made = []
    w = scrub(read_clip(Lazy(lambda i: made.append(i) or np.full((32, 32, 3), i % 200, np.uint8), 20_000, (32, 32, 3), keep_mb=.001)), ("frame", "difference"))
    opened = len(made)
    w.preview()
    assert opened < 60 and len(made) - opened < 12


@pytest.mark.slow
def test_opening_20000_frames_of_256_decodes_little_and_stays_small(tmp_path):
    "A video whose every frame is a key frame: decoded frames are counted by the file's reader, memory by the process"
    code = f"""
import resource
import av, numpy as np
from fractions import Fraction
path = {str(tmp_path / 'long.mkv')!r}
with av.open(path, "w") as out:
    stream = out.add_stream("mjpeg", rate=200); stream.width = stream.height = 256; stream.pix_fmt = "yuvj420p"
    picture = np.random.default_rng(0).integers(0, 255, (16, 16, 3), np.uint8).repeat(16, 0).repeat(16, 1)
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
    for i in range(20_000):
        frame.pts, frame.time_base = i, Fraction(1, 200)
        out.mux(stream.encode(frame))
    out.mux(stream.encode())
from mekit.data.clip import read_clip
from mekit.widgets.scrubber import scrub
clip = read_clip(path)
load, made = clip.frames.load, []
clip.frames.load = lambda i: made.append(i) or load(i)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
w = scrub(clip, ("frame", "flow", "strain", "difference", "magnified"))
opened = len(made)
heard = []
w.desk.send = lambda message, buffers: heard.append(message["chunk"])
for k in range(0, 800, 40): w._asked(w, dict(kind="want", clip=0, chunk=k, key=w.meta["chunk"]["key"]), []); w.desk.wait()
print(len(clip), opened, len(heard), (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-2000:]
    n, opened, answered, grown = run.stdout.split()
    assert (n, answered) == ("20000", "20") and int(opened) <= 60
    assert float(grown) < 450           # MB: the clip's own cache of 256 and what was answered; all of it would be 3,900
