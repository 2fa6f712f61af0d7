"Models of landmarks and of pairs of frames: what must not matter does not, what must not leak does not, and the maps are the maps"
import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from mekit.anatomy import AU_MOTION, CANONICAL, displacement
from mekit.core import MekitError
from mekit.data.clip import Clip, Truth
from mekit.face.landmarks import apply
from mekit.models.base import Inputs, count_parameters
from mekit.models.drawing import unused
from mekit.models.gtsgn import GTSGN, AULandmarks, adaptive_au_loss, carried_points, course_of, face_graph, landmark_motion
from mekit.models.hyperbolic import HyperbolicMLR, HyperbolicSiamese, calibration, clip_norm, exp0, hyperbolic_norm, log0, mobius_add
from mekit.models.hypergraph import HypergraphTransformer, hide, hyperedges, hypergraph_operator, incidence, masked_loss
from mekit.weights import put_into

MAKE = {"gtsgn": lambda **o: GTSGN(("a", "b", "c"), **{"frames": 4, "widths": (8, 8)} | o),
        "hypergraph": lambda **o: HypergraphTransformer(("a", "b", "c"), **{"frames": 4, "width": 8, "depth": 1} | o),
        "hyperbolic": lambda **o: HyperbolicSiamese(("a", "b", "c"), **{"size": 32} | o)}
every = pytest.mark.parametrize("name", MAKE)


def made(name, **options):
    torch.manual_seed(0)
    return MAKE[name](**options).eval()


def clip_of(points, size=96):
    frames = np.random.default_rng(0).integers(0, 255, (len(points), size, size, 3), dtype=np.uint8)
    return Clip(frames, iod=38., truth=Truth(None, None, None, points)).mark(onset=0, apex=len(points) // 2, offset=len(points) - 1)


def smile(n=9):
    "A face whose lip corners are pulled by 1.5 %IOD, 40 pixels from eye to eye"
    return (CANONICAL + .015 * displacement(12) * np.sin(np.linspace(0, np.pi, n))[:, None, None]) * 40 + (48, 36)


@every
def test_contract(name):
    model = made(name)
    x = model.example(4)
    once = model.logits(x)
    assert once.shape == (4, 3) and torch.equal(once, model.train().logits(x)) and not unused(model.eval())
    assert torch.allclose(model.logits(x, batch=1), once, atol=1e-5) and model.logits(tuple(p[:0] for p in x)).shape == (0, 3)
    wide = made(name).double()
    assert wide.logits(x).dtype == torch.float64 and torch.allclose(wide.logits(x).float(), once, atol=1e-4)
    other = MAKE[name]()
    assert put_into(other, model.state_dict(), where="test").complete and torch.equal(other.logits(x), once)
    assert "inspired by" in model.facts.fidelity and "inspired by" in type(model).__doc__.lower()
    assert made(name, multilabel=False).predict(x).sum(1) == pytest.approx(np.ones(4), abs=1e-5)


@every
def test_slopes_are_finite_also_where_nothing_moves(name):
    for value in (None, 0., 3.):
        model = made(name).train()
        x = model.example(3)
        model(*(x if value is None else [torch.full_like(p, value) for p in x])).square().mean().backward()
        assert all(bool(p.grad.isfinite().all()) for p in model.parameters())


@every
def test_bad_input(name):
    model = made(name)
    x = model.example(2)
    with pytest.raises(MekitError, match="inputs \\(n"):
        model(x[0][..., 1:], *x[1:])
    with pytest.raises(MekitError, match="on a CPU, received float16"):
        model.half()(*(p.half() for p in x))
    with pytest.raises(TypeError):
        MAKE[name](multilabl=True)
    with pytest.raises(MekitError, match="a Clip"):
        model.prepare(x[0])


@pytest.mark.parametrize(("name", "options", "words"), [("gtsgn", {"adjacency": "fixd"}, "Did you mean 'fixed'"), ("gtsgn", {"kernel": 2}, "odd kernel"), ("gtsgn", {"frames": 2}, "frames of 4"),
                                                        ("hypergraph", {"heads": 3}, "heads divide"), ("hypergraph", {"depth": 0}, "depth of 1"), ("hyperbolic", {"geometry": "euclid"}, "Did you mean 'euclidean'"),
                                                        ("hyperbolic", {"size": 50}, "multiple of 32"), ("hyperbolic", {"curvature": 0}, "curvature above 0"), ("hyperbolic", {"trunk": "resnet"}, "Did you mean 'resnet18'")])
def test_bad_options(name, options, words):
    with pytest.raises(MekitError, match=words):
        MAKE[name](**options)


def test_options_change_the_network():
    counts = {k: count_parameters(made("gtsgn", adjacency=k)) for k in ("both", "fixed", "learned")}
    assert counts["both"] > counts["learned"] > counts["fixed"]
    assert made("gtsgn", adjacency="fixed").logits(made("gtsgn").example(2)).shape == (2, 3)


# from a clip

@every
def test_from_a_clip(name):
    model, clip = made(name), clip_of(smile())
    inputs = model.prepare(clip)
    x = inputs.x if isinstance(inputs.x, tuple) else (inputs.x,)
    assert isinstance(inputs, Inputs) and [tuple(p.shape[1:]) for p in x] == list(model.shapes) and len(x[0]) == len(inputs)
    assert np.array_equal(model.predict(clip), model.predict(inputs)) and np.isfinite(model.predict(clip)).all()


def test_pictures_of_a_pair_are_those_of_the_clip():
    clip, model = clip_of(smile(), size=32), made("hyperbolic")
    onset, apex = model.prepare(clip, pairs=[(2, 5), (5, 2)]).x
    assert torch.equal(onset[0], apex[1]) and np.allclose(onset[0].permute(1, 2, 0), clip.frames[2] / 127.5 - 1, atol=1e-6)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.tuples(st.floats(-.4, .4), st.floats(.8, 1.3), st.floats(-30, 30)), min_size=9, max_size=9))
