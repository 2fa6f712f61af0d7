"One contract over every model of the zoo, whatever it reads: any batch, no chance in evaluation, gradients, files, precision, bad input"
import copy
import inspect
import warnings

import numpy as np
import pytest
import torch

from mekit.core import MekitError
from mekit.anatomy import CANONICAL
from mekit.data.clip import Clip, Truth
from mekit.models.base import Inputs, Network, count_parameters
from mekit.models.drawing import unused
from mekit.models.zoo import NETWORKS, ZOO, build, load, models, save

SMALL = dict(flow_resnet=dict(depth=10, size=32), ethnicmer=dict(branches="resnet10", size=32), infusenet=dict(size=32), infusenet_small=dict(size=32), elrcn=dict(frames=5, size=32),
             **{f"rcn_{v}": dict(features=16) for v in "aswpcf"})
SIDE = dict(ethnicmer=("group_head",), **dict.fromkeys(("infusenet", "infusenet_small"), ("magnifier.decoder", "magnified.conv1", "magnified.bn1")))     # no part of what `forward` answers
COUNTS = dict(ststnet=(1_683, 5_292), sssnet=(1_349_251, 1_351_564), off_apexnet=(807_909, 817_134), flow_resnet=(11_178_051, 11_182_668), constant=(0, 0), flow_svm=(0, 0), lbptop_svm=(0, 0),
              rcn_a=(15_331, 22_540), rcn_s=(15_331, 22_540), rcn_w=(13_795, 21_004), rcn_p=(13_795, 21_004), rcn_c=(13_795, 21_004), rcn_f=(13_555, 20_764))
NAMES = tuple(network.name for network in NETWORKS)
HEAVY = ("infusenet",)      # 23 million parameters; its sibling runs the same code in every test
every = pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) if n in HEAVY else n for n in NAMES])
each = pytest.mark.parametrize("name", NAMES)
KEPT = {}


def made(name: str, **options) -> Network:
    "A model in evaluation mode, shared by the tests that do not change it; those that are fitted are fitted"
    if (name, *options) not in KEPT:
        torch.manual_seed(0)
        model = build(name, n_out=3, **SMALL.get(name, {}) | options)
        if hasattr(model, "fit"):
            classes = np.array([0, 1, 2, 0, 1, 2])
            model.fit(model.example(6)[0], np.eye(3)[classes] if model.multilabel else classes)
        KEPT[name, *options] = model.eval()
    return KEPT[name, *options]


def own(name: str) -> Network:
    "A copy to change"
    return copy.deepcopy(made(name))


def outputs(out) -> list[torch.Tensor]:
    "All tensors a forward pass gave"
    return [t for t in (out.values() if isinstance(out, dict) else out if isinstance(out, tuple) else [out]) if isinstance(t, torch.Tensor)]


@every
def test_any_batch(name):
    model = made(name)
    for n in (1, 2, 5):
        with torch.no_grad():
            assert model.final(model(*model.example(n))).shape == (n, 3)
    assert model.logits(tuple(x[:0] for x in model.example(1))).shape == (0, 3)


@every
def test_evaluation_knows_no_chance_and_no_neighbours(name):
    model, x, order = made(name), made(name).example(5), torch.tensor([3, 1, 4, 0, 2])
    once = model.train().logits(x)
    assert torch.equal(once, model.logits(x)) and model.training and not model.eval().training
    assert torch.allclose(model.logits(tuple(part[order] for part in x)), once[order], atol=1e-4, rtol=1e-4)
    assert torch.allclose(model.logits(x, batch=1), once, atol=1e-4, rtol=1e-4)
    assert model.predict(x).shape == (5, 3) and np.isfinite(model.predict(x)).all()


@every
def test_gradients_reach_every_parameter_that_is_used(name):
    model = made(name)
    dead = {k for k in unused(model)} if count_parameters(model) else set()
    side = {k for k, p in model.named_parameters() if p.requires_grad and k.startswith(SIDE.get(name, ("-",)))}
    assert dead == side and bool(side) == (name in SIDE)


