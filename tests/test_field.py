"The models one by one: names and numbers of others, parts that must compute what they say, own networks, other people's files"
import hashlib
import http.server
import json
import threading

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import nn

from mekit import weights
from mekit.core import MekitError
from mekit.explain.core import attribute
from mekit.models import zoo
from mekit.models.base import count_parameters
from mekit.models.checks import learn_by_heart
from mekit.models.classical import Constant, FlowSVM, LBPTOPSVM
from mekit.models.drawing import draw, layers, steps, unused
from mekit.models.elrcn import ELRCN
from mekit.models.ethnicmer import EthnicMER, confounded, three_losses
from mekit.models.flow_resnet import FlowResNet
from mekit.models.infusenet_small import InfuseNetSmall
from mekit.models.off_apexnet import OffApexNet
from mekit.models.rcn import RCNA, RCNS, RCNW, Recurrent, class_attention
from mekit.models.rcn_searched import RCNC, RCNF, RCNP
from mekit.models.resnet import ResNet, start_from
from mekit.models.sssnet import SSSNet
from mekit.models.wrap import Wrapped
from mekit.models.zoo import build, load, models, register, save
from mekit.train.loop import fit

ABC = ("a", "b", "c")


# ---- residual networks
@pytest.mark.parametrize("depth, digest", [(18, "d0ac746188af93f2"), (34, "e9226d6cfc5ce93d")])
def test_names_and_shapes_are_torchvisions(depth, digest):
    "The digest is that of torchvision 0.29's own state dict, in its order; outputs were equal to the last bit"
    with torch.device("meta"):
        state = ResNet(depth=depth).state_dict()
    assert hashlib.sha256("".join(f"{k}{tuple(v.shape)}" for k, v in state.items()).encode()).hexdigest()[:16] == digest


def test_outputs_are_torchvisions():
    torchvision = pytest.importorskip("torchvision")
    theirs, ours, x = torchvision.models.resnet18().eval(), ResNet().eval(), torch.randn(2, 3, 64, 64)
    ours.load_state_dict(theirs.state_dict())
    assert torch.equal(ours(x), theirs(x))


def test_stages_are_the_forward_pass():
    net, x = ResNet(5, depth=10, width=8).eval(), torch.randn(2, 3, 64, 64)
    maps = net.stages(net.stem(x))
    assert [tuple(m.shape[1:]) for m in maps] == [(8, 16, 16), (16, 8, 8), (32, 4, 4), (64, 2, 2)]
    assert torch.allclose(net.fc(maps[-1].mean((2, 3))), net(x), atol=1e-6)
    assert bool((net.stem(x) < 0).any()) and bool((maps[0] >= 0).all())


def test_imagenet_weights_leave_the_last_layer(tmp_path):
    torch.save(ResNet(1000, depth=10).state_dict(), tmp_path / "r.pth")
    model = FlowResNet(ABC, depth=10, size=32)
    kept = model.trunk.fc.weight.clone()
    fit = model.start_from(tmp_path / "r.pth")
    assert fit.left_out == ("fc.weight", "fc.bias") and torch.equal(model.trunk.fc.weight, kept)
    assert torch.equal(model.trunk.layer3[0].conv1.weight, torch.load(tmp_path / "r.pth", weights_only=True)["layer3.0.conv1.weight"])
    with pytest.raises(MekitError, match="unexpected: layer1.1"):
        torch.save(ResNet(10, depth=18).state_dict(), tmp_path / "r18.pth")
        start_from(model.trunk, tmp_path / "r18.pth")


def test_photographic_is_imagenets_normalisation():
    model, x = FlowResNet(ABC, depth=10, size=32, scaling="minmax", photographic=True).eval(), torch.rand(2, 3, 32, 32)
    mean, spread = torch.tensor([.485, .456, .406]).view(3, 1, 1), torch.tensor([.229, .224, .225]).view(3, 1, 1)
    assert torch.allclose(model(x), model.trunk((x - mean) / spread), atol=1e-6)


# ---- the small flow networks
@pytest.mark.parametrize("make, kind, sizes", [
    (SSSNet, "first.0", (32, 60, 60)), (SSSNet, "second.2", (64, 9, 9)), (OffApexNet, "first.2", (6, 14, 14)), (OffApexNet, "second.2", (16, 7, 7)),
    (RCNA, "first.0", (32, 60, 60)), (RCNW, "first.streams.2.0", (8, 20, 20)), (RCNA, "mean", (32, 5, 5))])
