"""Train the demo weights: STSTNet with the twelve CD6ME outputs, on synthetic clips only.

    python tools/train_demo.py [--out mekit/weights/ststnet_demo.safetensors] [--workers 2]

The clips show the twelve units on sixteen drawn faces. The network is scored once, at the threshold 0.5, on clips of eight other
drawn faces, with other combinations, sizes, sides and nuisances. Epochs, learning rate, batch and copies were chosen earlier, with six
units and one face, and were not tuned again: no clip of the faces scored here played a part in any choice. Everything drawn is seeded.
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

from mekit import __version__
from mekit.data.synthetic import synthesize
from mekit.labels import CD6ME_AUS
from mekit.models.base import count_parameters
from mekit.models.ststnet import STSTNet
from mekit.motion.flow import flow
from mekit.motion.strain import network_input
from mekit.train.loop import fit
from mekit.weights import save

CLASSES = tuple(f"AU{n}" for n in CD6ME_AUS)
TRAIN = {face: range(100 * face, 100 * face + 30) for face in range(8, 24)}               # identity -> seeds of its clips
HELD_OUT = {face: range(20_000 + 100 * face, 20_000 + 100 * face + 20) for face in range(8)}     # other faces, other seeds
SEED, EPOCHS, LR, BATCH, COPIES, THRESHOLD = 2026, 40, 5e-3, 128, 2, .5
SIZE = 256      # pixels; flow errors depend on it, so as users' crops
PRESENT, ABSENT = .3, .1        # %IOD: from here on a unit counts as shown; below this as not; between, as unknown


def draw(seed: int) -> tuple[dict, dict]:
    "Which units, how strong and on which side, and what else happens to the picture"
    rng = np.random.default_rng([SEED, seed])
    chosen = rng.choice(CD6ME_AUS, rng.choice(4, p=[.1, .4, .3, .2]), replace=False)
    units = {f"AU{n}{rng.choice(['', 'L', 'R'], p=[.6, .2, .2])}": float(np.exp(rng.uniform(np.log(.5), np.log(3)))) for n in chosen}
    return units, dict(noise=rng.uniform(0, 2), translation=rng.uniform(0, 2.5), illumination=rng.uniform(0, .05))


def sample(face: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    "Pairs (onset, t) of one clip: pictures (n 3 28 28) and labels (n 12) of 0, 1 or NaN"
    units, nuisance = draw(seed)
    clip = synthesize(units, identity=face, fps=20, size=SIZE, nuisance=nuisance, seed=seed)
    keep = np.flatnonzero(np.arange(len(clip)) % 3 == 0) if not units else np.arange(clip.label.onset, clip.label.offset + 1)[1:]
    pairs = np.stack([np.full(len(keep), clip.label.onset), keep], 1)
    labels = np.full((len(keep), len(CLASSES)), np.nan, np.float32)
    for n in CD6ME_AUS:
        strength = max((v[keep] for k, v in clip.truth.intensity.items() if k.rstrip("LR") == f"AU{n}"), default=np.zeros(len(keep)), key=np.max)
        labels[:, CLASSES.index(f"AU{n}")] = np.where(strength >= PRESENT, 1, np.where(strength < ABSENT, 0, np.nan))
    return network_input(flow(clip, pairs=pairs, threads=1)), labels


def samples(face: int, seeds: range) -> tuple[np.ndarray, np.ndarray]:
    "All clips of one face, in one process: drawing the face takes seconds, moving it milliseconds"
    cv2.setNumThreads(1), torch.set_num_threads(1)
    return tuple(np.concatenate(p) for p in zip(*(sample(face, s) for s in seeds)))


def gather(clips: dict, workers: int) -> tuple[torch.Tensor, torch.Tensor]:
    "All pairs of these clips, and their labels"
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:      # a fork would inherit OpenCV's and torch's threads half alive
        return tuple(torch.from_numpy(np.concatenate(p)) for p in zip(*pool.map(samples, clips, clips.values())))


def vary(x: torch.Tensor, draws: torch.Generator) -> torch.Tensor:
    "The same movements on a face cropped a little differently, half of them mirrored"
    n = len(x)
    zoom, mirror = .8 + .4 * torch.rand(n, generator=draws), torch.where(torch.rand(n, generator=draws) < .5, -1., 1.)
    move = (torch.rand(n, 2, generator=draws) - .5) * .3        # of the half width: about 2 of 28 pixels
    matrix = torch.zeros(n, 2, 3)
    matrix[:, 0, 0], matrix[:, 1, 1], matrix[:, :, 2] = zoom * mirror, zoom, move
    out = F.grid_sample(x, F.affine_grid(matrix, list(x.shape), align_corners=False), padding_mode="border", align_corners=False)
    out[:, 0] *= mirror[:, None, None]
    return out


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


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--out", type=Path, default=Path(__file__).resolve().parent.parent / "mekit/weights/ststnet_demo.safetensors")
    options.add_argument("--workers", type=int, default=2)
    options = options.parse_args()
    torch.set_num_threads(1); torch.use_deterministic_algorithms(True)
    start = time.perf_counter()
    (x, y), (test_x, test_y) = gather(TRAIN, options.workers), gather(HELD_OUT, options.workers)
    n_train, n_held_out = (sum(map(len, c.values())) for c in (TRAIN, HELD_OUT))
    print(f"{len(x)} training pairs of {n_train} clips, {len(test_x)} held-out pairs of {n_held_out} clips, {time.perf_counter() - start:.0f} s", flush=True)
    draws = torch.Generator().manual_seed(SEED)
    torch.manual_seed(SEED)
    model = STSTNet(CLASSES)
    history = fit(model, torch.cat([x, *(vary(x, draws) for _ in range(COPIES))]), y.repeat(COPIES + 1, 1), epochs=EPOCHS, lr=LR, batch=BATCH, seed=SEED)
    held_out = score(model.predict(test_x), test_y.numpy())
    mean = float(np.mean([v["f1"] for v in held_out.values()]))
    meta = dict(
        model="ststnet", classes=CLASSES, trained_aus=[c for c, t in zip(CLASSES, model.trained) if t], multilabel=True, parameters=count_parameters(model),
        input="u, v in percent of the inter-ocular distance, strain in percent; 28 x 28; dis flow from the onset", seed=SEED, training=history.settings,
        protocol=f"trained on {len(x)} pairs of {n_train} synthetic clips of {SIZE} px showing {len(TRAIN)} drawn faces (and {COPIES} varied copies of each pair), fixed {EPOCHS} epochs, "
                 f"threshold {THRESHOLD} fixed beforehand; held out: {len(test_x)} pairs of {n_held_out} synthetic clips of {SIZE} px showing {len(HELD_OUT)} OTHER drawn faces, other seeds, scored once; "
                 f"a unit counts as shown from {PRESENT} %IOD",
        identities=dict(train=list(TRAIN), held_out=list(HELD_OUT)),
        held_out=dict(metric="binary F1 over pairs", mean=round(mean, 4), clips=n_held_out, pairs=len(test_x), faces=len(HELD_OUT), per_au=held_out),
        limits="says nothing about real faces: every face it saw and was scored on is a drawing", licence="Apache-2.0, made by mekit from its own drawings",
        versions=dict(mekit=__version__, torch=torch.__version__.split("+")[0], opencv=cv2.__version__, numpy=np.__version__))
    path = save(options.out, model.state_dict(), meta)
    for name, v in held_out.items(): print(f"{name:5} binary F1 {v['f1']:.3f}  ({v['positives']} of {v['n']} pairs)")
    print(f"mean {mean:.3f}; {history!r}; {time.perf_counter() - start:.0f} s\n{hashlib.sha256(path.read_bytes()).hexdigest()}  {path}")


if __name__ == "__main__":
    main()
