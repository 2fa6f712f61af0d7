"""An index of small clips to arrays: the first call, a second one, and a plain loop of the same steps; and what memory it takes.

The clips are textures of 256 x 256 pixels in PNG files, so nothing is cropped: reading, flow (dis) and the picture for a network are timed.
Calls are interleaved and medians taken. Memory is the peak of a fresh process for 30 and for 180 samples, whose arrays differ by 46 MB.
"""
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from mekit.data.clip import read_clip
from mekit.data.index import Entry, Index, open_clip
from mekit.labels import Label
from mekit.motion.fields import random_texture, shifted
from mekit.motion.flow import flow
from mekit.motion.samples import samples
from mekit.motion.strain import network_input

CLIPS, REPEATS, OPTIONS = 16, 5, dict(crop=False, size=28, scaling="minmax", progress=False)
CHILD = """
import resource, sys
from mekit.data.index import Index, read_index
from mekit.motion.samples import samples
index, n = read_index(sys.argv[1]), int(sys.argv[2])
samples(Index(index.entries[:n]), cache=sys.argv[3], crop=False, size=160, scaling="minmax", progress=False)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def recorded(home: Path, n: int) -> Index:
    "Clips of four frames on disk, a texture that moves by one pixel; every folder serves several samples"
    for k in range(CLIPS):
        if (home / f"clip{k}").exists(): continue
        texture = random_texture(256, seed=k)
        frames = np.stack([np.clip(np.rint(shifted(texture, t / 3, 0)), 0, 255) for t in range(4)]).astype(np.uint8)
        read_clip(np.repeat(frames[..., None], 3, 3)).save(home / f"clip{k}")
    return Index([Entry(Label(database="textures", subject=f"s{k}", sample=f"textures/s{k}/1"), 0, 3, 3, path=home / f"clip{k % CLIPS}") for k in range(n)])


def plain_loop(index: Index) -> None:
    "What a user would write: open, measure, shrink, keep in a list"
    rows = []
    for e in index:
        clip = open_clip(e)
        rows.append(network_input(flow(clip, pairs=[(0, 3)]).uv, size=28, scaling="minmax")[0])
    np.stack(rows)


def timed(call) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def speed(home: Path) -> dict:
    "Clips a second, medians of interleaved repeats"
    index, taken = recorded(home, CLIPS), {}
    for k in range(REPEATS):
        cache = home / f"cache{k}"
        ways = {"a plain loop": lambda: plain_loop(index), "samples, first call": lambda: samples(index, cache=cache, **OPTIONS), "samples, second call": lambda: samples(index, cache=cache, **OPTIONS)}
        for name, call in ways.items(): taken.setdefault(name, []).append(timed(call))
    return {name: CLIPS / statistics.median(t) for name, t in taken.items()}


def memory(home: Path) -> dict:
    "Peak of a fresh process in MB, by the number of samples"
    recorded(home, 180).to_csv(home / "index.csv")
    def peak(n): return int(subprocess.run([sys.executable, "-c", CHILD, home / "index.csv", str(n), home / f"memory{n}"], capture_output=True, text=True, check=True).stdout)
    return {n: peak(n) for n in (30, 180)}


def main() -> dict:
    with tempfile.TemporaryDirectory() as folder:
        rates, peaks = speed(Path(folder)), memory(Path(folder))
    print(f"{len(os.sched_getaffinity(0))} cores; {CLIPS} clips, median of {REPEATS} interleaved repeats\n\n| way | clips a second | against the loop |\n|---|---|---|")
    for name, rate in rates.items(): print(f"| {name} | {rate:.1f} | {rate / rates['a plain loop']:.2f} |")
    print("\n| samples | peak memory (MB) |\n|---|---|")
    for n, peak in peaks.items(): print(f"| {n} | {peak} |")
    return dict(rates=rates, memory={str(n): peak for n, peak in peaks.items()})


if __name__ == "__main__":
    main()
