"""Train the demo weights, on synthetic clips only: STSTNet, SSSNet and the small InfuseNet, each with the twelve CD6ME outputs.

    python tools/train_demo.py [ststnet sssnet infusenet_small] [--out mekit/weights] [--workers 2] [--data pairs.npz]

The clips show the twelve units on sixteen drawn faces. Each network is scored once, at the threshold 0.5, on clips of eight other
drawn faces, with other combinations, sizes, sides and nuisances. STSTNet's epochs, learning rate, batch and copies were chosen earlier,
with six units and one face; those of the others were set beforehand by what a laptop can do in minutes. Nothing was tuned on the faces
scored here. Kernels are rounded to half precision before the scoring, so that all three fit into 8 MB. Everything drawn is seeded. With --data the drawn pairs are kept in that file, and read from it if it is there.
"""
import argparse
import hashlib
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.nn import functional as F

from mekit import __version__, weights
from mekit.data.clip import resize
from mekit.data.synthetic import synthesize
from mekit.labels import CD6ME_AUS
from mekit.models.base import count_parameters
from mekit.models.infusenet_small import InfuseNetSmall
from mekit.models.zoo import build, save
from mekit.motion.flow import flow
from mekit.motion.latent import WIDTH, load_magnifier
from mekit.motion.strain import network_input
from mekit.train.loop import fit

CLASSES = tuple(f"AU{n}" for n in CD6ME_AUS)
TRAIN = {face: range(100 * face, 100 * face + 30) for face in range(8, 24)}               # identity -> seeds of its clips
HELD_OUT = {face: range(20_000 + 100 * face, 20_000 + 100 * face + 20) for face in range(8)}     # other faces, other seeds
SEED, THRESHOLD = 2026, .5
RECIPES = {     # copies: varied ones of each pair
    "ststnet": dict(epochs=40, lr=5e-3, batch=128, copies=2),
    "sssnet": dict(epochs=8, lr=1e-3, batch=64, copies=1),
    "infusenet_small": dict(epochs=8, lr=1e-3, batch=64, copies=1),
}
SIZE, LARGE = 256, 64      # pixels of the clips (flow errors depend on it, so as users' crops), and of the larger networks' pictures
PRESENT, ABSENT = .3, .1        # %IOD: from here on a unit counts as shown; below this as not; between, as unknown


def draw(seed: int) -> tuple[dict, dict]:
    "Which units, how strong and on which side, and what else happens to the picture"
    rng = np.random.default_rng([SEED, seed])
    chosen = rng.choice(CD6ME_AUS, rng.choice(4, p=[.1, .4, .3, .2]), replace=False)
    units = {f"AU{n}{rng.choice(['', 'L', 'R'], p=[.6, .2, .2])}": float(np.exp(rng.uniform(np.log(.5), np.log(3)))) for n in chosen}
    return units, dict(noise=rng.uniform(0, 2), translation=rng.uniform(0, 2.5), illumination=rng.uniform(0, .05))


def sample(face: int, seed: int) -> dict[str, np.ndarray]:
    "Pairs (onset, t) of one clip: pictures (n 3 28 28 and n 3 64 64), frames (n 3 64 64) and labels (n 12) of 0, 1 or NaN"
    units, nuisance = draw(seed)
    clip = synthesize(units, identity=face, fps=20, size=SIZE, nuisance=nuisance, seed=seed)
    keep = np.flatnonzero(np.arange(len(clip)) % 3 == 0) if not units else np.arange(clip.label.onset, clip.label.offset + 1)[1:]
    pairs = np.stack([np.full(len(keep), clip.label.onset), keep], 1)
    labels = np.full((len(keep), len(CLASSES)), np.nan, np.float32)
    for n in CD6ME_AUS:
        strength = max((v[keep] for k, v in clip.truth.intensity.items() if k.rstrip("LR") == f"AU{n}"), default=np.zeros(len(keep)), key=np.max)
        labels[:, CLASSES.index(f"AU{n}")] = np.where(strength >= PRESENT, 1, np.where(strength < ABSENT, 0, np.nan))
    moved = flow(clip, pairs=pairs, threads=1)
    onset, apex = (np.stack([resize(np.asarray(clip.frames[int(k)]), (LARGE, LARGE)).transpose(2, 0, 1) for k in at]) for at in pairs.T)
    return dict(small=network_input(moved), large=network_input(moved, size=LARGE), onset=onset, apex=apex, labels=labels)


def samples(face: int, seeds: range) -> dict[str, np.ndarray]:
    "All clips of one face, in one process: drawing the face takes seconds, moving it milliseconds"
    cv2.setNumThreads(1), torch.set_num_threads(1)
    return joined([sample(face, s) for s in seeds])


def joined(parts: list[dict]) -> dict[str, np.ndarray]:
    return {k: np.concatenate([p[k] for p in parts]) for k in parts[0]}