@every
def test_a_training_step_is_finite_also_where_nothing_moves(name):
    if not count_parameters(made(name)):
        pytest.skip("fitted at once")
    model = own(name).train()
    for value in (None, 0., 3.):
        model.zero_grad()
        x = model.example(3)
        x = x if value is None else tuple(torch.full_like(part, value) for part in x)
        sum(out.square().mean() for out in outputs(model(*x))).backward()
        assert all(bool(p.grad.isfinite().all()) for p in model.parameters() if p.grad is not None)
        assert bool(model.logits(x).isfinite().all())


@every
def test_saved_and_loaded(name, tmp_path):
    model, x = own(name), made(name).example(2)
    model.trained = (True, False, True)
    back = load(name, save(tmp_path / "m.safetensors", model, facts={"note": "contract"}))
    assert torch.equal(back.logits(x), model.logits(x)) and back.trained == model.trained and not back.training
    assert (back.classes, back.multilabel, back.meta["note"], back.fit_report.complete) == (model.classes, True, "contract", True)
    assert {k: tuple(v) if isinstance(v, list) else v for k, v in back.options.items()} == model.options
    assert np.isnan(back.predict(x)[:, 1]).all() and np.isfinite(back.predict(x)[:, 0]).all()


@every
def test_keys_that_do_not_fit_are_listed(name, tmp_path):
    model = made(name)
    tensors = dict(model.body.state_dict())
    first = next(k for k in tensors if tensors[k].ndim)
    options, path = model.options, tmp_path / "theirs.pth"
    torch.save({"state_dict": {f"module.{k}": v for k, v in tensors.items()}}, path)
    assert load(name, path, n_out=3, options=options).fit_report.complete
    torch.save({k: v for k, v in tensors.items() if k != first} | {"stranger": torch.zeros(2)}, path)
    if not hasattr(model, "fit"):
        with pytest.raises(MekitError, match="1 missing: .*1 unexpected: stranger"):
            load(name, path, n_out=3, options=options)
        assert not any(load(name, path, n_out=3, options=options, strict=False).trained)
        torch.save(tensors | {first: torch.zeros(1, 1)}, path)
        with pytest.raises(MekitError, match=rf"1 of another shape: {first} \(1, 1\) for"):
            load(name, path, n_out=3, options=options)


@every
def test_double_precision(name):
    model, x = made(name), made(name).example(2)
    wide = own(name).double()
    out = wide.logits(x)
    assert out.dtype == torch.float64 and torch.allclose(out.float(), model.logits(x).float(), atol=1e-3, rtol=1e-3)
    assert wide.predict(x).dtype == np.float64


@every
def test_half_precision_is_refused_on_a_cpu(name):
    with pytest.raises(MekitError, match="float32 or float64 on a CPU, received float16"):
        own(name).half().predict(made(name).example(2))


@every
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_cpu_and_gpu_agree(name):
    model, x = made(name), made(name).example(3)
    there = own(name).cuda()
    assert torch.allclose(there.logits(x).cpu(), model.logits(x), atol=1e-2, rtol=1e-3)
    assert np.isfinite(there.half().predict(x)).all()


@every
def test_wrong_width_and_channels_are_refused(name):
    model = made(name)
    for shape in {(*model.shapes[0][:-1], model.shapes[0][-1] + 1), (model.shapes[0][0] + 1, *model.shapes[0][1:])}:
        x = (torch.zeros(2, *shape), *model.example(2)[1:])
        with pytest.raises(MekitError, match=rf"inputs \(n {' '.join(map(str, model.shapes[0]))}\)"):
            model(*x)
    with pytest.raises(MekitError, match="finite inputs"):
        model.predict(tuple(torch.full_like(x, torch.nan) for x in model.example(1)))


@each
def test_names_of_outputs_and_options(name):
    with torch.device("meta"):
        assert build(name, classes=("x", "y")).classes == ("x", "y")
    for wrong in (0, -1, 1.5, None):
        with pytest.raises(MekitError, match="n_out of 1 or more"):
            build(name, n_out=wrong)
    with pytest.raises(TypeError, match="Did you mean 'multilabel'"):
        build(name, n_out=2, multilabl=True)
    if "scaling" in inspect.signature(ZOO[name].make).parameters:
        with pytest.raises(MekitError, match="Did you mean 'minmax'"):
            build(name, n_out=2, scaling="min-max")