def test_the_head_is_taken_out(moves):
    maps = [np.array([[s * np.cos(a), -s * np.sin(a), d], [s * np.sin(a), s * np.cos(a), -d], [0, 0, 1]]) for a, s, d in moves]
    still = landmark_motion(smile(), frames=6)
    assert np.allclose(landmark_motion([apply(m, p) for m, p in zip(maps, smile())], frames=6), still, atol=1e-6)
    corner = still[:, :, 54]
    assert np.allclose(np.abs(still[:, :, [27, 39, 42]]), 0, atol=1e-6) and corner[0].max() > .9 and corner[1].min() < -.7


def test_motion_from_another_reference_and_points_that_are_missing():
    assert np.allclose(landmark_motion(smile(), frames=9, reference=4)[:, 4], 0, atol=1e-9)
    points = smile()
    points[3, 5] = np.nan
    for wrong, words in ((points, "NaN in 1 of 9, first in frame"), (smile()[:1], "two frames or more"), (smile()[:, :60], "shape")):
        with pytest.raises(MekitError, match=words):
            landmark_motion(wrong)
    with pytest.raises(MekitError, match="a reference from 0 to 8"):
        landmark_motion(smile(), reference=9)


def test_where_points_come_from():
    clip = clip_of(smile())
    assert np.array_equal(course_of(clip, "auto", "x")[0], smile()) and np.array_equal(course_of(clip, smile() + 1, "x")[0], smile() + 1)
    with pytest.raises(MekitError, match="one row a frame"):
        course_of(clip, smile()[:4], "x")
    with pytest.raises(MekitError, match="Did you mean 'truth'"):
        course_of(clip, "trut", "x")
    with pytest.raises(MekitError, match="a face in every frame"):
        course_of(clip.replace(truth=None), "auto", "x")
    with pytest.raises(MekitError, match="two frames or more from onset to offset"):
        course_of(clip.mark(onset=4, apex=4, offset=4), "auto", "x")