def gather(clips: dict, workers: int) -> dict[str, np.ndarray]:
    "All pairs of these clips, and their labels"
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:      # a fork would inherit OpenCV's and torch's threads half alive
        return joined(list(pool.map(samples, clips, clips.values())))


def pairs(workers: int, kept: Path | None) -> tuple[dict, dict]:
    "Training and held-out pairs, drawn or read"
    if kept is not None and kept.is_file():
        with np.load(kept) as file:
            return tuple({k.removeprefix(f"{part}_"): file[k] for k in file.files if k.startswith(f"{part}_")} for part in ("train", "test"))
    train, test = gather(TRAIN, workers), gather(HELD_OUT, workers)
    if kept is not None:
        np.savez(kept, **{f"train_{k}": v for k, v in train.items()}, **{f"test_{k}": v for k, v in test.items()})
    return train, test


def moves(n: int, draws: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    "Faces cropped a little differently, half of them mirrored: (n 2 3) for affine_grid, and the sign of x (n)"
    zoom, mirror = .8 + .4 * torch.rand(n, generator=draws), torch.where(torch.rand(n, generator=draws) < .5, -1., 1.)
    move = (torch.rand(n, 2, generator=draws) - .5) * .3        # of the half width: about 2 of 28 pixels
    matrix = torch.zeros(n, 2, 3)
    matrix[:, 0, 0], matrix[:, 1, 1], matrix[:, :, 2] = zoom * mirror, zoom, move
    return matrix, mirror


def vary(x: torch.Tensor, matrix: torch.Tensor, mirror: torch.Tensor | None) -> torch.Tensor:
    "Pictures moved so; with `mirror` they are flows, whose first channel changes its sign with x"
    out = torch.cat([F.grid_sample(part, F.affine_grid(m, list(part.shape), align_corners=False), padding_mode="border", align_corners=False) for part, m in zip(x.split(512), matrix.split(512))])
    if mirror is not None:
        out[:, 0] *= mirror[:, None, None]
    return out


class Behind(InfuseNetSmall):
    "The small InfuseNet behind its magnifier, which is kept as it is: reads latents that were computed once"
    def enters(self, code, *_): return self.enter(torch.cat([code, code], 1))
    shapes = (3, LARGE, LARGE), *((WIDTH, LARGE // 2, LARGE // 2),) * 3


@torch.no_grad()
def codes(magnifier, factor: float, onset: torch.Tensor, apex: torch.Tensor) -> torch.Tensor:
    "Magnified differences (n 32 32 32) of pictures (n 3 64 64) of 0 to 255"
    return torch.cat([magnifier.difference(a / 127.5 - 1, b / 127.5 - 1, factor=factor) for a, b in zip(onset.split(64), apex.split(64))])


def score(probabilities: np.ndarray, y: np.ndarray) -> dict:
    "Binary F1 of each unit, with the numbers it stands on"
    out = {}
    for k, name in enumerate(CLASSES):
        known = ~np.isnan(y[:, k])
        if not known.any(): continue
        said, true = probabilities[known, k] > THRESHOLD, y[known, k] == 1
        hit = int((said & true).sum())
        out[name] = dict(f1=round(2 * hit / max(int(said.sum() + true.sum()), 1), 4), positives=int(true.sum()), n=int(known.sum()))
    return out


def taken_away(model, flows, code, labels: np.ndarray) -> dict:
    "Mean F1 of the small InfuseNet when one of its inputs is put to zero or taken from another pair, and when nothing is infused"
    other, none = torch.from_numpy(np.random.default_rng(SEED).permutation(len(flows))), torch.zeros_like(code)
    def mean(x, z): return round(float(np.mean([v["f1"] for v in score(model.logits((x, z, z, z)).sigmoid().numpy(), labels).values()])), 4)
    found = {"as trained": mean(flows, code), "latents zero": mean(flows, none), "latents of another pair": mean(flows, code[other]), "flow of another pair": mean(flows[other], code)}
    points, head, model.infuse_at = model.infuse_at, model.head_of, ()
    found["nothing infused"] = mean(flows, code)
    model.infuse_at, model.head_of = points, "flow"
    found["flow branch alone"] = mean(flows, code)
    model.head_of = head
    return found


def inputs_of(name: str, data: dict, copies: int, draws: torch.Generator, model) -> tuple[torch.Tensor, ...]:
    "What the network reads of the pairs, and of varied copies of them"
    flows = torch.from_numpy(data["small" if name == "ststnet" else "large"])
    ways = [moves(len(flows), draws) for _ in range(copies)]
    read = (torch.cat([flows, *(vary(flows, *w) for w in ways)]),)
    if name == "infusenet_small":
        onset, apex = (torch.cat([x, *(vary(x, w[0], None) for w in ways)]) for x in (torch.from_numpy(data[k]).float() for k in ("onset", "apex")))
        code = codes(model.magnifier, model.factor, onset, apex)
        read += (code,) * 3
    return read


def trained(name: str, train: dict, copies: int, recipe: dict):
    "The network, and what its training did"
    draws = torch.Generator().manual_seed(SEED)
    torch.manual_seed(SEED)
    model = Behind(CLASSES) if name == "infusenet_small" else build(name, n_out=len(CLASSES))
    if name == "infusenet_small":
        model.magnifier = load_magnifier()
        for p in model.magnifier.parameters(): p.requires_grad_(False)
    y = torch.from_numpy(train["labels"]).repeat(copies + 1, 1)
    return model, fit(model, inputs_of(name, train, copies, draws, model), y, seed=SEED, **recipe)


def facts(model, name: str, train: dict, test: dict, copies: int, history, held_out: dict) -> dict:
    "What a reader of the weights should know"
    n_train, n_held_out = (sum(map(len, c.values())) for c in (TRAIN, HELD_OUT))
    size, frames = model.size, "; onset and apex frame; magnifier of mekit, not trained further" if name == "infusenet_small" else ""
    return dict(
        parameters=count_parameters(model), input=f"u, v in percent of the inter-ocular distance, strain in percent; {size} x {size}; dis flow from the onset{frames}", seed=SEED, training=history.settings,
        protocol=f"trained on {len(train['labels'])} pairs of {n_train} synthetic clips of {SIZE} px showing {len(TRAIN)} drawn faces (and {copies} varied copies of each pair), fixed {history.settings['epochs']} epochs, "
                 f"threshold {THRESHOLD} fixed beforehand; kernels rounded to half precision; held out: {len(test['labels'])} pairs of {n_held_out} synthetic clips of {SIZE} px showing {len(HELD_OUT)} OTHER drawn faces, other seeds, scored once; "
                 f"a unit counts as shown from {PRESENT} %IOD",
        identities=dict(train=list(TRAIN), held_out=list(HELD_OUT)),
        held_out=dict(metric="binary F1 over pairs", mean=round(float(np.mean([v["f1"] for v in held_out.values()])), 4), clips=n_held_out, pairs=len(test["labels"]), faces=len(HELD_OUT), per_au=held_out),
        limits="says nothing about real faces: every face it saw and was scored on is a drawing", licence="Apache-2.0, made by mekit from its own drawings",
        versions=dict(mekit=__version__, torch=torch.__version__.split("+")[0], opencv=cv2.__version__, numpy=np.__version__))


@torch.no_grad()
def halved(model):
    "Kernels rounded to what half precision can hold; biases, means and variances as they are"
    for p in model.parameters():
        if p.ndim > 1: p.copy_(p.half())
    return model


def written(path: Path, model, told: dict) -> Path:
    "The file, with the rounded kernels in half the bytes; reading it gives the same numbers back"
    tensors, meta = weights.load(save(path, model, facts=told))
    return weights.save(path, {k: v.half() if v.ndim > 1 and v.is_floating_point() else v for k, v in tensors.items()}, meta)


def whole(model, name: str):
    "The network as users build it"
    if name != "infusenet_small": return model
    full = build(name, n_out=len(CLASSES))
    full.load_state_dict(model.state_dict())
    full.trained = model.trained
    return full.eval()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("names", nargs="*", default=list(RECIPES))
    options.add_argument("--out", type=Path, default=Path(__file__).resolve().parent.parent / "mekit/weights")
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--data", type=Path, help="keep the drawn pairs in this .npz file, or read them from it")
    options = options.parse_args()
    torch.set_num_threads(1); torch.use_deterministic_algorithms(True)
    start = time.perf_counter()
    train, test = pairs(options.workers, options.data)
    print(f"{len(train['labels'])} training pairs, {len(test['labels'])} held-out pairs, {time.perf_counter() - start:.0f} s", flush=True)
    for name in options.names:
        recipe = dict(RECIPES[name])
        copies = recipe.pop("copies")
        model, history = trained(name, train, copies, recipe)
        read = inputs_of(name, test, 0, torch.Generator(), model)
        held_out = score(halved(model).logits(read).sigmoid().numpy(), test["labels"])
        built = whole(model, name)
        told = facts(built, name, train, test, copies, history, held_out)
        if name == "infusenet_small": told["taken_away"] = dict(metric="mean of the twelve F1, as in held_out", **taken_away(model, read[0], read[1], test["labels"]))
        path = written(options.out / f"{name}_demo.safetensors", built, told)
        for unit, v in held_out.items(): print(f"{unit:5} binary F1 {v['f1']:.3f}  ({v['positives']} of {v['n']} pairs)")
        mean = np.mean([v["f1"] for v in held_out.values()])
        print(f"{name}: mean {mean:.3f}; {history!r}; {time.perf_counter() - start:.0f} s\n{hashlib.sha256(path.read_bytes()).hexdigest()}  {path}", flush=True)


if __name__ == "__main__":
    main()
