"The workbench without a browser: state, runs, code, failures, pages; the browser is in browser/test_workbench_lab.py"
import io
import json
import re

import numpy as np
import pytest
import torch
from PIL import Image

import mekit as me
from mekit.core import MekitError
from mekit.data.clip import read_clip
from mekit.data.synthetic import synthesize
from mekit.figures.export import export
from mekit.models.ststnet import STSTNet
from mekit.models.zoo import build
from mekit.widgets.bars import bars
from mekit.widgets.workbench_panel import AROUND, Workbench, cam_layers, workbench

CLASSES = ("AU1", "AU2", "AU4", "AU9", "AU12", "AU15")


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    made = STSTNet(CLASSES).eval()
    made.trained = (True, True, True, False, True, True)
    return made


@pytest.fixture(scope="module")
def clip():
    return synthesize({"AU12L": 2., "AU4": 2.}, duration_ms=300, fps=100., size=96)


@pytest.fixture
def bench(model, clip):
    return workbench(model, clip)


def shown(bench) -> np.ndarray:
    "The map that the scrubber has for the apex, back from its integers"
    stack = bench.scrubber.content.stacks["attribution"]
    return stack.real(stack.at(bench.apex))


def test_opens_on_the_marks_of_the_clip_with_a_first_run(bench, clip):
    assert isinstance(bench, Workbench) and bench.apex == clip.label.apex and bench.scrubber.frame == clip.label.apex
    assert bench.target == "AU12" and bench.controls.runs == 1 and not bench.controls.stale and not bench.controls.error
    assert set(bench.probabilities) == set(CLASSES) - {"AU9"}
    assert bench.bars.values[3] is None and bench.bars.trained[3] is False and bench.controls.targets == [c for c in CLASSES if c != "AU9"]
    assert re.search(r"\d\.\d\d s on cpu", bench.controls.status)


def test_a_run_gives_what_the_verbs_give(bench, model, clip):
    bench.apex, bench.target, bench.layer = clip.label.apex - 2, "AU4", "streams.1.0"
    bench.run()
    marked = clip.mark(apex=clip.label.apex - 2)
    inputs = model.prepare(marked, pairs="apex")
    assert np.allclose(list(bench.probabilities.values()), [p for p, ok in zip(model.predict(inputs)[0], model.trained) if ok], atol=1e-6)
    k = list(bench.attribution.pairs[:, 1]).index(bench.apex)
    assert np.allclose(bench.attribution.maps[k], me.attribute(model, inputs, "AU4", layer="streams.1.0").maps[0], atol=1e-6)


def test_bars_show_the_change_since_the_run_before(bench, clip):
    first = list(bench.bars.values)
    bench.apex = clip.label.onset + 1
    bench.run()
    assert bench.bars.before == first and bench.bars.values != first


def test_the_scrubber_changes_in_place_and_keeps_its_place(bench, clip):
    scrubber, frames, before = bench.scrubber, bench.scrubber.frames, shown(bench).copy()
    bench.scrubber.frame = 5
    bench.target = "AU4"
    bench.run()
    assert bench.scrubber is scrubber and bench.scrubber.frames == frames and bench.scrubber.frame == 5
    assert not np.allclose(before, shown(bench))
    limit = scrubber.content.stacks["attribution"].limit
    k = list(bench.attribution.pairs[:, 1]).index(bench.apex)
    assert abs(shown(bench) - bench.attribution.maps[k].reshape(24, 4, 24, 4).mean((1, 3))).max() < limit / 900
    assert "AU4" in scrubber.meta["subtitle"]


def test_marks_go_both_ways_and_are_told_as_stale_until_the_run(bench, clip):
    bench.scrubber.marks = bench.scrubber.marks | {"apex": clip.label.apex - 1}
    assert bench.controls.marks["apex"] == clip.label.apex - 1 and f"apex {clip.label.apex - 1}" in bench.controls.stale
    bench.controls.marks = bench.controls.marks | {"apex": clip.label.apex}
    assert bench.scrubber.marks["apex"] == clip.label.apex and bench.controls.stale == ""
    bench.target = "AU1"
    assert "target AU1" in bench.controls.stale and bench.bars.target == "AU1"
    bench.run()
    assert bench.controls.stale == ""