def test_sizes(make, kind, sizes):
    assert next(s.shape for s in steps(make(ABC)) if s.name == kind) == sizes


def test_channels_are_dropped_whole():
    model = SSSNet(ABC)
    dropped = model.first[4].train()(torch.ones(1, 32, 4, 4)).flatten(2).std(2)
    assert bool((dropped == 0).all())


# ---- RCN
@pytest.mark.parametrize("make, used, total", [
    (RCNA, (15331, 55747), (15331, 55747)), (RCNS, (15331, 55747), (24643, 92803)), (RCNW, (13795, 52675), (13795, 52675)),
    (RCNP, (13795, 52675), (33539, 131075)), (RCNC, (13795, 52675), (33539, 131075)), (RCNF, (13555, 52195), (13795, 52675))])
def test_rcn_counts(make, used, total):
    def count(**options):
        return tuple(count_parameters(make(ABC, multilabel=False, features=f, grid=p, **options)) for f, p in ((32, 5), (64, 7)))
    assert (count(), count(unused=True)) == (used, total)
    assert sum(unused(make(ABC, unused=True)).values()) == total[0] - used[0]


def test_the_recurrent_convolution_is_one_layer_used_again():
    for dense, uses in ((False, 2), (True, 3)):
        layer = Recurrent(4, dense=dense).eval()
        x = layer.feed(torch.randn(2, 4, 6, 6))
        first = layer.again(x)
        second = layer.again(x + first)
        calls = []
        layer.again.register_forward_hook(lambda *_: calls.append(1))
        layer.feed = nn.Identity()
        out = layer(x)
        assert len(calls) == uses
        assert torch.allclose(out, second if not dense else layer.again(x + first + second), atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.floats(1e-6, 1e6))
def test_attention_is_between_zero_and_one_and_knows_no_scale(seed, scale):
    draw_ = torch.Generator().manual_seed(seed)
    features, weight = torch.randn(2, 3, 4, 4, generator=draw_, dtype=torch.float64), torch.randn(2, 48, generator=draw_, dtype=torch.float64)
    found = class_attention(features, weight, eps=0)
    assert float(found.min()) >= 0 and float(found.max()) <= 1 + 1e-9
    assert torch.allclose(class_attention(features * scale, weight, eps=0), found, atol=1e-6)


def test_attention_of_the_model_is_that_of_its_classifier():
    model, x = RCNA(ABC, features=16).eval(), torch.randn(2, 3, 60, 60)
    early = model.rest(model.first(x))
    late = model.mean(model.drop(model.recurrent(early)))
    pooled = torch.nn.functional.adaptive_avg_pool2d(early, 5)
    maps = torch.stack([(pooled * model.head.weight[k].view(16, 5, 5)).sum(1) for k in range(3)], 1)
    spread = (maps - maps.amin((2, 3), keepdim=True)) / (maps.amax((2, 3), keepdim=True) - maps.amin((2, 3), keepdim=True))
    assert torch.allclose(model(x), model.head((late * spread.mean(1, keepdim=True)).flatten(1)), atol=1e-4)


def test_streams_of_rcn_f_are_the_first_and_twice_the_second():
    model, x = RCNF(ABC, features=16).eval(), torch.randn(1, 3, 60, 60)
    joined = model.first(x)
    assert torch.equal(joined[:, 8:12], joined[:, 12:]) and not torch.equal(joined[:, :4], joined[:, 8:12])


# ---- ELRCN
@pytest.mark.parametrize("options, head, trunks", [(dict(), 85_548_773, 1), (dict(enrich="temporal"), 134_700_773, 2), (dict(enrich="temporal", grey=True), 183_852_773, 3)])
def test_elrcn_is_as_large_as_published(options, head, trunks):
    with torch.device("meta"):
        model = ELRCN(tuple("abcde"), trunk="vgg16", **options)
    assert sum(count_parameters(p) for p in (model.course, model.weigh, model.head)) == head
    assert count_parameters(model.trunks) == trunks * 134_260_544 + (576 if trunks == 1 else 0)       # a fourth channel: 9 x 64 weights


