"The zoo as a user meets it: one name for package and verb, entries of one's own, files of others"
import importlib
import pkgutil

import pytest
import torch
from torch import nn

import mekit as me
from mekit import weights
from mekit.core import MekitError
from mekit.models import zoo
from mekit.models.base import count_parameters
from mekit.models.zoo import build, load, models, register, save


# ---- one name for a package and a verb
def test_the_package_is_the_verb():
    assert me.models is importlib.import_module("mekit.models") and me.models.zoo is zoo
    assert me.models.zoo.build("infusenet_small", n_out=12).magnifier.difference
    assert me.models().equals(zoo.models()) and "sssnet" in me.models().index
    import mekit.models.drawing as drawing
    assert drawing.draw
    with pytest.raises(AttributeError, match="no attribute 'zo'"):
        me.models.zo
    with pytest.raises(TypeError, match="unknown option 'x'"):
        me.models(x=1)


def test_no_verb_hides_a_package():
    "A lazy verb with the name of a package is the one or the other, depending on what was imported first"
    packages = {module.name for module in pkgutil.iter_modules(me.__path__)}
    assert not packages & {verb for verbs in me._VERBS.values() for verb in verbs}


# ---- entries of one's own
class Plain(nn.Module):
    def __init__(self, n_out, *, hidden):
        super().__init__()
        self.say = nn.Sequential(nn.Flatten(), nn.Linear(3 * 28 * 28, hidden), nn.Linear(hidden, n_out))

    def forward(self, x): return self.say(x)


def three_only(n_out):
    assert n_out == 3
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 28 * 28, 3))


@pytest.fixture
def mine():
    "Registers, and forgets afterwards"
    names = []
    def add(name, make, **said):
        register(name, make, **said)
        names.append(name)
        return name
    yield add
    for name in names:
        zoo.ZOO.pop(name)


def test_the_table_outlives_every_entry_and_touches_no_chance(mine):
    mine("needs_options", Plain), mine("three_only", three_only), mine("drawn", lambda n: nn.Sequential(nn.Flatten(), nn.Linear(3 * 28 * 28, n)))
    before = torch.get_rng_state()
    table = models()
    assert torch.equal(before, torch.get_rng_state())
    assert table.parameters[["needs_options", "three_only", "tgsr"]].isna().all() and table.parameters["drawn"] == (3 * 28 * 28 + 1) * 12
    assert table.parameters["sssnet"] == 1_351_564 and count_parameters(build("needs_options", n_out=3, hidden=4)) > 0


def test_what_is_no_network_says_what_to_call():
    assert models().loc["tgsr", "architecture"] == "transfer" and "corrected" in models().loc["tgsr", "fidelity"]
    for call in (lambda: build("tgsr", n_out=3), lambda: load("tgsr", "demo")):
        with pytest.raises(MekitError, match=r"expected a network, received 'tgsr'.*mekit.models.tgsr.TGSR\(kappa, xi\).fit"):
            call()
    with pytest.raises(MekitError, match="a name that no model of mekit has"):
        register("tgsr", three_only)


@pytest.mark.parametrize("said, message", [(dict(size="a"), "size of 1 pixel or more, received 'a'"), (dict(size=0), "size of 1"), (dict(channels=5), "channels of 1, 2 or 3"), (dict(channels=0, prepare=len), "channels of 1 or more"),
                                           (dict(shapes=(3, 28, 28)), "one tuple of whole numbers for each input"), (dict(shapes=((3, 0),)), "one tuple"), (dict(shapes=()), "one tuple")])
def test_descriptions_are_checked_when_they_are_given(said, message):
    with pytest.raises(MekitError, match=f"register 'z': expected .*{message}"):
        register("z", three_only, **said)
    assert "z" not in zoo.ZOO


class Landmarks(nn.Module):
    def __init__(self, n_out): super().__init__(); self.say = nn.Linear(2 * 16 * 68, n_out)
    def forward(self, x): return self.say(x.flatten(1))


class Apart(nn.Module):
    def __init__(self, n_out): super().__init__(); self.say = nn.Linear(3 * 16 * 16, n_out)
    def forward(self, before, after): return self.say((after - before).flatten(1))


def test_landmarks_and_frames_of_ones_own(mine, tmp_path):
    mine("landmarks", Landmarks, shapes=[[2, 16, 68]], prepare=lambda clip: 3), mine("apart", Apart, shapes=((3, 16, 16),) * 2)
    one, two = build("landmarks", n_out=3), build("apart", n_out=2)
    assert one.shapes == ((2, 16, 68),) and two.predict(two.example(4)).shape == (4, 2) and models().input["landmarks"] == "2 x 16 x 68"
    back, x = load("apart", save(tmp_path / "a.safetensors", two)), two.example(3)
    assert torch.equal(back.logits(x), two.logits(x))
    with pytest.raises(MekitError, match="apart.prepare: expected prepare=, a function"):
        two.predict(me.demo())
    with pytest.raises(MekitError, match="returns mekit.models.base.Inputs, received one that returns int"):
        one.predict(me.demo())


# ---- files
@pytest.mark.parametrize("name, checked", [("run-20261130.pth", False), ("run-2026abcd.safetensors", False), ("run-2026abcd.pth", True), ("run-2026abcd.pt", True)])
def test_a_date_is_no_checksum(tmp_path, name, checked):
    net, path = build("ststnet", n_out=3), tmp_path / name
    save(path, net) if path.suffix == ".safetensors" else torch.save(net.state_dict(), path)
    if checked:
        with pytest.raises(MekitError, match="its name ends in"):
            load("ststnet", path, n_out=3)
    else:
        assert load("ststnet", path, n_out=3).fit_report.complete


@pytest.mark.parametrize("wrap", [lambda s: {"epoch": 3, "state_dict": s, "best_acc1": torch.tensor(.5)}, lambda s: {"params": {"lr": .1}, **s}, lambda s: {"model": {"net": s, "ema": torch.zeros(1)}}])
def test_tensors_beside_the_weights_are_left(tmp_path, wrap):
    state = nn.Linear(2, 2).state_dict()
    torch.save(wrap(dict(state)), tmp_path / "w.pth")
    assert weights.read_checkpoint(tmp_path / "w.pth")[0].keys() == state.keys()


def test_without_weights_that_is_said():
    with pytest.raises(MekitError, match="an entry of a manifest, received 'demo'. None come with mekit for this model"):
        load("off_apexnet")


def test_options_that_a_file_cannot_hold_are_asked_for(tmp_path):
    def tiny(): return nn.Sequential(nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    model = build("ethnicmer", n_out=3, branches=tiny, size=32)
    path, x = save(tmp_path / "e.safetensors", model), model.example(2)[0]
    with pytest.raises(MekitError, match="functions that no file can hold, received none for branches"):
        load("ethnicmer", path)
    back = load("ethnicmer", path, options=dict(branches=tiny))
    assert torch.equal(back.logits(x), model.logits(x)) and back.size == 32
    assert torch.equal(load("ethnicmer", path, options=dict(branches=tiny, size=32)).logits(x), model.logits(x))
    with pytest.raises(MekitError, match="no options but those that the file lacks, received size=64"):
        load("ethnicmer", path, options=dict(branches=tiny, size=64))