def test_choosing_a_bar_chooses_the_target_untrained_ones_are_refused(bench):
    bench.bars.target = "AU2"
    assert bench.target == "AU2"
    bench.bars.target = "AU9"
    assert bench.target == "AU2" == bench.bars.target


def test_flow_is_computed_once_until_the_onset_moves(bench, clip, monkeypatch):
    import mekit.widgets.workbench_panel as module
    asked = []
    real = module.compute_flow
    monkeypatch.setattr(module, "compute_flow", lambda *a, **k: asked.append(1) or real(*a, **k))
    bench.apex = clip.label.apex - 1
    bench.run()
    assert not asked
    bench.scrubber.marks = bench.scrubber.marks | {"onset": 2}
    assert "onset 2" in bench.controls.stale
    bench.run()
    assert asked == [1] and bench.attribution.pairs[0, 0] == 2 and bench.scrubber.content.stacks["flow"].pairs[0, 0] == 2
    assert f"pair (2, {clip.label.apex - 1})" in bench.controls.status


@pytest.mark.parametrize("marks", [{}, {"onset": 3}])
def test_the_code_gives_the_same_map(bench, model, clip, marks):
    bench.scrubber.marks = bench.scrubber.marks | marks | {"apex": clip.label.apex - 3}
    bench.target = "AU15"
    bench.run()
    names = dict(clip=clip, model=model)
    exec(bench.code, names)
    k = list(bench.attribution.pairs[:, 1]).index(bench.apex)
    assert np.allclose(names["cam"].maps[0], bench.attribution.maps[k], atol=1e-6)
    assert np.isclose(names["probabilities"]["AU15"], bench.probabilities["AU15"], atol=1e-6)
    with pytest.raises(AssertionError, match="another clip"):
        exec(bench.code, dict(clip=clip[1:], model=model))


def test_a_failing_model_says_so_in_the_panel_and_nothing_is_lost(model, clip):
    from mekit.explain.core import attribute as real
    calls = []
    def sometimes(model, inputs, target, *, layer):
        calls.append(target)
        if target == "AU1": raise RuntimeError("out of memory")
        return real(model, inputs, target, layer=layer)
    bench = workbench(model, clip, attribute=sometimes)
    kept, code, values = bench.attribution, bench.code, list(bench.bars.values)
    bench.target = "AU1"
    with pytest.raises(RuntimeError, match="out of memory"):
        bench.run()
    assert bench.controls.error == "RuntimeError: out of memory" and not bench.controls.busy and isinstance(bench.failure, RuntimeError)
    assert bench.attribution is kept and bench.code == code and list(bench.bars.values) == values and bench.controls.runs == 1
    bench._message(bench.controls, {"type": "run"}, [])             # the button: shown, not raised
    assert bench.controls.runs == 1 and "out of memory" in bench.controls.error
    bench.target = "AU2"
    bench._message(bench.controls, {"type": "run"}, [])
    assert bench.controls.runs == 2 and bench.controls.error == "" and bench.failure is None
    assert "attribute(model, inputs" in bench.code and "me.attribute" not in bench.code


def test_without_an_apex_the_largest_motion_is_taken_and_said(model, clip):
    bench = workbench(model, clip.mark(apex=None))
    assert abs(bench.apex - clip.label.apex) <= 2 and "No apex was marked" in bench.controls.status
    bench.scrubber.marks = {"onset": clip.label.onset}
    assert "apex not marked" in bench.controls.stale
    with pytest.raises(MekitError, match="Press a in the scrubber"):
        bench.run()


def test_opening_explains_once(model, clip):
    from mekit.explain.core import attribute as real
    calls = []
    bench = workbench(model, clip, attribute=lambda *a, **k: calls.append(1) or real(*a, **k))
    assert calls == [1] and bench.controls.runs == 1 and bench.code and bench.controls.stale == "" and bench.bars.caption
    bench.run()
    assert calls == [1, 1]


