"STSTNet, the zoo, training: shapes and counts, no trace left, reproducible, honest about untrained outputs"
import numpy as np
import pytest
import torch

from mekit.core import MekitError, MekitWarning
from mekit.data.clip import Clip, read_clip
from mekit.data.synthetic import demo, synthesize
from mekit.explain.core import attribute
from mekit.face.detect import crop_face, detect
from mekit.labels import Label
from mekit.models.base import Inputs, count_parameters, evaluating
from mekit.models.ststnet import STSTNet
from mekit.models.zoo import build, load, models, save
from mekit.motion.flow import flow
from mekit.motion.strain import strain
from mekit.train.loop import bce, fit

AUS = [f"AU{n}" for n in (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17)]


@pytest.fixture(scope="module")
def demo_model(): return load("ststnet", "demo")


@pytest.fixture(scope="module")
def clip():
    return synthesize({"AU4": 1.5}, fps=20, seed=123)


@pytest.mark.parametrize("n, count", [(3, 1683), (12, 5292), (1, 881)])
def test_parameters(n, count): assert count_parameters(build("ststnet", n_out=n)) == count


def test_grid_and_shapes():
    net, seen = STSTNet(("a",)).eval(), []
    net.join.register_forward_hook(lambda m, i, o: seen.append(o.shape))
    assert net(torch.zeros(2, 3, 28, 28)).shape == (2, 1) and seen == [(2, 16, 10, 10)]


def test_rows_are_independent(demo_model):
    x = torch.randn(7, 3, 28, 28, generator=torch.Generator().manual_seed(0))
    together, order = demo_model.predict(x), torch.tensor([3, 1, 6, 0, 5, 2, 4])
    assert np.allclose(demo_model.predict(x[order]), together[order], atol=1e-6, equal_nan=True)
    assert np.allclose(demo_model.logits(x, batch=2), demo_model.logits(x), atol=1e-4)     # logits reach 40; float32


def test_demo_weights_know_the_twelve_units(demo_model, clip):
    assert list(demo_model.classes) == AUS == demo_model.meta["trained_aus"] and all(demo_model.trained) and not demo_model.training
    inputs = demo_model.prepare(clip, pairs="apex")
    found = demo_model.predict(inputs)
    assert isinstance(inputs, Inputs) and found.shape == (1, 12)
    assert demo_model.classes[found.argmax()] == "AU4" and found.max() > .5


def test_demo_weights_are_scored_on_other_faces(demo_model):
    faces, held_out = demo_model.meta["identities"], demo_model.meta["held_out"]
    assert not set(faces["train"]) & set(faces["held_out"]) and 0 in faces["held_out"] and held_out["faces"] == len(faces["held_out"])
    assert set(held_out["per_au"]) == set(AUS) and held_out["mean"] == pytest.approx(np.mean([v["f1"] for v in held_out["per_au"].values()]), abs=1e-4)


def test_rest_is_quiet_but_for_the_lids_that_were_not_learned(demo_model, clip):
    found = dict(zip(AUS, demo_model.predict(clip)[clip.label.onset]))
    per_au = demo_model.meta["held_out"]["per_au"]
    assert [c for c in AUS if per_au[c]["f1"] < .2] == ["AU5", "AU7"]
    assert max(p for c, p in found.items() if c not in ("AU5", "AU7")) < .5


def test_given_flow_is_used(demo_model, clip):
    given = flow(clip, pairs=[(clip.label.onset, 8)])
    inputs = demo_model.prepare(clip, flow=given)
    assert inputs.flow is given and inputs.pairs.tolist() == [[clip.label.onset, 8]]
    assert np.array_equal(demo_model.predict(given), demo_model.predict(inputs), equal_nan=True)


def test_unknown_face_size_is_said():
    frames = np.random.default_rng(0).integers(0, 255, (2, 64, 64, 3), np.uint8)
    with pytest.warns(MekitWarning, match="0.4 of the width is assumed"): STSTNet(("a",)).prepare(Clip(frames, label=Label(onset=0)))
    with pytest.warns(MekitWarning, match="cropped, square face"): STSTNet(("a",)).prepare(Clip(frames[:, :48], label=Label(onset=0), iod=20.))


