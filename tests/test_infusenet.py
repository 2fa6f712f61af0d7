"InfuseNet: every line of what must be true of the architecture, and that each option does what it says"
import numpy as np
import pytest
import torch

import mekit as me
from mekit.core import MekitError
from mekit.models.base import count_parameters
from mekit.models.drawing import unused
from mekit.models.infusenet import POINTS, SCOPES, InfuseNet, unit
from mekit.models.infusenet_small import InfuseNetSmall

UNITS = tuple(f"AU{n}" for n in range(12))


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return InfuseNetSmall(UNITS, window=True).eval()


@pytest.fixture(scope="module")
def inputs(net):
    return net.example(3)


def maps_of(net, *inputs):
    with torch.no_grad():
        return net(*inputs, return_maps=True)


def test_full_size_shapes_and_counts():
    with torch.device("meta"):
        whole = InfuseNet(UNITS)
        flow, magnified, maps = whole(*(torch.empty(2, *s) for s in whole.shapes), return_maps=True)
    assert whole.shapes == ((3, 224, 224),) * 4 and tuple(maps.latents.shape) == (2, 64, 112, 112)
    assert [tuple(maps.gates[p].shape[1:]) for p in POINTS] == [(64, 56, 56), (128, 28, 28), (256, 14, 14), (512, 7, 7), (512, 1, 1)]
    assert tuple(flow.shape) == tuple(magnified.shape) == (2, 12)
    assert count_parameters(whole) == 365_968 + 2 * 11_176_512 + 6_156


def test_nothing_moved_means_no_latents(net, inputs):
    _, onset, apex, _ = inputs
    assert net.enters(onset, onset, onset).abs().max() == 0
    one = InfuseNetSmall(UNITS, factor=1.0).eval()
    assert one.enters(onset, apex, apex).abs().max() == 0


def test_latents_grow_with_the_factor(net, inputs):
    _, onset, apex, _ = inputs
    with torch.no_grad():
        two, ten = (net.magnifier.difference(onset, apex, factor=f) for f in (2.0, 10.0))
    assert float((ten - 9 * two).abs().max()) < 1e-5 * float(ten.abs().max())


@pytest.mark.parametrize("scope", SCOPES)
def test_gates_lie_in_the_unit_interval_and_reach_both_ends(scope):
    z = torch.randn(4, 5, 6, 7, generator=torch.Generator().manual_seed(0))
    gate, dims = unit(z, scope), SCOPES[scope]
    assert (gate.amin(dims) == 0).all() and torch.allclose(gate.amax(dims), torch.tensor(1.0))
    assert (unit(torch.full_like(z, 3.0), scope) == 0).all()
    assert torch.allclose(unit(5 * z + 2, scope), gate, atol=1e-5)


def test_company_matters_only_by_batch(net, inputs):
    calm, wild = [x[:1] for x in inputs], [x[1:2] * (3 if k == 0 else 1) for k, x in enumerate(inputs)]
    both = [torch.cat(pair) for pair in zip(calm, wild)]
    for scope in SCOPES:
        net.norm_scope = scope
        alone, together = (maps_of(net, *x)[-1].gates[1][0] for x in (calm, both))
        assert torch.allclose(alone, together, atol=1e-5) == (scope != "batch")
    net.norm_scope = "sample"


def test_constant_flow_and_still_faces_give_finite_scores(net, inputs):
    _, onset, apex, window = inputs
    for scope in SCOPES:
        net.norm_scope = scope
        for x in ((torch.zeros_like(onset), onset, apex, window), (inputs[0], onset, onset, onset), tuple(torch.full_like(onset, 0.3) for _ in range(4))):
            assert all(v.isfinite().all() for v in net(*x))
    net.norm_scope = "sample"


def test_decoder_learns_nothing_everything_else_does(net, inputs):
    names = unused(net, *inputs)
    assert names and all(k.startswith(("magnifier.decoder.", "magnified.conv1", "magnified.bn1")) for k in names)
    assert not [k for k in unused(InfuseNetSmall(UNITS, latent="image")) if k.startswith(("magnifier.decoder", "magnified.conv1"))]


def test_flow_branch_learns_through_its_gates_unless_told_not_to(inputs):
    for detach in (False, True):
        torch.manual_seed(0)
        net = InfuseNetSmall(UNITS, detach_gates=detach).eval()
        net(*inputs)[1].sum().backward()
        reached = net.flow.conv1.weight.grad is not None and bool(net.flow.conv1.weight.grad.abs().max() > 0)
        assert reached != detach


def test_heads(inputs):
    one, two = InfuseNetSmall(UNITS), InfuseNetSmall(UNITS, shared_head=False)
    assert one.head is one.magnified_head and two.head is not two.magnified_head
    for head in ("flow", "magnified", "mean"):
        torch.manual_seed(0)
        net = InfuseNetSmall(UNITS, head=head).eval()
        with torch.no_grad():
            flow, magnified = net(*inputs)
        assert torch.equal(net.logits(inputs), {"flow": flow, "magnified": magnified, "mean": (flow + magnified) / 2}[head])


def test_infusion_only_where_asked(inputs):
    torch.manual_seed(0)
    net = InfuseNetSmall(UNITS, infuse_at=(2, "pool")).eval()
    *_, maps = maps_of(net, *inputs)
    for point in POINTS:
        same = torch.equal(maps.before[point], maps.after[point])
        assert same == (point not in (2, "pool"))
        if not same:
            assert torch.equal(maps.after[point], maps.before[point] * maps.gates[point])
    assert all(0 <= float(v.min()) and float(v.max()) <= 1 + 1e-6 for v in maps.removed.values())