def test_a_run_with_a_new_apex_goes_there(bench, clip):
    bench.apex = clip.label.apex - 2
    bench.run()
    assert bench.scrubber.frame == clip.label.apex - 2
    bench.scrubber.frame = 3
    bench.run()
    assert bench.scrubber.frame == 3


def test_identical_frames_are_refused(bench, model, clip):
    kept = bench.attribution
    bench.apex = clip.label.onset
    with pytest.raises(MekitError, match="Identical frames: there is nothing to explain"):
        bench.run()
    assert bench.attribution is kept and "nothing to explain" in bench.controls.error and bench.controls.runs == 1
    with pytest.raises(MekitError, match="Identical frames"):
        workbench(model, clip.mark(apex=clip.label.onset))


def test_the_code_names_what_was_given_and_no_defaults(model, clip):
    from mekit.explain.core import attribute as real
    assert "# clip and model: those given" in workbench(model, clip).code and "params" not in workbench(model, clip).code
    own = workbench(model, clip, attribute=real, run=model.predict)
    assert "# clip, model, run and attribute: those given" in own.code
    names = dict(clip=clip, model=model, run=model.predict, attribute=real)
    exec(own.code, names)
    flow = me.flow(clip, pairs="apex", params={"steps": 9})
    from mekit.widgets.workbench_panel import as_code
    assert f"params={dict(flow.params)}" in as_code(clip, flow, digest="", onset=0, apex=1, target="AU4", layer="join")


def test_own_run_is_asked(model, clip):
    asked = []
    bench = workbench(model, clip, run=lambda inputs: asked.append(len(inputs)) or np.full((len(inputs), len(CLASSES)), .25))
    assert asked == [len(clip)] and set(bench.probabilities.values()) == {.25} and "run(inputs)" in bench.code


def test_layers_are_found_and_hooks_removed(model):
    x = torch.zeros(1, 3, 28, 28)
    found = cam_layers(model, x)
    assert "join" in found and "pool" in found and "head" not in found
    with pytest.raises(MekitError):
        cam_layers(model, x[:, :2])
    assert not any(m._forward_hooks for m in model.modules())


def test_wrong_arguments(model, clip):
    for wrong in (np.zeros((3, 8, 8, 3)), "clip.mp4", None):
        with pytest.raises(MekitError, match="with a Clip"):
            workbench(model, wrong)
    with pytest.raises(MekitError, match="predict and prepare"):
        workbench(torch.nn.Linear(1, 1), clip)
    bench = workbench(model, clip)
    for change, message in ((dict(target="AU99"), "unknown target"), (dict(target="AU9"), "unknown target"), (dict(layer="jion"), "Did you mean 'join'"), (dict(apex=999), "apex")):
        with pytest.raises(MekitError, match=re.escape(message)):
            for name, value in change.items(): setattr(bench, name, value)
    assert bench.apex == clip.label.apex == bench.controls.marks["apex"] and bench.layer == "join"


def test_a_video_without_times_or_known_distance_works_and_says_so(model):
    noise = np.random.default_rng(0).integers(0, 255, (5, 64, 64, 3), np.uint8)
    with pytest.warns(match="inter-ocular"):
        bench = workbench(model, read_clip(noise))
    assert bench.controls.times is None and bench.controls.runs == 1


def test_page_needs_no_kernel_and_a_read_notebook_has_a_picture(bench, tmp_path, monkeypatch):
    live = bench._repr_mimebundle_()
    live = live[0] if isinstance(live, tuple) else live
    assert "application/vnd.jupyter.widget-view+json" in live and live["image/png"]
    assert Image.open(io.BytesIO(bench.preview().data)).size[0] > 300
    page = export(bench, tmp_path / "bench.html").read_text()
    assert page.count("data-state") >= 3 and "://" not in re.sub(r"http://www.w3.org/\S+", "", page)
    states = [json.loads(s) for s in re.findall(r'<script type="application/json" data-state>(.*?)</script>', page)]
    assert len(states) == 3 and any("targets" in s for s in states)
    monkeypatch.setenv("MEKIT_WIDGETS", "page")
    assert "mekit-workbench" in bench._repr_mimebundle_()["text/html"]