def test_mode_is_put_back_also_after_an_error():
    net = STSTNet(("a",)).train()
    net.pool.eval()
    net.predict(torch.zeros(1, 3, 28, 28))
    with pytest.raises(MekitError): net.predict(torch.zeros(1, 3, 20, 20))
    assert net.training and not net.pool.training


def test_softmax_adds_up():
    found = build("ststnet", n_out=3, multilabel=False).predict(torch.randn(5, 3, 28, 28))
    assert found.sum(1) == pytest.approx(np.ones(5), abs=1e-6)


def test_save_and_load(tmp_path):
    model = build("ststnet", classes=("a", "b"), dropout=.1)
    model.trained = (True, False)
    back = load("ststnet", save(tmp_path / "m.safetensors", model, options=dict(dropout=.1)))
    assert back.trained == (True, False) and back.streams[0][4].p == .1
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), back.state_dict().values()))


def test_table():
    table = models()
    row = table.loc["ststnet"]
    assert list(table) == ["paper", "pre-processing", "input", "block", "architecture", "parameters", "protocol", "fidelity", "checked", "licence of public weights", "weights"]
    assert (row.parameters, row.fidelity, row.weights) == (5292, "structure exact (released code); input ours", "demo")
    assert table.index[table.isna().any(axis=1)].tolist() == ["tgsr"] and (table.drop(columns="weights").astype(str) != "").all().all()


@pytest.mark.parametrize("call, kind, message", [
    (lambda: build("stsnet", n_out=3), MekitError, "Did you mean 'ststnet'"),
    (lambda: build("ststnet", n_out=3, droput=.1), TypeError, "Did you mean 'dropout'"),
    (lambda: build("ststnet", n_out=0), MekitError, "n_out of 1 or more"), (lambda: build("ststnet", n_out=True), MekitError, "n_out of 1 or more"),
    (lambda: build("ststnet", n_out=True, classes=("a",)), MekitError, "n_out of 1 or more"),
    (lambda: build("ststnet", classes="AU4"), MekitError, "classes as a list of names.*'AU4',"), (lambda: build("ststnet", classes=()), MekitError, "classes as a list"),
    (lambda: build("ststnet", classes=("a", "b", "a")), MekitError, "each class once, received a, b, a"), (lambda: build("ststnet", classes=(1, 2)), MekitError, "classes as a list"),
    (lambda: STSTNet("AU4"), MekitError, "classes as a list"), (lambda: STSTNet(("a", "a")), MekitError, "each class once"),
    (lambda: build("ststnet", n_out=2, streams=(0,)), MekitError, "streams as numbers"), (lambda: build("ststnet", n_out=2, streams=()), MekitError, "streams as numbers"),
    (lambda: build("ststnet", n_out=2, streams=3), MekitError, "streams as numbers"), (lambda: build("ststnet", n_out=2, dropout=1.5), MekitError, "dropout from 0"),
    (lambda: load("ststnet", 3), MekitError, "short name or a path"), (lambda: load("ststnet", None), MekitError, "short name or a path"),
    (lambda: load("ststnet", "demos"), MekitError, "Did you mean 'demo'"),
    (lambda: load("ststnet", "no.safetensors"), MekitError, "existing file"),
])
def test_names(call, kind, message):
    with pytest.raises(kind, match=message): call()


def toy(n=64, seed=0):
    draw = torch.Generator().manual_seed(seed)
    y = (torch.rand(n, 2, generator=draw) > .5).float()
    x = .5 * torch.randn(n, 3, 28, 28, generator=draw)
    x[:, 0, :, :14] += y[:, :1, None]; x[:, 0, :, 14:] += y[:, 1:, None]
    return x, y


def small(seed=0, **options):
    torch.manual_seed(0)
    model = STSTNet(("left", "right"))
    return model, fit(model, *toy(), epochs=3, seed=seed, **options)


