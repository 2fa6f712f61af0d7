"Attribution of every network of the zoo that has maps, whatever it reads and answers; the others say why not"
import numpy as np
import pytest
import torch
from captum.attr import LayerGradCam
from torch import nn

from mekit.core import MekitError
from mekit.data.synthetic import synthesize
from mekit.explain.core import AttributionError, attribute
from mekit.models.tgsr import TGSR
from mekit.models.zoo import NETWORKS, build

MAPS = dict(ststnet={}, sssnet={}, off_apexnet={}, flow_resnet=dict(depth=10, size=64), infusenet=dict(size=64), infusenet_small={}, elrcn=dict(frames=4, size=32),
            ethnicmer=dict(branches="resnet10", size=64), hyperbolic={}, **{f"rcn_{v}": dict(features=16) for v in "aswpcf"})
NO_MAPS = dict(gtsgn="geometric.0", hypergraph="layers.0", flow_svm=None, lbptop_svm=None, constant=None)
KEPT = {}
every = pytest.mark.parametrize("name", MAPS)


def made(name, **options):
    if (name, *options.items()) not in KEPT:
        torch.manual_seed(0)
        KEPT[name, *options.items()] = build(name, n_out=3, **MAPS.get(name, {}) | options).eval()
    return KEPT[name, *options.items()]


@pytest.fixture(scope="module")
def clip():
    return synthesize({"AU4": 2.}, duration_ms=100, fps=60, size=96)


def test_no_network_is_forgotten():
    assert {network.name for network in NETWORKS} == {*MAPS, *NO_MAPS}


@every
@pytest.mark.parametrize("method", ["gradcam", "hirescam"])
def test_a_batch(name, method):
    model, x = made(name), made(name).example(3)
    got = attribute(model, x if len(x) > 1 else x[0], 1, method=method)
    assert got.maps.shape == (3, *x[0].shape[-2:]) and min(got.grid) > 1 and got.layer == model.cam_layer
    assert all(np.ptp(m) > 0 for m in got.maps) and np.allclose(got.scores, model.logits(x)[:, 1], atol=1e-5)
    for other in (attribute(model, x, 1, method=method, batch=2), attribute(model, list(x), 1, method=method, batch=1)):
        assert np.allclose(other.raw, got.raw, atol=1e-5 * np.abs(got.raw).max() + 1e-9)


@every
def test_a_clip(name, clip):
    model = made(name)
    got, inputs = attribute(model, clip, "class 1"), model.prepare(clip)
    assert got.maps.shape == (len(inputs), 96, 96) and np.array_equal(got.pairs, inputs.pairs) and np.isfinite(got.maps).all()
    assert np.array_equal(got.raw, attribute(model, inputs, 1).raw) and model.name in got.caption() and "data:image/png" in got._repr_html_()


@pytest.mark.parametrize("name, layer", [("infusenet_small", "magnified.layer2"), ("infusenet_small", "flow.layer3"), ("infusenet_small", "enter"), ("ethnicmer", "group.layer3")])
def test_captum_on_several_inputs(name, layer):
    model, x = made(name), made(name).example(2)
    theirs = LayerGradCam(lambda *x: model.final(model(*x)), model.get_submodule(layer)).attribute(x, 2)[:, 0].detach().numpy()
    assert np.abs(attribute(model, x, 2, layer=layer).raw - theirs).max() < 1e-5 * np.abs(theirs).max()


@pytest.mark.parametrize("head", ["magnified", "flow", "mean"])
def test_the_head_that_counts_is_explained(head):
    model = made("infusenet_small", head=head)
    x = model.example(2)
    got = attribute(model, x, 0, layer="flow.layer2")
    assert np.allclose(got.scores, model.logits(x)[:, 0], atol=1e-6) and f"head '{head}'" in got.caption()
    if head == "flow":
        with pytest.raises(AttributionError, match="depends on layer 'magnified.layer2'"):
            attribute(model, x, 0, layer="magnified.layer2")