def test_spatial_and_temporal_read_the_same_pictures():
    x = torch.randn(2, 4, 5, 32, 32)
    one, many = (ELRCN(ABC, enrich=e, grey=True, frames=5, size=32).eval() for e in ("spatial", "temporal"))
    assert one(x).shape == many(x).shape == (2, 3) and list(many.trunks) == ["flow", "strain", "grey"]
    seen = {}
    for kind, trunk in many.trunks.items():
        trunk.register_forward_hook(lambda m, i, o, kind=kind: seen.__setitem__(kind, i[0]))
    many(x)
    assert torch.equal(seen["flow"], x.flatten(0, 1)[:, :3]) and torch.equal(seen["grey"], x.flatten(0, 1)[:, 4:].expand(-1, 3, -1, -1))


def test_the_second_bias_stays_zero():
    model = ELRCN(ABC, frames=4, size=32)
    model(torch.randn(2, 3, 4, 32, 32)).sum().backward()
    assert model.course.bias_hh_l0.grad is None and not model.course.bias_hh_l0.any()


# ---- EthnicMER
def test_final_answer_is_of_the_mean_of_both_branches():
    model, x = EthnicMER(ABC, branches="resnet10", size=32).eval(), torch.randn(2, 3, 32, 32)
    heads, mean = model.heads(x), (model.emotion(x) + model.group(x)) / 2
    assert torch.allclose(model(x)[0], model.head(mean), atol=1e-6) and torch.equal(heads["final"], model(x)[0]) and torch.equal(heads["emotion"], model(x)[1])
    assert torch.allclose(heads["group"], model.group_head(model.group(x)), atol=1e-6)


def test_unknown_groups_teach_nothing():
    heads = {k: torch.randn(4, n, requires_grad=True) for k, n in (("final", 3), ("emotion", 3), ("group", 2))}
    emotion = torch.tensor([0, 1, 2, 0])
    three_losses(heads, emotion, torch.tensor([0, -1, 1, -1])).backward()
    assert bool(heads["group"].grad[[1, 3]].eq(0).all()) and bool(heads["group"].grad[[0, 2]].ne(0).any())
    assert torch.isfinite(three_losses(heads, emotion, torch.full((4,), -1)))
    plain = three_losses(heads, emotion, torch.tensor([0, 1, 1, 0]))
    cross = nn.functional.cross_entropy
    assert torch.allclose(plain, cross(heads["final"], emotion) + cross(heads["emotion"], emotion) + cross(heads["group"], torch.tensor([0, 1, 1, 0])))


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xyz")), min_size=1, max_size=30))
@settings(max_examples=15, deadline=None)
def test_confound_is_that_of_the_table(rows):
    groups, databases = zip(*rows)
    found, turned = confounded(groups, databases), confounded(groups[::-1], databases[::-1])
    assert repr(found) == repr(turned) and found.base <= found.told <= 1
    assert np.isnan(found.v) == (len(set(groups)) == 1 or len(set(databases)) == 1)
    if found.table.shape == (2, 2):
        from scipy.stats import contingency
        assert found.v == pytest.approx(contingency.association(found.table.values, method="cramer"), abs=1e-9)