def test_flow_carries_points(monkeypatch):
    from types import SimpleNamespace
    y, x = np.mgrid[:96, :96]
    uv = np.stack([np.stack([k * .1 * x, k * .2 * y]) for k in range(9)]).astype(np.float32)      # linear in place: bilinear reading is exact
    monkeypatch.setitem(carried_points.__globals__, "optical_flow", lambda clip, pairs: SimpleNamespace(uv=uv[pairs[:, 1]]))
    got = carried_points(clip_of(smile()), smile()[0], 2, 6)
    assert np.allclose(got - smile()[0], np.arange(2, 7)[:, None, None] * smile()[0] * (.1, .2), atol=2e-2 * 6)


# GTS-GN

def test_both_graphs_are_means():
    block = made("gtsgn").geometric[0]
    assert torch.allclose(block.learned.sum(1), torch.ones(68)) and torch.allclose(block.neighbours.sum(1), torch.ones(68))
    assert np.array_equal(face_graph(), face_graph().T) and not face_graph().diagonal().any()


def test_weights_of_action_units():
    draw = torch.Generator().manual_seed(0)
    logits, labels, at = torch.randn(9, 2, generator=draw), torch.tensor([[1., 0.]] * 9), torch.zeros(2, requires_grad=True)
    each = torch.nn.functional.binary_cross_entropy_with_logits(logits, labels, reduction="none").mean(0)
    assert adaptive_au_loss(logits, labels, at).item() == pytest.approx(each.mean().item())
    best = -each.log()
    slope, = torch.autograd.grad(adaptive_au_loss(logits, labels, best.requires_grad_()), best)
    assert slope.abs().max() < 1e-6 and adaptive_au_loss(logits, labels, best) < adaptive_au_loss(logits, labels, at)
    with pytest.raises(MekitError, match="log_weights \\(k\\)"):
        adaptive_au_loss(logits, labels[:, :1], at)
    with pytest.raises(MekitError, match="action unit"):
        AULandmarks((4, 99))


def test_a_unit_reads_its_own_landmarks_only():
    units, features = AULandmarks((4, 12), 8), torch.randn(2, 8, 68)
    changed = features.clone()
    changed[:, :, 48:] += 1
    assert torch.equal(units(features)[:, 0], units(changed)[:, 0]) and not torch.allclose(units(features)[:, 1], units(changed)[:, 1])
    _, seen = made("gtsgn")(made("gtsgn").example(2)[0], return_features=True)
    loss = AULandmarks((4, 12, 1)).loss(seen, torch.ones(2, 3))
    assert seen.shape == (2, 64, 68) and loss.ndim == 0


# hypergraph

@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_operator(seed, equal):
    h, draw = incidence(hyperedges()).double(), torch.Generator().manual_seed(seed)
    weights = torch.ones(h.shape[1]).double() if equal else torch.rand(h.shape[1], generator=draw).double() * 9 + 1e-3
    theta = hypergraph_operator(h, weights)
    values = torch.linalg.eigvalsh(theta)
    root = (h * weights).sum(1).sqrt()
    assert torch.allclose(theta, theta.T, atol=1e-12) and values.min() > -1e-9 and abs(values.max() - 1) < 1e-9 and torch.allclose(theta @ root, root)


def test_the_order_of_landmarks_is_of_no_matter():
    net, order = made("hypergraph", depth=2), torch.randperm(68, generator=torch.Generator().manual_seed(1))
    new, x = torch.argsort(order), made("hypergraph").example(2)[0]
    for p in net.parameters():
        p.data += .2 * torch.randn(p.shape, generator=torch.Generator().manual_seed(2))      # biases and weights that differ from edge to edge
    other = made("hypergraph", depth=2, edges={k: [int(new[i]) for i in v] for k, v in hyperedges().items()})
    other.load_state_dict(net.state_dict())
    hidden = hide(2, 4)
    with torch.no_grad():
        assert torch.allclose(other.encode(x[..., order]), net.encode(x)[:, :, order], atol=1e-4) and torch.allclose(other(x[..., order]), net(x), atol=1e-4)
        assert torch.allclose(other.reconstruct(x[..., order], hidden[..., order]), net.reconstruct(x, hidden)[..., order], atol=1e-4)
        assert not torch.allclose(net(x[..., order]), net(x), atol=1e-2)