def test_private_clips_do_not_leave_the_notebook(model, clip, tmp_path):
    from dataclasses import replace
    from mekit.labels import Terms
    bench = workbench(model, clip.replace(label=replace(clip.label, terms=Terms("private"))))
    for name in ("b.html", "b.png"):
        with pytest.raises(MekitError):
            export(bench, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_run_explains_the_neighbourhood_of_the_apex_only(model):
    bench = workbench(model, synthesize({"AU4": 2.}, duration_ms=1000, fps=300., size=128))
    assert len(bench.clip) == 300
    bench.apex += 1
    bench.run()
    assert len(bench.attribution.pairs) <= 2 * AROUND + 1


def test_bars_refuse_what_is_not_a_probability():
    shown = bars(["AU1", "AU4"], [.1, .2])
    for wrong in ([.1], [.1, 1.2], [.1, np.nan], [.1, -0.1], [[.1, .2]]):
        with pytest.raises(MekitError):
            shown.update(wrong)
    assert shown.values == [.1, .2] and shown.before == []
    with pytest.raises(MekitError, match="different names"):
        bars(["AU1", "AU1"])


@pytest.mark.parametrize("name", ["sssnet", "off_apexnet", "infusenet_small", "hyperbolic", "flow_resnet"])
def test_networks_of_several_inputs_open_and_react(name, clip):
    torch.manual_seed(0)
    model = build(name, classes=CLASSES, **dict(flow_resnet=dict(depth=10, size=64), infusenet_small=dict(head="mean")).get(name, {})).eval()     # five gates let little of an untrained branch through
    bench = workbench(model, clip)
    assert bench.layer == model.cam_layer and bench.target == "AU12" and model.name in bench.controls.title
    assert list(bench.probabilities.values()) == pytest.approx(list(model.predict(clip)[clip.label.apex]), abs=1e-5)
    first, before = shown(bench).copy(), list(bench.bars.values)
    bench.apex, bench.target, bench.layer = clip.label.apex - 4, "AU4", bench.controls.layers[len(bench.controls.layers) // 2]
    assert "target AU4" in bench.controls.stale and "apex" in bench.controls.stale
    bench.run()
    assert not np.allclose(first, shown(bench), atol=1e-3 * np.abs(first).max()) and bench.bars.values != before and bench.controls.runs == 2 and not bench.controls.error
    names = dict(clip=clip, model=model)
    exec(bench.code, names)
    k = list(bench.attribution.pairs[:, 1]).index(bench.apex)
    assert np.allclose(names["cam"].maps[0], bench.attribution.maps[k], atol=1e-4 * np.abs(bench.attribution.maps[k]).max() + 1e-9)
    assert "data-state" in bench.page()


def test_both_branches_can_be_asked(clip):
    torch.manual_seed(0)
    bench = workbench(build("infusenet_small", classes=CLASSES).eval(), clip)
    assert {f"{branch}.layer{k}" for branch in ("flow", "magnified") for k in (1, 2, 3, 4)} <= set(bench.controls.layers)
    for layer in ("flow.layer2", "magnified.layer2", "magnifier.encoder.0"):
        bench.layer = layer
        bench.run()
        assert bench.attribution.layer == layer and min(bench.attribution.grid) >= 8


@pytest.mark.parametrize("name, why", [("elrcn", "elrcn, for which a whole clip is one sample. me.attribute"), ("gtsgn", "gtsgn, which reads landmarks"), ("constant", "constant, which has no layers")])
def test_what_cannot_be_shown_says_so(name, why, clip):
    with pytest.raises(MekitError, match=why):
        workbench(build(name, classes=CLASSES), clip)
