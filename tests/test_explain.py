"Attribution: equal to captum, equal to pencil and paper, leaves no trace, says what it explains"
import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from captum.attr import LayerAttribution, LayerGradCam
from torch import nn

from mekit.core import MekitError, MekitWarning
from mekit.explain.core import AttributionError, attribute, find_layer, methods, tap
from mekit.models.base import Inputs
from mekit.models.ststnet import STSTNet
from mekit.models.zoo import load


class Pencil(nn.Module):
    "Score 0 is 2 sum(A1) - sum(A2), score 1 is sum(A2)"
    def __init__(self):
        super().__init__()
        self.maps, self.head = nn.Identity(), nn.Linear(2, 2, bias=False)
        self.head.weight.data = torch.tensor([[2., -1.], [0., 1.]])
    def forward(self, x): return self.head(self.maps(x).sum((2, 3)))


class Deep(nn.Module):
    "Convolutions with in-place activations and a head that weighs every place"
    def __init__(self):
        super().__init__()
        self.first, self.act, self.second = nn.Conv2d(3, 5, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(5, 4, 3)
        self.drop, self.head = nn.Dropout(.5), nn.Linear(4 * 6 * 6, 3)
    def forward(self, x): return self.head(self.drop(torch.relu_(self.second(self.act(self.first(x))))).flatten(1))


@pytest.fixture()
def deep(): torch.manual_seed(0); return Deep()


PAPER = torch.tensor([[[[1., 0.], [0., 3.]], [[0., 5.], [1., 1.]]]])


@pytest.mark.parametrize("target, expected", [(0, [[2, -5], [-1, 5]]), (1, [[0, 5], [1, 1]])])
@pytest.mark.parametrize("method", ["gradcam", "hirescam"])
def test_by_hand(target, expected, method):
    assert attribute(Pencil(), PAPER, target, layer="maps", method=method).raw[0].tolist() == expected


@pytest.mark.parametrize("layer", ["first", "act", "second"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_captum(deep, layer, dtype):
    deep = deep.to(dtype).eval()
    x = torch.randn(4, 3, 8, 8, dtype=dtype)
    ours = attribute(deep, x, 2, layer=layer)
    clean = copy.deepcopy(deep); clean.act.inplace = False
    clean.forward = lambda x: clean.head(torch.relu(clean.second(clean.act(clean.first(x)))).flatten(1))
    theirs = LayerGradCam(clean, getattr(clean, layer)).attribute(x, 2)
    assert ours.raw.dtype == (np.float64 if dtype == torch.float64 else np.float32)
    assert np.abs(ours.raw - theirs[:, 0].detach().numpy()).max() < 1e-6
    large = LayerAttribution.interpolate(theirs, (8, 8), "bilinear")[:, 0].detach().numpy()
    assert np.abs(ours.maps - large).max() < 1e-6 and ours.maps.dtype == np.float32


def test_captum_on_the_demo_model():
    model = load("ststnet", "demo")
    x = torch.randn(5, 3, 28, 28)
    for name in ("AU4", "AU12"):
        theirs = LayerGradCam(model, model.join).attribute(x, model.classes.index(name))[:, 0].detach().numpy()
        assert np.abs(attribute(model, x, name).raw - theirs).max() < 1e-6


def test_hirescam_adds_up_to_the_score():
    model = load("ststnet", "demo")
    got = attribute(model, torch.randn(3, 3, 28, 28), "AU9", method="hirescam")
    assert got.raw.sum((1, 2)) == pytest.approx(got.scores - model.head.bias[model.classes.index("AU9")].item(), abs=1e-4)


def test_a_batch_is_its_samples(deep):
    x = torch.randn(5, 3, 8, 8)
    whole, parts = attribute(deep, x, 1, layer="second"), attribute(deep, x, 1, layer="second", batch=2)
    alone = np.concatenate([attribute(deep, x[k:k + 1], 1, layer="second").raw for k in range(5)])
    assert np.allclose(whole.raw, alone, atol=1e-6) and np.allclose(whole.raw, parts.raw, atol=1e-6)


def hooks(model): return sum(len(m._forward_hooks) + len(m._backward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


def test_leaves_no_trace(deep):
    deep.train(); deep.drop.eval()
    x = torch.randn(2, 3, 8, 8, requires_grad=True)
    attribute(deep, x, 0, layer="second")
    assert hooks(deep) == 0 and deep.training and not deep.drop.training
    assert x.grad is None and all(p.grad is None for p in deep.parameters())


def test_leaves_no_trace_after_an_exception(deep):
    deep.train()
    with pytest.raises(RuntimeError): attribute(deep, torch.randn(2, 3, 9, 9), 0, layer="second")
    with pytest.raises(RuntimeError, match="stop"):
        with tap(deep, deep.first): raise RuntimeError("stop")
    assert hooks(deep) == 0 and deep.training


def test_frozen_weights_and_no_grad(deep):
    x = torch.randn(2, 3, 8, 8)
    free = attribute(deep, x, 0, layer="second").raw
    deep.requires_grad_(False)
    with torch.no_grad(): assert np.array_equal(attribute(deep, x, 0, layer="second").raw, free)
    with torch.inference_mode(): assert np.array_equal(attribute(deep, x, 0, layer=deep.second).raw, free)


def test_layers(deep):
    assert find_layer(deep, deep.second) == (deep.second, "second")
    with pytest.raises(MekitError, match="Did you mean 'second'"): attribute(deep, torch.randn(1, 3, 8, 8), 0, layer="secnd")
    with pytest.raises(MekitError, match="There are: first, act"): attribute(deep, torch.randn(1, 3, 8, 8), 0)
    with pytest.raises(MekitError, match="a layer of this model"): attribute(deep, torch.randn(1, 3, 8, 8), 0, layer=nn.ReLU())
    with pytest.raises(AttributionError, match="gives maps"): attribute(deep, torch.randn(1, 3, 8, 8), 0, layer="head")


@pytest.mark.parametrize("target, message", [(3, "0 to 2"), (-1, "0 to 2"), (1.5, "0 to 2"), (True, "0 to 2"), ("AU4", "unknown target")])
def test_targets(deep, target, message):
    with pytest.raises(MekitError, match=message): attribute(deep, torch.randn(1, 3, 8, 8), target, layer="first")


def test_methods(deep):
    assert {"gradcam", "hirescam"} <= set(methods())
    with pytest.raises(MekitError, match="Did you mean 'gradcam'"): attribute(deep, torch.randn(1, 3, 8, 8), 0, method="gradcamm", layer="first")
    for method in (["gradcam"], None, 3):
        with pytest.raises(MekitError, match="the name of one method"): attribute(deep, torch.randn(1, 3, 8, 8), 0, method=method, layer="first")
    for batch in (0, -1, 2.5, True):
        with pytest.raises(MekitError, match="batch as a whole number"): attribute(deep, torch.randn(1, 3, 8, 8), 0, batch=batch, layer="first")


def test_what_another_thread_runs_is_not_listened_to(deep):
    x = torch.randn(1, 3, 8, 8)
    with tap(deep, deep.second) as found, ThreadPoolExecutor(1) as pool:
        score = deep(x)[:, 0]
        pool.submit(deep, torch.randn(5, 3, 8, 8)).result()
        assert found.calls == 1 and found.out.shape[0] == 1 and found.slopes(score).shape == found.out.shape


def test_one_model_many_threads(deep):
    "A model left in training mode, explained by eight threads at once: each gets its own maps, and the mode is put back"
    deep.train()
    inputs = [torch.randn(3, 3, 8, 8) for _ in range(40)]
    alone = [attribute(deep, x, 1, layer="second").raw for x in inputs]
    with ThreadPoolExecutor(8) as pool: together = list(pool.map(lambda x: attribute(deep, x, 1, layer="second").raw, inputs))
    assert all(np.allclose(a, b, atol=1e-6) for a, b in zip(alone, together))
    assert deep.training and deep.drop.training and hooks(deep) == 0


def test_peak_without_an_apex_is_the_highest_score(deep):
    got = attribute(deep, torch.randn(6, 3, 8, 8), 1, layer="second")
    assert got.peak == int(np.argmax(got.scores)) and np.ptp(got.scores) > 0
    scored = replace(got, scores=np.array([0, 1, 5, 2, -9, 3.]))
    assert scored.peak == 2 and replace(scored, scores=None).peak == int(np.abs(got.maps).max((1, 2)).argmax())


def test_an_attribution_travels():
    from mekit.data.synthetic import synthesize
    got = attribute(load("ststnet", "demo"), synthesize({"AU4": 1.5}, fps=20, size=96), "AU4")
    back = pickle.loads(pickle.dumps(got))
    assert np.array_equal(back.maps, got.maps) and back.caption() == got.caption() and np.array_equal(back.clip.frames[3], got.clip.frames[3]) and back.peak == got.peak


def test_nan_names_the_pair():
    model, x = STSTNet(("a",)), torch.randn(3, 3, 28, 28)
    x[1] = torch.nan
    with pytest.raises(AttributionError, match=r"frames \[\(0, 7\)\]"):
        attribute(model, Inputs(x, np.array([[0, 6], [0, 7], [0, 8]]), (64, 64)), "a")


def test_untrained_target_is_said():
    model = load("ststnet", "demo")
    model.trained = tuple(c != "AU5" for c in model.classes)
    with pytest.warns(MekitWarning, match="not trained for AU5"): attribute(model, torch.randn(1, 3, 28, 28), "AU5")


def test_a_clip_is_explained_pair_by_pair():
    from mekit.data.synthetic import synthesize
    clip = synthesize({"AU4": 1.5}, fps=20, size=128)
    got = attribute(load("ststnet", "demo"), clip, "AU4")
    assert got.maps.shape == (20, 128, 128) and got.grid == (10, 10) and got.raw.shape == (20, 10, 10)
    assert got.pairs.tolist() == [[clip.label.onset, t] for t in range(20)] and got.peak == clip.label.apex
    assert got.clip is clip and len(got.flow) == 20
    assert "10 x 10 grid" in got.caption() and "pair (onset, t)" in got.caption() and "not a single frame" in got.caption()
    assert "ststnet" in got.caption() and f"frames {clip.label.onset} and {clip.label.apex}" in got._repr_html_() and "data:image/png" in got._repr_html_()