def test_same_seed_same_weights_and_generator_untouched():
    x, y = toy()
    torch.manual_seed(0); one = STSTNet(("left", "right")); state = torch.get_rng_state()
    fit(one, x, y, epochs=3)
    assert torch.equal(torch.get_rng_state(), state)
    two, _ = small()
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), two.state_dict().values()))
    assert not torch.equal(small(seed=1)[0].head.weight, two.head.weight)


def test_unknown_labels_teach_nothing():
    x, y = toy()
    torch.manual_seed(0); one = STSTNet(("left", "right")); start = one.head.weight[1].clone()
    fit(one, x, torch.stack([y[:, 0], torch.full((64,), torch.nan)], 1), epochs=2)
    assert one.trained == (True, False) and torch.equal(one.head.weight[1], start)
    masked = small(weight=[1., 0.])[0]
    assert masked.trained == (True, False)


def test_bce_is_torch():
    logits, y = torch.randn(9, 3), (torch.rand(9, 3) > .5).float()
    assert bce(logits, y, torch.ones(3)) == pytest.approx(torch.nn.functional.binary_cross_entropy_with_logits(logits, y).item(), abs=1e-6)


def test_history():
    _, history = small()
    assert len(history.loss) == 3 and history.settings["n"] == 64 and "3 epochs" in repr(history)


def test_nothing_to_learn_from():
    with pytest.raises(MekitError, match="at least one known label"): fit(STSTNet(("left", "right")), toy()[0], torch.full((64, 2), torch.nan))


@pytest.mark.parametrize("call, message", [
    (lambda m: m.predict(None), "a Clip, a Flow, Inputs or a tensor.*NoneType"), (lambda m: m.predict(np.zeros((1, 3, 28, 28))), "received ndarray"),
    (lambda m: m.prepare(None), "a Clip or its Flow"), (lambda m: m.predict(torch.zeros(1, 3, 28, 28), batch=0), "batch as a whole number"),
    (lambda m: m.predict(torch.zeros(1, 3, 28, 28), batch=1.5), "batch as a whole number"), (lambda m: m.predict(torch.zeros(1, 3, 28, 28), batch=True), "batch as a whole number")])
def test_what_cannot_be_predicted(demo_model, call, message):
    with pytest.raises(MekitError, match=message): call(demo_model)


def test_modes_are_put_back_by_the_last_to_leave():
    "Two overlapping uses of one model, as by two threads: the first to end must not switch drop-out on under the second"
    model = STSTNet(("a",)).train()
    model.pool.eval()
    first, second = evaluating(model), evaluating(model)
    first.__enter__(); second.__enter__()
    first.__exit__(None, None, None)
    assert not any(m.training for m in model.modules())
    second.__exit__(None, None, None)
    assert model.training and not model.pool.training


@pytest.mark.parametrize("name, call, close", [
    ("demo", lambda m, c, o: demo(**o), None), ("models", lambda m, c, o: models(**o), None), ("predict", lambda m, c, o: m.predict(c, **o), ("bach", "batch")),
    ("prepare", lambda m, c, o: m.prepare(c, **o), ("pair", "pairs")), ("fit", lambda m, c, o: fit(m, *toy(), **o), ("epoch", "epochs")),
    ("build 'ststnet'", lambda m, c, o: build("ststnet", **o), ("nout", "n_out")), ("build 'ststnet'", lambda m, c, o: build("ststnet", **o), ("class_", "classes")),
    ("load", lambda m, c, o: load("ststnet", **o), ("weight", "weights")), ("mark", lambda m, c, o: c.mark(**o), ("onst", "onset")), ("replace", lambda m, c, o: c.replace(**o), ("sorce", "source")),
    ("synthesize", lambda m, c, o: synthesize(**o), ("onset", "onset_ms")), ("flow", lambda m, c, o: flow(c, **o), ("metod", "method")), ("strain", lambda m, c, o: strain(flow(c), **o), ("space", "spacing")),
    ("read_clip", lambda m, c, o: read_clip(c, **o), ("strid", "stride")), ("crop_face", lambda m, c, o: crop_face(c, **o), ("siz", "size")), ("detect", lambda m, c, o: detect(c, **o), ("frame", "frames")),
    ("attribute", lambda m, c, o: attribute(m, c, "AU4", **o), ("layr", "layer"))])