def test_what_is_hidden_does_not_leak():
    net, x, hidden = made("hypergraph", depth=2), made("hypergraph").example(3)[0], hide(3, 4, share=.5)
    assert hidden.sum((1, 2)).tolist() == [34 * 4] * 3 and not torch.equal(hidden[0], hidden[1]) and torch.equal(hidden[:, 0], hidden[:, 3])
    for value in (0., 1e6, torch.nan):
        assert torch.equal(net.reconstruct(torch.where(hidden[:, None], torch.tensor(value), x), hidden), net.reconstruct(x, hidden))
    one = hidden.clone()
    one[0, 2, int(one[0, 2].int().argmin())] = True
    assert not torch.equal(net.reconstruct(x, one), net.reconstruct(x, hidden))       # a single seen value does count
    target = x.clone()
    with torch.no_grad():
        guess = net.reconstruct(x, hidden)
    target[~hidden[:, None].expand_as(x)] = x[~hidden[:, None].expand_as(x)]
    want = (guess - x).square()[hidden[:, None].expand_as(x)].mean()
    assert masked_loss(net, x, hidden).item() == pytest.approx(want.item(), rel=1e-5)
    with pytest.raises(MekitError, match="a mask \\(3, 4, 68\\)"):
        net.reconstruct(x, hidden[:, 0])
    for share in (0, 1, 1.5):
        with pytest.raises(MekitError, match="between 0 and 1"):
            hide(1, 4, share=share)


def test_hyperedges_are_mirrored():
    from mekit.anatomy import MIRROR
    edges = hyperedges()
    for number in AU_MOTION:
        assert {int(MIRROR[i]) for i in edges[f"AU{number}L"]} == set(edges[f"AU{number}R"])
    for wrong in ({}, {"x": ()}, {"x": (1, 68)}, {"x": (1, 2)}):
        with pytest.raises(MekitError, match="incidence"):
            incidence(wrong)


# hyperbolic

@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(.05, 3), st.floats(.01, 3))
def test_maps(seed, c, size):
    v, w = torch.randn(2, 20, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * size / c**.5 / 3
    x, y = exp0(v, c), exp0(w, c)
    assert max(p.norm(dim=1).max().item() for p in (x, y, mobius_add(x, y, c))) < c**-.5
    assert torch.allclose(log0(x, c), v, atol=1e-7) and torch.allclose(mobius_add(torch.zeros_like(x), x, c), x) and torch.allclose(mobius_add(x, torch.zeros_like(x), c), x)
    assert torch.allclose(mobius_add(-x, x, c), torch.zeros_like(x), atol=1e-8) and torch.allclose(mobius_add(-x, mobius_add(x, y, c), c), y, atol=1e-6)
    assert torch.allclose(hyperbolic_norm(v), 2 / c**.5 * (c**.5 * exp0(v, c).norm(dim=1)).atanh(), atol=1e-4)
    assert clip_norm(v, .5).norm(dim=1).max() < .5 + 1e-9 and torch.equal(clip_norm(v, 1e3), v)


def by_the_formula(v, p_tangent, a, c):
    "The logit of one class, number by number"
    def ball(t): return np.tanh(np.sqrt(c) * np.linalg.norm(t)) * t / (np.sqrt(c) * np.linalg.norm(t))
    x, p = ball(v), ball(p_tangent)
    a, q = a * (1 - c * p @ p), -p
    q = ((1 + 2 * c * q @ x + c * x @ x) * q + (1 - c * q @ q) * x) / (1 + 2 * c * q @ x + c**2 * (q @ q) * (x @ x))
    n = np.linalg.norm(a)
    return 2 / (1 - c * p @ p) * n / np.sqrt(c) * np.arcsinh(2 * np.sqrt(c) * q @ a / ((1 - c * q @ q) * n))


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000), st.floats(.05, 2))
def test_regression_is_the_formula_and_flat_in_the_limit(seed, c):
    draw = np.random.default_rng(seed)
    v, p, a = draw.normal(size=(4, 8)) / 3, draw.normal(size=(2, 8)) / 3, draw.normal(size=(2, 8))
    found = {}
    for name, rule in (("curved", HyperbolicMLR(8, 2, c=c)), ("limit", HyperbolicMLR(8, 2, c=1e-7)), ("flat", HyperbolicMLR(8, 2, geometry="euclidean"))):
        rule = rule.double()
        rule.load_state_dict({"points": torch.from_numpy(p), "normals": torch.from_numpy(a)})
        found[name] = rule(torch.from_numpy(v)).detach().numpy()
    assert np.allclose(found["curved"], [[by_the_formula(row, p[k], a[k], c) for k in range(2)] for row in v], atol=1e-8)
    assert np.allclose(found["flat"], 4 * np.einsum("nkd,kd->nk", v[:, None] - p, a)) and np.allclose(found["limit"], found["flat"], atol=1e-4)


