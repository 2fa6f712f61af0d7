"Weights: the same bytes twice, facts kept, pickles and broken files refused, nothing half-written"
import numpy as np
import pytest
import torch

from mekit import weights
from mekit.core import MekitError
from mekit.data.synthetic import synthesize
from mekit.models.base import count_parameters
from mekit.models.zoo import build, load


def test_round_trip_and_same_bytes(tmp_path):
    tensors, meta = {"b": torch.ones(2, dtype=torch.float64), "a": np.arange(3)}, {"z": 1, "classes": ("AU1", "AU2")}
    one, two = weights.save(tmp_path / "1.safetensors", tensors, meta), weights.save(tmp_path / "2.safetensors", dict(reversed(tensors.items())), dict(reversed(meta.items())))
    assert one.read_bytes() == two.read_bytes()
    got, facts = weights.load(one)
    assert facts == {"z": 1, "classes": ["AU1", "AU2"]} and got["b"].dtype == torch.float64 and got["a"].tolist() == [0, 1, 2]


def test_shared_tensors_are_saved(tmp_path):
    w = torch.ones(2, 2)
    assert torch.equal(weights.load(weights.save(tmp_path / "t.safetensors", {"a": w, "b": w.T}, {}))[0]["b"], w)


def test_available_come_with_the_package():
    assert "ststnet_demo" in weights.available()
    tensors, meta = weights.load("ststnet_demo")
    assert sum(v.numel() for k, v in tensors.items() if "running" not in k and "num_batches" not in k) == 5292
    assert {"classes", "trained_aus", "seed", "protocol", "held_out", "versions", "limits"} <= set(meta)


@pytest.mark.parametrize("name, content, message", [("a.pt", b"\x80", "a pickle"), ("a.safetensors", b"", "copied whole"), ("a.safetensors", b"hello world, this is text", "copied whole")])
def test_files_that_are_not_weights(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(MekitError, match=message): weights.load(tmp_path / name)


def test_missing():
    with pytest.raises(MekitError, match="Did you mean 'ststnet_demo'"): weights.load("ststnet-demo")
    with pytest.raises(MekitError, match="an existing file"): weights.load("no/such.safetensors")


def test_failed_save_leaves_what_was_there(tmp_path):
    path = weights.save(tmp_path / "a.safetensors", {"w": torch.ones(1)}, {"v": 1})
    for tensors, meta in (({"w": torch.tensor([torch.inf])}, {}), ({}, {"f": object()}), ({}, {"x": float("nan")})):
        with pytest.raises(MekitError): weights.save(path, tensors, meta)
    assert weights.load(path)[1] == {"v": 1} and [p.name for p in tmp_path.iterdir()] == ["a.safetensors"]
    with pytest.raises(MekitError, match="ending in .safetensors"): weights.save(tmp_path / "a.bin", {}, {})


@pytest.mark.parametrize("name", ["ststnet", "sssnet", "infusenet_small"])
def test_demo_weights_say_who_was_drawn_and_are_small(name):
    tensors, meta = weights.load(f"{name}_demo")
    assert not set(meta["identities"]["train"]) & set(meta["identities"]["held_out"]) and meta["held_out"]["pairs"] > 1000 and "nothing about real faces" in meta["limits"]
    assert meta["held_out"]["mean"] > .5 and meta["parameters"] == count_parameters(build(name, n_out=12))
    assert sum(p.stat().st_size for p in weights.STORE.glob("*_demo.safetensors")) < 8e6


@pytest.mark.parametrize("name", ["sssnet", "infusenet_small"])
def test_demo_networks_find_a_frown_on_a_face_they_never_saw(name):
    model, clip = load(name, "demo"), synthesize({"AU4": 1.5}, identity=3, fps=20)
    assert 3 in model.meta["identities"]["held_out"] and all(p.dtype == torch.float32 for p in model.parameters())
    found = model.predict(model.prepare(clip, pairs="apex"))[0]
    assert model.classes[found.argmax()] == "AU4" and found.max() > .9 and (found > .5).sum() <= 2


def test_the_small_infusenet_knows_what_each_input_gave():
    away = weights.load("infusenet_small_demo")[1]["taken_away"]
    assert away["flow of another pair"] < .2 < .6 < away["latents zero"] <= away["as trained"] and away["nothing infused"] < .2