@every
def test_exclusive_classes_add_up(name):
    model = made(name, multilabel=False)
    assert model.predict(model.example(4)).sum(1) == pytest.approx(np.ones(4), abs=1e-5)


@pytest.fixture(scope="module")
def table():
    return models()


@each
def test_counts(name, table):
    with torch.device("meta"):
        real = tuple(count_parameters(build(name, n_out=n)) for n in (3, 12))
    assert table.parameters[name] == real[1]
    assert name not in COUNTS or real == COUNTS[name]


@pytest.fixture(scope="module")
def clip():
    "A texture that slides down by a pixel and returns"
    y, x = np.mgrid[:96, :96]
    frames = [120 + 50 * np.sin(x / 3.1) * np.cos((y - d) / 2.9) + 30 * np.sin((x + 2 * (y - d)) / 7.3) for d in np.sin(np.linspace(0, np.pi, 9))]
    face = np.stack([38 * CANONICAL + (48, 48 + d) for d in np.sin(np.linspace(0, np.pi, 9))])
    return Clip(np.repeat(np.uint8(frames)[..., None], 3, -1), iod=38., truth=Truth(None, None, None, face)).mark(onset=0, apex=4, offset=8)


@every
def test_from_a_clip(name, clip):
    model = made(name)
    inputs = model.prepare(clip)
    x = inputs.x if isinstance(inputs.x, tuple) else (inputs.x,)
    assert isinstance(inputs, Inputs) and [tuple(part.shape[1:]) for part in x] == list(model.shapes) and len(x[0]) == len(inputs.pairs)
    found = model.predict(clip)
    assert found.shape == (len(inputs), 3) and np.isfinite(found).all()
    assert np.array_equal(found, model.predict(inputs)) and np.array_equal(found, model.predict(clip))


@each
def test_what_is_said_about_it(name):
    facts = ZOO[name].facts
    assert all(getattr(facts, k) for k in ("preprocessing", "input", "block", "architecture", "protocol", "fidelity", "checked", "licence", "paper"))
    assert any(word in facts.fidelity for word in ("exact", "to specification", "inspired by", "bit-equal"))
    words = ZOO[name].make.__doc__.lower()
    assert "inspired by" not in facts.fidelity or "inspired by" in words or "ours" in words


@every
def test_same_seed_same_weights(name):
    def digest():
        torch.manual_seed(7)
        return [t.clone() for t in build(name, n_out=2, **SMALL.get(name, {})).state_dict().values()]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert all(torch.equal(a, b) for a, b in zip(digest(), digest()))


IN_PIECES = {"elrcn": "torch.compile leaves an LSTM to PyTorch's own code and compiles around it"}      # everything else is one graph


@pytest.mark.slow
@each
def test_compiles(name):
    "Traced whole, and computing the same; the tracing is what fails in practice, so no code is generated here"
    model, x = made(name), made(name).example(3)
    torch._dynamo.reset()
    if name in IN_PIECES:
        with pytest.raises(torch._dynamo.exc.Unsupported, match="LSTM"):
            torch.compile(model, backend="eager", fullgraph=True)(*x)
        torch._dynamo.reset()
    with torch.no_grad():
        out = model.final(torch.compile(model, backend="eager", fullgraph=name not in IN_PIECES)(*x))
    assert torch.allclose(out, model.logits(x), atol=1e-4)


@pytest.mark.slow
@each
def test_exports_to_onnx(name, tmp_path):
    "Needs the packages of torch's exporter (onnx, onnxscript), which mekit does not require"
    pytest.importorskip("onnxscript")
    from onnx.reference import ReferenceEvaluator
    model, x = made(name), made(name).example(2)
    torch.onnx.export(model, x, tmp_path / "m.onnx", dynamo=True, verbose=False)
    session = ReferenceEvaluator(str(tmp_path / "m.onnx"))
    got = session.run(None, {k: part.numpy() for k, part in zip(session.input_names, x)})
    with torch.no_grad():
        assert all(np.allclose(a, b.numpy(), atol=1e-3) for a, b in zip(got, outputs(model(*x))))