def test_second_apex_counts_only_with_a_window(inputs):
    flow, onset, apex, window = inputs
    for two in (True, False):
        torch.manual_seed(0)
        net = InfuseNetSmall(UNITS, window=two).eval()
        with torch.no_grad():
            once, other = net(flow, onset, apex)[1], net(flow, onset, apex, window)[1]
            twice = net(flow, onset, apex, apex.clone())[1]
        assert torch.equal(once, other) != two
        assert torch.allclose(once, twice, atol=1e-6)


def test_reads_a_clip_and_follows_its_pairs():
    clip, net = me.demo(), InfuseNetSmall(UNITS).eval()
    at = [(clip.label.onset, clip.label.apex), (clip.label.onset, clip.label.onset)]
    read = net.prepare(clip, pairs=at)
    assert len(read) == 2 and [tuple(x.shape) for x in read.x] == [(2, 3, 64, 64)] * 4
    assert float(read.x[0][1].abs().max()) == 0 and torch.equal(read.x[1][1], read.x[2][1])
    assert min(float(x.min()) for x in read.x[1:]) >= -1 and max(float(x.max()) for x in read.x[1:]) <= 1
    assert np.isfinite(net.predict(clip[clip.label.onset:clip.label.onset + 3])).all()
    with pytest.raises(MekitError, match="reads frames"):
        net.prepare(read.flow)


@pytest.mark.parametrize("options, says", [
    (dict(size=100), "multiple of 32"), (dict(norm_scope="samples"), "Did you mean 'sample'"), (dict(latent="differnce"), "Did you mean 'difference'"),
    (dict(infuse_at=(1, 5)), "some of 1, 2, 3, 4"), (dict(infuse_at=3), "some of 1, 2, 3, 4"), (dict(factor=-1), "0 to 1000"), (dict(factor=float("nan")), "0 to 1000"), (dict(head="both"), "unknown head")])
def test_unusable_options(options, says):
    with pytest.raises(MekitError, match=says):
        InfuseNetSmall(UNITS, **options)


def test_unusable_inputs(net, inputs):
    with pytest.raises(MekitError, match="inputs \\(n 3 64 64\\)"):
        net(*[x[..., :32] for x in inputs])
    with pytest.raises(MekitError, match="float16"):
        net(*[x.half() for x in inputs])
    with pytest.raises(MekitError, match="NaN"):
        net.logits(tuple(x * float("nan") for x in inputs))


def test_imagenet_weights_fill_both_trunks(tmp_path):
    from mekit.models.resnet import ResNet, start_from
    theirs = ResNet(7, depth=10, width=24)
    torch.save(theirs.state_dict(), tmp_path / "r.pth")
    net = InfuseNetSmall(UNITS)
    assert all(start_from(trunk, tmp_path / "r.pth").complete for trunk in (net.flow, net.magnified))
    assert all(torch.equal(t.layer4[0].conv2.weight, theirs.layer4[0].conv2.weight) for t in (net.flow, net.magnified))


def test_start_from_fills_both_trunks_and_the_magnifier(tmp_path):
    from mekit.models.resnet import ResNet
    from mekit.motion.latent import load_magnifier
    theirs, magnifier = ResNet(7, depth=10, width=24), load_magnifier()
    torch.save(theirs.state_dict(), tmp_path / "r.pth")
    for trunks in (tmp_path / "r.pth", theirs.state_dict()):
        net = InfuseNetSmall(UNITS)
        assert all(fit.complete and fit.left_out == ("fc.weight", "fc.bias") for fit in net.start_from(trunks, magnifier))
        assert all(torch.equal(trunk.layer4[0].conv2.weight, theirs.layer4[0].conv2.weight) for trunk in (net.flow, net.magnified))
        assert all(torch.equal(a, b) for a, b in zip(net.magnifier.state_dict().values(), magnifier.state_dict().values()))
    before = net.flow.conv1.weight.clone()
    assert InfuseNetSmall(UNITS).start_from(magnifier=magnifier) == () and torch.equal(net.flow.conv1.weight, before)
    with pytest.raises(MekitError, match="a ResNet file, its state dict or a magnifier, received none"):
        net.start_from()
    with pytest.raises(MekitError, match="start_from a state dict: .*cannot start from these") as error:
        net.start_from(ResNet(7, depth=18, width=8).state_dict())
    assert "strict" not in str(error.value)         # no advice that start_from cannot take
    with pytest.raises(MekitError, match="tensors by name, received int"):
        net.start_from({"epoch": 3})


@pytest.mark.parametrize("options, says", [(dict(window=3), "window as True or False, received 3"), (dict(detach_gates="no"), "detach_gates as True or False"), (dict(shared_head="no"), "shared_head as True or False")])
def test_truths_are_true_or_false(options, says):
    with pytest.raises(MekitError, match=says):
        InfuseNetSmall(UNITS, **options)


def test_one_onset_for_three_apexes_is_refused(net, inputs):
    flow, onset, apex, window = inputs
    for call in (net, lambda *x: net.predict(x), lambda *x: net.logits(x, batch=1)):
        with pytest.raises(MekitError, match="as many samples each, received 3 and 1 and 3 and 3"):
            call(flow, onset[:1], apex, window)