def test_an_unknown_option_names_the_verb_and_the_close_match(demo_model, clip, name, call, close):
    wrong, right = close or ("nonsense", None)
    with pytest.raises(TypeError, match=f"^{name}: unknown option '{wrong}'; there are: ") as error: call(demo_model, clip, {wrong: 1})
    assert right is None or f"Did you mean '{right}'" in str(error.value)
    assert "self" not in str(error.value)


@pytest.mark.parametrize("labels", [torch.zeros(64), torch.full((64, 2), 2.), torch.zeros(63, 2)])
def test_wrong_labels(labels):
    with pytest.raises(MekitError, match="0, 1 or NaN"): fit(STSTNet(("left", "right")), toy()[0], labels)


def test_no_door_for_test_data():
    import inspect
    assert not {p for p in inspect.signature(fit).parameters if "test" in p or "valid" in p or "stop" in p}


@pytest.mark.parametrize("name, x, message", [
    ("hyperbolic", lambda x: x[0], "2 inputs .*, received 1"), ("hyperbolic", lambda x: x + x, "2 inputs .*, received 4"), ("hyperbolic", lambda x: (x[0], x[1][:1]), "as many samples each, received 4 and 1"),
    ("hyperbolic", lambda x: (), "2 inputs .*, received 0"), ("ststnet", lambda x: x + x, r"1 input \(n 3 28 28\), received 2")])
def test_inputs_that_do_not_belong_together(name, x, message):
    model = build(name, n_out=2)
    given = x(model.example(4))
    for ask in (lambda: model.predict(given), lambda: model.logits(given, batch=1), lambda: fit(model, given, torch.eye(2)[[0, 1, 0, 1]], epochs=1)):
        with pytest.raises(MekitError, match=message):
            ask()


def test_forward_wants_tensors():
    with pytest.raises(MekitError, match=r"hyperbolic: expected tensors \(n 3 64 64\), \(n 3 64 64\), received list, int"):
        build("hyperbolic", n_out=2)([1, 2], 3)


@pytest.mark.parametrize("name, options, message", [
    ("sssnet", dict(dropout=1.5), "sssnet: expected dropout from 0 to below 1, received 1.5"), ("off_apexnet", dict(dropout=-.1), "dropout from 0"), ("rcn_a", dict(dropout=2), "dropout from 0"), ("ststnet", dict(dropout=True), "dropout from 0"),
    ("elrcn", dict(size=8), "size as a whole number of 16 or more, received 8"), ("elrcn", dict(hidden=-1), "hidden as a whole number of 1 or more"), ("elrcn", dict(hidden="a"), "hidden as a whole"), ("elrcn", dict(grey="no"), "grey as True or False"),
    ("elrcn", dict(trunk="resnet18", size=16), "size as a whole number of 32"), ("ethnicmer", dict(size=0), "size as a whole number of 32 or more, received 0"), ("ethnicmer", dict(size="a"), "size as a whole number"),
    ("rcn_s", dict(unused=1), "unused as True or False"), ("flow_resnet", dict(photographic="yes"), "photographic as True or False"), ("ststnet", dict(multilabel="no"), "multilabel as True or False"),
    ("hyperbolic", dict(curvature=50.), "a radius of 0.42 or less with curvature 50"), ("hyperbolic", dict(radius=9.), "a radius of 3.6 or less")])
def test_options_out_of_range(name, options, message):
    with pytest.raises(MekitError, match=message):
        build(name, n_out=3, **options)


def test_number_of_outputs_may_be_numpys():
    assert len(build("ststnet", n_out=np.int64(3)).classes) == 3
    for wrong in (3.0, True, np.float64(3)):
        with pytest.raises(MekitError, match="n_out of 1 or more"):
            build("ststnet", n_out=wrong)
