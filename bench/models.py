"""Every model of the zoo: its parameters, what one clip costs, how fast it trains, and how much memory that takes, in batches of 32.

Forward: milliseconds a clip in a batch in evaluation mode, and milliseconds of one clip alone. Training: clips a second through forward,
backward and an Adam step as `fit` makes it (the losses of all answers that are taught, added), on random inputs of the model's own shapes,
so without reading or computing flow. Memory: on a GPU the most that was allocated during one call, weights included
(torch.cuda.max_memory_allocated); on a CPU (Linux) by how much the call raised the resident size at its largest, so without the weights, and
a training step reuses what the forward pass before it set free. Each model has a process of its own for that. The models take turns, and
medians over the rounds are reported; one whose turn takes long has one turn only. On a machine that others use as well only the ratios of
one run mean something. Models that are fitted at once have no training step: they are fitted to 64 samples, then timed.
"""
import multiprocessing
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch

from mekit.core import pick_device
from mekit.models.base import count_parameters
from mekit.models.zoo import NETWORKS, build
from mekit.train.loop import bce

BATCH, ROUNDS, OUT = 32, 5, 12
LONG = 10.0      # seconds of a turn after which a model has no further one


def clock(call, device: str) -> float:
    "Seconds of one call, finished"
    start = time.perf_counter()
    call()
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return time.perf_counter() - start


def calls(name: str, device: str) -> tuple[int, dict]:
    "Parameters of a model with random weights, and what is timed of it"
    torch.manual_seed(0)
    model = build(name, n_out=OUT)
    if hasattr(model, "fit"):
        model.fit(model.example(64)[0], np.random.default_rng(0).integers(0, 2, (64, OUT)).astype(float))
    model, x = model.to(device), tuple(part.to(device) for part in model.example(BATCH))
    one, y, count = tuple(part[:1] for part in x), torch.zeros(BATCH, OUT, device=device), count_parameters(model)
    share = torch.ones(OUT, device=device)
    timed = {"batch": lambda: model.logits(x), "one": lambda: model.logits(one)}
    if count:
        step = torch.optim.Adam(model.parameters(), 1e-4)
        def train():
            loss = sum(bce(logits, y, share) for logits in model.taught(model.train()(*x)))
            step.zero_grad()
            loss.backward()
            step.step()
        timed["train"] = train
    return count, timed


def peak(call, device: str) -> float:
    "Megabytes: the most that was in use during a call; on a CPU, beyond what was in use before it"
    if device.startswith("cuda"):
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        call()
        return torch.cuda.max_memory_allocated() / 2**20

    def resident(key: str) -> int:      # kilobytes
        return next(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(key))

    Path("/proc/self/clear_refs").write_text("5")       # Linux: the largest resident size counts from here
    before = resident("VmRSS")
    call()
    return (resident("VmHWM") - before) / 2**10


def memory(name: str, device: str) -> dict:
    "Megabytes of a forward pass and of a training step"
    _, timed = calls(name, device)
    return {f"{kind}_mb": peak(timed[kind], device) if kind in timed else None for kind in ("batch", "train")}


def memory_apart(name: str, device: str) -> dict:
    "The same, in a process that did nothing before and holds no other model"
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(memory, (name, device))


def main(names: tuple[str, ...] = tuple(n.name for n in NETWORKS)) -> dict:
    device, found, times = pick_device("auto", quiet=True), {}, {}
    ready = {name: calls(name, device) for name in names}
    for k in range(ROUNDS + 1):         # the first round allocates and chooses algorithms; it counts only where it is the only one
        for name, (_, timed) in ready.items():
            if k and sum(times[name][0].values()) > LONG:
                continue
            times.setdefault(name, []).append({key: clock(call, device) for key, call in timed.items()})
    print(f"device {device}, {torch.get_num_threads()} threads, batches of {BATCH}, medians of {ROUNDS} rounds (slow models: one)\n")
    print("| model | parameters | forward (ms a clip, in a batch) | forward (ms, one clip) | training (clips/s) | memory, forward (MB) | memory, training (MB) |\n|---|---|---|---|---|---|---|")
    for name, (count, timed) in ready.items():
        kept = times[name][1:] or times[name]
        middle = {key: median(turn[key] for turn in kept) for key in timed}
        taken = memory_apart(name, device)
        used = " | ".join("-" if mb is None else f"{mb:,.0f}" for mb in taken.values())
        found[name] = dict(parameters=count, rounds=len(kept), batch_ms=1e3 * middle["batch"] / BATCH, one_ms=1e3 * middle["one"], train_per_s=BATCH / middle["train"] if count else None, **taken)
        trained = f"{BATCH / middle['train']:,.0f}" if count else "fitted at once"
        print(f"| {name} | {count:,} | {1e3 * middle['batch'] / BATCH:.2f} | {1e3 * middle['one']:.1f} | {trained} | {used} |")
    return dict(device=device, threads=torch.get_num_threads(), batch=BATCH, models=found)