# ---- fitted at once
@pytest.mark.parametrize("kernel", ["rbf", "poly", "linear"])
@pytest.mark.parametrize("multilabel", [True, False])
def test_svm_decides_as_scikit_learn(kernel, multilabel):
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.svm import SVC
    x = torch.randn(30, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    classes = np.arange(30) % 3
    y = np.stack([classes == 0, classes < 2, x[:, 0].mean((1, 2)).numpy() > 0], 1).astype(float) if multilabel else classes
    model, rows = FlowSVM(ABC, kernel=kernel, multilabel=multilabel).fit(x, y), x.flatten(1).double().numpy()
    peer = OneVsRestClassifier(SVC(C=28, kernel=kernel, gamma="scale")).fit(rows, y)
    assert np.allclose(model.logits(x), peer.decision_function(rows), atol=1e-6)
    assert np.array_equal(model.predict(x) > .5 if multilabel else model.predict(x).argmax(1), peer.predict(rows).astype(bool if multilabel else int))


def test_svm_leaves_unknown_labels_out():
    x = torch.randn(20, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    y = (np.arange(20) % 2)[:, None].astype(float)
    part = y.copy()
    part[10:] = np.nan
    a, b = FlowSVM(("a",)).fit(x, part), FlowSVM(("a",)).fit(x[:10], y[:10])
    assert len(a.support) <= 10 and a.trained == (True,)
    assert np.array_equal(a.predict(x) > .5, b.predict(x) > .5)
    never = FlowSVM(("a", "b")).fit(x, np.concatenate([y, np.full((20, 1), np.nan)], 1))
    assert never.trained == (True, False) and np.isnan(never.predict(x)[:, 1]).all()


def test_order_of_samples_does_not_matter():
    x, y = torch.randn(24, 3, 32, 32, generator=torch.Generator().manual_seed(3)), (np.arange(24) % 2)[:, None].astype(float)
    order = np.random.default_rng(0).permutation(24)
    assert np.allclose(FlowSVM(("a",)).fit(x, y).logits(x), FlowSVM(("a",)).fit(x[order], y[order]).logits(x), atol=1e-3)


def test_svm_without_scikit_learn(monkeypatch):
    import sys
    monkeypatch.setitem(sys.modules, "sklearn.svm", None)
    with pytest.raises(MekitError, match=r"pip install 'mekit\[classical\]'"):
        FlowSVM(("a",)).fit(torch.randn(4, 3, 32, 32), np.array([[0.], [1.], [0.], [1.]]))


def test_lbptop_reads_ten_frames_of_a_clip():
    from mekit.data.clip import Clip
    frames = np.random.default_rng(0).integers(0, 255, (14, 64, 64, 3), np.uint8)
    model = LBPTOPSVM(("a",))
    whole, part = model.prepare(Clip(frames)), model.prepare(Clip(frames).mark(onset=2, apex=4, offset=11))
    assert whole.x.shape == (1, 11328) and whole.pairs.tolist() == [[0, 13]] and part.pairs.tolist() == [[2, 11]]
    assert torch.equal(part.x, model.prepare(Clip(frames[2:12])).x) and not torch.equal(part.x, whole.x)
    with pytest.raises(MekitError, match="two frames or more"):
        model.prepare(Clip(frames[:1]))


def test_constant():
    y = np.array([[1, 0], [1, np.nan], [0, 1], [1, np.nan]])
    x = torch.zeros(4, 3, 28, 28)
    assert (Constant(("a", "b")).predict(x) > .5).all()
    assert Constant(("a", "b"), says="share").fit(x, y).predict(x)[0] == pytest.approx([3.5 / 5, 1.5 / 3], abs=1e-6)


# ---- drawn from themselves
def test_a_forward_pass_touches_what_is_counted():
    for make in (SSSNet, OffApexNet, RCNA, RCNW, RCNC):
        assert layers(make(ABC)).parameters.sum() == count_parameters(make(ABC))
    assert layers(RCNS(ABC, unused=True)).parameters.sum() == count_parameters(RCNS(ABC))


def test_nothing_stays_on_the_network():
    import matplotlib.pyplot as plt
    model = SSSNet(ABC).train()
    figure = draw(model)
    assert model.training and not any(m._forward_hooks for m in model.modules())
    words = [t.get_text() for t in figure.axes[0].texts]
    assert "64 x 9 x 9\n128" in words and "u, v, strain" in words
    plt.close(figure)
    with pytest.raises(MekitError):
        steps(model, torch.zeros(1, 3, 20, 20))
    assert not any(m._forward_hooks for m in model.modules())


def test_learning_by_heart_tells_whole_from_cut():
    class Cut(OffApexNet):
        def forward(self, x):
            return super().forward(x).detach() + self.head.bias
    torch.manual_seed(0)
    whole, cut = (learn_by_heart(make(ABC), samples=8, steps=25, lr=3e-3) for make in (OffApexNet, Cut))
    assert whole.right == 1 and cut.loss[-1] > .3


# ---- a network of one's own
class Plain(nn.Module):
    def __init__(self, n_out, width=4, *, deep=False):
        super().__init__()
        self.see, self.say = nn.Conv2d(3, width, 3), nn.Linear(width, n_out)
        self.more = nn.Conv2d(width, width, 3) if deep else nn.Identity()

    def forward(self, x):
        return self.say(self.more(self.see(x)).relu().mean((2, 3)))


@pytest.fixture
def plain():
    register("plain", Plain, size=24, block="convolution", paper="nobody 2020")
    yield "plain"
    del zoo.ZOO["plain"]


def test_registered_without_subclassing(plain, tmp_path):
    model = build(plain, classes=("x", "y"), width=5, deep=True, multilabel=False)
    assert model.options == dict(width=5, deep=True) and model.cam_layer == "net.more" and model.name == "plain"
    assert models().loc["plain", ["block", "fidelity", "paper", "input"]].tolist() == ["convolution", "yours", "nobody 2020", "u, v, strain; 24 x 24; onset to t"]
    back = load(plain, save(tmp_path / "p.safetensors", model))
    x = model.example(3)[0]
    assert np.array_equal(back.predict(x), model.predict(x)) and back.classes == ("x", "y") and back.multilabel is False
    torch.save(model.net.state_dict(), tmp_path / "own.pth")
    assert np.array_equal(load(plain, tmp_path / "own.pth", classes=("x", "y"), multilabel=False, options=dict(width=5, deep=True)).predict(x), model.predict(x))
    explained = attribute(model, x, "y")
    assert explained.maps.shape == (3, 24, 24) and explained.layer == "net.more" and np.isfinite(explained.maps).all()


def test_registered_as_a_network_or_a_function(plain):
    register("ready", Plain(2), size=24)
    register("made", lambda n_out: Plain(n_out, 3), size=24)
    try:
        assert build("ready", classes=("x", "y")).net is not build("ready", classes=("x", "y")).net
        assert count_parameters(build("made", n_out=7)) == 3 * 28 + 4 * 7
        assert models().parameters[["ready", "made"]].tolist() == [4 * 28 + 5 * 2, 3 * 28 + 4 * 12]
        with pytest.raises(MekitError, match=r"to \(n 12\), received \(2, 2\)"):
            build("ready", n_out=12)
    finally:
        del zoo.ZOO["ready"], zoo.ZOO["made"]


@pytest.mark.parametrize("call, kind, message", [
    (lambda: register("a b", Plain), MekitError, "letters, digits and _"), (lambda: register("sssnet", Plain), MekitError, "no model of mekit has"), (lambda: register("n", 3), MekitError, "a function of the number"),
    (lambda: register("n", Plain, blocks="x"), TypeError, "Did you mean 'block'"), (lambda: Wrapped(("a",), Plain(2), size=24), MekitError, r"to \(n 1\), received \(2, 2\)"),
    (lambda: Wrapped(("a",), Plain(1), channels=2), MekitError, "fails on such an input"), (lambda: build("plain", n_out=2, widht=3), MekitError, "unknown model 'plain'")])
def test_descriptions_that_do_not_fit(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


# ---- other people's files
def test_programs_are_not_run(tmp_path):
    class Program:
        def __reduce__(self):
            return (tmp_path / "ran").touch, ()
    torch.save({"w": Program()}, tmp_path / "p.pth")
    with pytest.raises(MekitError, match="would run a program"):
        weights.read_checkpoint(tmp_path / "p.pth")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", [b"", b"PK", b"\x80\x02", b"hello"])
def test_broken_pickles(tmp_path, content):
    (tmp_path / "b.pt").write_bytes(content)
    with pytest.raises(MekitError, match="cannot be read as such"):
        weights.read_checkpoint(tmp_path / "b.pt")


@pytest.mark.parametrize("wrap", [lambda s: s, lambda s: {"state_dict": s, "epoch": 3}, lambda s: {"model": {"state_dict": s}}, lambda s: {f"module.{k}": v for k, v in s.items()}])
def test_usual_wrappings_are_taken_off(tmp_path, wrap):
    state = nn.Linear(2, 2).state_dict()
    torch.save(wrap(dict(state)), tmp_path / "w.pt")
    assert weights.read_checkpoint(tmp_path / "w.pt")[0].keys() == state.keys()


names = st.lists(st.sampled_from(["a.w", "a.b", "b.w", "c", "enc.a.w", "encoder.w"]), unique=True, max_size=6)


@given(names, names)
@settings(max_examples=60, deadline=None)
def test_every_name_is_in_one_list(ours, theirs):
    good, fit = weights.match({k: torch.zeros(2) for k in ours}, {k: torch.zeros(3 if k == "c" else 2) for k in theirs})
    assert sorted([*fit.used, *fit.missing, *fit.wrong]) == sorted(ours) and set(fit.unexpected) == set(theirs) - set(ours)
    assert set(good) == set(fit.used) == set(ours) & set(theirs) - {"c"} and fit.complete == (set(ours) == set(theirs) and "c" not in ours)


def test_key_map_turns_beginnings_at_dots():
    tensors = {k: torch.zeros(1) for k in ("enc.a", "encoder.a", "fc")}
    good, fit = weights.match({"x.a": torch.zeros(1), "encoder.a": torch.zeros(1)}, tensors, keys={"enc": "x", "fc": None})
    assert fit.complete and fit.left_out == ("fc",)
    assert weights.match({"net.fc": torch.zeros(1)}, {"fc": torch.zeros(1)}, keys={"": "net"})[1].complete
    assert weights.match({"FC": torch.zeros(1)}, {"fc": torch.zeros(1)}, keys=str.upper)[1].complete


def test_numbers_that_are_not_finite_are_refused():
    with pytest.raises(MekitError, match="finite numbers"):
        weights.put_into(nn.Linear(1, 1), {"weight": torch.tensor([[float("nan")]]), "bias": torch.zeros(1)})


@pytest.fixture
def served(tmp_path):
    "A folder behind a web address of this machine"
    folder = tmp_path / "served"
    folder.mkdir()
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=folder)
        def log_message(self, *args): ...
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_manifest(served, tmp_path, monkeypatch):
    folder, address = served
    monkeypatch.setenv("MEKIT_CACHE", str(tmp_path / "cache"))
    model = build("ststnet", classes=ABC)
    torch.save(model.state_dict(), folder / "st.pth")
    entry = dict(url=f"{address}/st.pth", sha256=weights.sha256(folder / "st.pth"), size=(folder / "st.pth").stat().st_size, licence="theirs", source="somewhere", model="ststnet", classes=list(ABC))
    (tmp_path / "list.json").write_text(json.dumps({"st": entry}))
    listed = weights.manifest(tmp_path / "list.json")["st"]
    with pytest.raises(MekitError, match=r"st.pth .* licence: theirs.*comes from somewhere. Put it there, or use download=True"):
        load("ststnet", listed)
    x = model.example(2)[0]
    got = load("ststnet", listed, download=True)
    assert np.array_equal(got.predict(x), model.predict(x)) and got.meta["licence"] == "theirs" and "folder" not in got.meta
    assert np.array_equal(load("ststnet", listed).predict(x), model.predict(x))        # offline from now on
    (tmp_path / "cache/weights/st.pth").write_bytes(b"x" * entry["size"])
    with pytest.raises(MekitError, match="the checksum"):
        load("ststnet", listed)
    (tmp_path / "cache/weights/st.pth").unlink()
    with pytest.raises(MekitError, match="expected 3 bytes"):
        load("ststnet", listed | {"size": 3}, download=True)
    assert not any((tmp_path / "cache/weights").iterdir())
    with pytest.raises(MekitError, match="name the model 'sssnet'"):
        load("sssnet", listed, download=True)


@pytest.mark.parametrize("change, message", [({"sha256": "abc"}, "64 hexadecimal"), ({"size": "big"}, "size in bytes"), ({"licence": None}, "none of licence"), ({"file": None}, "none of file or url")])
def test_manifests_that_say_too_little(tmp_path, change, message):
    entry = {k: v for k, v in (dict(file="f.pth", sha256="0" * 64, size=3, licence="x", source="y") | change).items() if v is not None}
    (tmp_path / "m.json").write_text(json.dumps({"a": entry}))
    with pytest.raises(MekitError, match=f"'a'.*{message}"):
        weights.manifest(tmp_path / "m.json")


def test_a_file_says_its_options_itself(tmp_path):
    path = save(tmp_path / "e.safetensors", build("elrcn", n_out=2, frames=4, size=32))
    assert load("elrcn", path).shapes == ((3, 4, 32, 32),)
    with pytest.raises(MekitError, match="no options but those that the file lacks"):
        load("elrcn", path, options=dict(frames=5))
    with pytest.raises(MekitError, match="the classes of the file"):
        load("elrcn", path, classes=("x", "y"))


# ---- who reads what
class Gated(nn.Module):
    "Two streams, one of which gates the other; the gate of the first picture is also read at the end"
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c, self.gone, self.head = nn.Conv2d(2, 4, 1), nn.Conv2d(2, 4, 1), nn.Conv2d(4, 4, 1), nn.Identity(), nn.Linear(4, 2)

    def forward(self, x, y):
        gate = self.a(x).sigmoid()
        out = torch.zeros_like(gate)
        out[:] = self.c(self.gone(self.b(y)) * gate)
        return self.head((out + gate).mean((2, 3)))


def test_steps_read_what_they_received():
    found = steps(Gated(), torch.zeros(1, 2, 4, 4), torch.zeros(1, 2, 4, 4))
    assert [(s.name, s.reads) for s in found] == [("a", (-1,)), ("b", (-2,)), ("c", (0, 1)), ("head", (0, 2))]


def test_figures_show_attention_and_each_heads_branch():
    def reads(model, **options):
        found = steps(model, **options)
        return {s.name: {found[i].name for i in s.reads if i >= 0} for s in found}
    assert reads(RCNA(ABC))["head"] == {"mean", "rest.0"} and reads(RCNS(ABC))["head"] == {"mean"}
    heads = reads(EthnicMER(ABC, branches="resnet10", size=32), whole=("emotion", "group"))
    assert heads["head"] == {"emotion", "group"} and heads["emotion_head"] == {"emotion"} and heads["group_head"] == {"group"}
    stages = tuple(f"{branch}.layer{k}" for branch in ("flow", "magnified") for k in (1, 2, 3, 4))
    gates = reads(InfuseNetSmall(ABC), whole=("magnifier.encoder", "magnifier.manipulator", *stages))
    assert all(gates[f"magnified.layer{k + 1}"] == {f"magnified.layer{k}", f"flow.layer{k}"} for k in (1, 2, 3)) and gates["flow.conv1"] == set()


def test_a_figure_has_a_box_for_inputs_that_are_read_apart():
    import matplotlib.pyplot as plt
    figure = draw(Gated(), torch.zeros(1, 2, 4, 4), torch.zeros(1, 2, 4, 4), lanes=("a", ("b", "c")), read=("first", "second"))
    assert {"first", "second"} <= {t.get_text() for t in figure.axes[0].texts} and len(figure.axes[0].lines) == 6
    plt.close(figure)
    with pytest.raises(MekitError, match="read as one text, or 2 of them"):
        draw(Gated(), torch.zeros(1, 2, 4, 4), torch.zeros(1, 2, 4, 4), read=("first",))


# ---- EthnicMER in training
def test_fit_teaches_the_final_and_the_emotion_head():
    torch.manual_seed(0)
    model = EthnicMER(ABC, branches="resnet10", size=32)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    fit(model, model.example(4)[0], torch.eye(3)[[0, 1, 2, 0]], epochs=1)
    moved = {head: not torch.equal(before[f"{head}.weight"], model.state_dict()[f"{head}.weight"]) for head in ("head", "emotion_head", "group_head")}
    assert moved == dict(head=True, emotion_head=True, group_head=False) and "fit trains the final and the emotion head" in model.facts.fidelity


def test_branches_of_ones_own_are_explained_at_their_last_convolution():
    def tiny(): return nn.Sequential(nn.Conv2d(3, 8, 5), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    model = EthnicMER(ABC, branches=tiny, size=24)
    assert model.cam_layer == "emotion.2" and attribute(model, model.example(2)[0], "b").layer == "emotion.2"
    assert EthnicMER(ABC, branches=lambda: nn.Sequential(nn.Flatten(), nn.Linear(48, 8)), size=4).cam_layer == ""


def test_elrcn_takes_no_flow_of_another_clip():
    from mekit.data.synthetic import synthesize
    from mekit.motion.flow import flow
    small, large = (synthesize({"AU12": 2.}, fps=30, size=size, seed=1) for size in (96, 128))
    with pytest.raises(MekitError, match=r"elrcn.prepare: expected a flow of the clip's size \(96, 96\), received \(128, 128\)"):
        ELRCN(ABC).prepare(small, flow=flow(large, pairs=[(0, k) for k in range(1, 10)]))