def test_a_layer_for_several_pictures_gives_the_sum_of_their_maps():
    model, x = made("hyperbolic"), made("hyperbolic").example(3)
    got = attribute(model, x, 1, layer="trunk.layer2")
    before, after = (model.trunk.layer2(model.trunk.layer1(model.trunk.maxpool(model.trunk.relu(model.trunk.stem(p))))).detach().requires_grad_() for p in x)
    ends = [model.trunk.layer4(model.trunk.layer3(z)).flatten(1) for z in (before, after)]
    score = model.head(model.squeeze((ends[0] - ends[1]).abs()))[:, 1].sum()
    slopes = [s.mean((2, 3), keepdim=True) for s in torch.autograd.grad(score, (before, after))]
    by_hand = (slopes[0] * before + slopes[1] * after).sum(1).detach().numpy()
    assert np.allclose(got.raw, by_hand, atol=1e-5 * np.abs(by_hand).max()) and got.uses == 2 and "used 2 times" in got.caption()
    assert attribute(made("elrcn"), made("elrcn").example(2), 0).uses == 3 and attribute(made("ststnet"), made("ststnet").example(2), 0).uses == 1


@pytest.mark.parametrize("name", ["rcn_a", "rcn_s"])
@pytest.mark.parametrize("method", ["gradcam", "hirescam"])
def test_a_layer_that_runs_again_counts_for_what_it_says_directly(name, method):
    model, x = made(name), made(name).example(2)
    again, whole = (attribute(model, x, 0, layer=layer, method=method) for layer in ("recurrent.again", "recurrent"))
    assert np.allclose(again.raw, whole.raw, atol=1e-6) and again.uses == model.recurrent.uses


def test_two_runs_beside_each_other_are_added():
    class Both(nn.Module):
        def __init__(self): super().__init__(); self.same = nn.Identity()
        def forward(self, a, b): return (2 * self.same(a) - self.same(b)).sum((2, 3))
    a, b = torch.rand(3, 2, 4, 4), torch.rand(3, 2, 4, 4)
    got = attribute(Both(), (a, b), 1, layer="same", method="hirescam")
    assert np.allclose(got.raw, (2 * a - b)[:, 1], atol=1e-6) and got.uses == 2
    with pytest.raises(AttributionError, match="maps of one size in every run"):
        class Uneven(Both):
            def forward(self, a): return self.same(a).sum((2, 3)) + self.same(a[..., :2]).sum((2, 3))
        attribute(Uneven(), a, 0, layer="same")


@pytest.mark.parametrize("name", NO_MAPS)
def test_networks_without_maps_say_why(name, clip):
    model = made(name)
    for inputs, layer in ((clip, None), (model.example(2)[0], NO_MAPS[name])):
        with pytest.raises(MekitError, match=f"attribute: expected a network whose layers give maps of a picture, received {name}, which .*model.predict"):
            attribute(model, inputs, 0, layer=layer)


def test_what_is_no_network_is_refused():
    with pytest.raises(MekitError, match="a torch.nn.Module, received TGSR"):
        attribute(TGSR(), torch.zeros(1, 3, 8, 8), 0)


def test_wrong_inputs():
    model, x = made("infusenet_small"), made("infusenet_small").example(2)
    for wrong in (x[0], x[:3], (*x[:3], x[3][:1]), (*x[:3], x[3][0]), tuple(t[:0] for t in x)):
        with pytest.raises(MekitError, match=r"4 inputs \(n 3 64 64\), .* of as many samples each"):
            attribute(model, wrong, 0)
    with pytest.raises(MekitError, match=r"inputs \(n 3 64 64\), received \(2, 3, 32, 64\)"):
        attribute(model, tuple(t[:, :, :32] for t in x), 0)
    with pytest.raises(MekitError, match="logits .n classes."):
        attribute(Pair(), x[0], 0, layer="a")


class Pair(nn.Module):
    "Answers with two tensors and does not say which counts"
    def __init__(self): super().__init__(); self.a = nn.Conv2d(3, 2, 1)
    def forward(self, x): return self.a(x).mean((2, 3)), x


@pytest.mark.parametrize("options", [dict(trunk="resnet18", size=64), dict(enrich="temporal"), dict(trunk="vgg16", size=224)])
def test_trunks_of_a_sequence_name_their_last_maps(options):
    with torch.device("meta"):
        model = build("elrcn", n_out=2, frames=3, **options).eval()
        x = torch.zeros(1, *model.shapes[0])
    shape = []
    handle = model.get_submodule(model.cam_layer).register_forward_hook(lambda module, given, out: shape.extend(out.shape))
    model(x)
    handle.remove()
    assert len(shape) == 4 and shape[0] == 2 and shape[2] == shape[3] > 1