def test_far_out_and_at_the_origin_everything_stays_finite():
    for dtype in (torch.float32, torch.float64):
        for size in (0., 1e-12, 50.):
            rule, v = HyperbolicMLR(8, 3).to(dtype), torch.full((2, 8), size, dtype=dtype, requires_grad=True)
            torch.nn.init.constant_(rule.points, size)
            out = rule(v)
            out.sum().backward()
            assert bool(out.isfinite().all()) and all(bool(t.grad.isfinite().all()) for t in (v, *rule.parameters()))


def test_counts_of_the_full_size_and_of_the_control():
    with torch.device("meta"):
        full = HyperbolicSiamese(("same", "changed"), trunk="resnet18")
    assert [count_parameters(p) for p in (full.trunk, full.squeeze, full.head, full)] == [11_176_512, 200_712, 32, 11_377_256]
    curved, flat = made("hyperbolic"), made("hyperbolic", geometry="euclidean")
    assert count_parameters(curved) == count_parameters(flat) and not torch.allclose(curved.logits(curved.example(2)), flat.logits(flat.example(2)))


def test_two_equal_frames_differ_in_nothing_and_order_does_not_matter():
    model = made("hyperbolic", radius=.05)
    a, b = model.example(3)
    with torch.no_grad():
        assert model.difference(a, a).abs().max() == 0 and torch.allclose(model(a, b), model(b, a), atol=1e-5)
        assert model.embed(a, b).norm(dim=1).max() < .05 + 1e-6


def test_calibration():
    stats = pytest.importorskip("scipy.stats")
    draw = np.random.default_rng(0)
    norms, amount = draw.integers(0, 9, 60), draw.integers(0, 6, 60) / 2
    found = calibration(norms, amount, bins=4)
    assert found.spearman == pytest.approx(stats.spearmanr(norms, amount).statistic) and found.count.tolist() == [15] * 4
    assert (np.diff(found.intensity) >= 0).all() and np.average(found.norm, weights=found.count) == pytest.approx(norms.mean())
    for wrong, words in ((([1, 1, 1], [1, 2, 3]), "a constant"), (([1, 2], [1, 2]), "3 or more"), (([1, 2, np.nan], [1, 2, 3]), "finite"), (([1, 2, 3], [1, 2]), "equal length")):
        with pytest.raises(MekitError, match=words):
            calibration(*wrong)


def test_the_norm_of_long_changes_is_their_length():
    v = torch.tensor([[5., 0.], [12., 0.], [0., 300.], [0., 0.]])
    assert torch.allclose(hyperbolic_norm(v), torch.tensor([10., 24., 600., 0.]), atol=1e-6)
    with pytest.raises(MekitError, match="a radius of"):
        HyperbolicSiamese(("a",), curvature=50.)
    HyperbolicSiamese(("a",), curvature=50., radius=.4), HyperbolicSiamese(("a",), curvature=50., geometry="euclidean")
