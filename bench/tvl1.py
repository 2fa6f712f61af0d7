"""TV-L1 against OpenCV contrib's and scikit-image's, DIS and Farneback: pairs a second, and error by size of the movement.

All methods get the same pairs of synthetic faces, 256 x 256, spread over as many threads as there are cores, each working alone
(OpenCV's and torch's own threads are set to one); 'in batches' gives each thread its pairs at once, 'in one call' leaves the spreading
to torch, since Python's threads wait for each other between its many short operations. Rounds are interleaved and the median round counts. 'matched' is the original
scheme on both sides: 4 scales of 1/2, 5 warps, 30 inner iterations, no early stop, no median, no additions of ours.
Contrib stops early where little changes, and ours takes one warp less where there is no noise, so speed depends on the noise: both are shown.
The people are not those on whom the settings of `tvl1` were chosen.
"""
import os
import time
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import cv2
import numpy as np
import torch
from skimage.registration import optical_flow_tvl1

import mekit as me
from mekit.anatomy import region_mask
from mekit.motion.fields import grey_frame
from mekit.motion.flow_benchmark import PEAKS, pair, score
from mekit.motion.patches import dis, farneback
from mekit.motion.tvl1 import tvl1

SIZE, IDENTITIES, AUS, NOISE = 256, (0, 21, 42), (1, 4, 12, 15), 2.0
ROUNDS, CORES = 3, len(os.sched_getaffinity(0))
ORIGINAL = dict(levels=4, warps=5, steps=30, tau=1., medians=0, smooth=0, light=0, texture=0, huber=0, outlier=0)


def example(au: int, peak: float, noise: float, identity: int) -> dict:
    "Two grey frames and everything that is known of the motion between them"
    clip = pair(au, peak, dict(noise=noise) if noise else {}, identity, SIZE, 0)
    at, onset = clip.label.apex, clip.label.onset or 0
    face = region_mask("face", clip.truth.landmarks[onset], clip.shape) > 0.5
    known = np.asarray(clip.truth.flow[at]), clip.truth.valid[at], clip.truth.motion[at], face
    return dict(a=grey_frame(clip.frames[onset], 1.0), b=grey_frame(clip.frames[at], 1.0), known=known, peak=peak, noise=noise)


def contrib(a: np.ndarray, b: np.ndarray, *, matched: bool = False) -> np.ndarray:
    engine = cv2.optflow.DualTVL1OpticalFlow_create()
    if matched:
        engine.setScaleStep(0.5)
        engine.setScalesNumber(4)
        engine.setOuterIterations(1)
        engine.setMedianFiltering(1)
        engine.setEpsilon(1e-12)
    return engine.calc(a / np.float32(255), b / np.float32(255), None).transpose(2, 0, 1)


def skimage(a: np.ndarray, b: np.ndarray) -> np.ndarray: return np.stack(optical_flow_tvl1(a / np.float32(255), b / np.float32(255))[::-1])


def ours(a: np.ndarray, b: np.ndarray, **options) -> np.ndarray:    # n h w or h w
    found = tvl1(*(torch.from_numpy(x if x.ndim == 3 else x[None]) for x in (a, b)), **options).numpy()
    return found if a.ndim == 3 else found[0]


ONE_BY_ONE = {
    "tvl1": ours, "contrib, defaults": contrib, "scikit-image, defaults": skimage, "dis": dis, "farneback": farneback,
    "tvl1, matched": lambda a, b: ours(a, b, **ORIGINAL), "contrib, matched": lambda a, b: contrib(a, b, matched=True)}


def seconds(function, items) -> float:
    "Wall time over all cores"
    with ThreadPoolExecutor(CORES, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        start = time.perf_counter()
        list(pool.map(function, items))
        return time.perf_counter() - start


def seconds_together(examples: list) -> float:
    "Wall time of one call for all pairs, with torch's own threads on all cores"
    a, b = (np.stack([e[side] for e in examples]) for side in "ab")
    torch.set_num_threads(CORES)
    start = time.perf_counter()
    ours(a, b)
    taken = time.perf_counter() - start
    torch.set_num_threads(1)
    return taken


def speed(examples: list) -> dict:
    "Pairs a second: median of interleaved rounds"
    singles = [(e["a"], e["b"]) for e in examples]
    batches = [tuple(np.stack([e[side] for e in examples[k::CORES]]) for side in "ab") for k in range(CORES)]
    work = {"tvl1, in batches": (lambda x: ours(*x), batches)} | {name: (lambda x, f=f: f(*x), singles) for name, f in ONE_BY_ONE.items()}
    taken = {"tvl1, in one call": []} | {name: [] for name in work}
    seconds_together(examples)
    for _ in range(ROUNDS):
        taken["tvl1, in one call"].append(seconds_together(examples))
        for name, (function, items) in work.items(): taken[name].append(seconds(function, items))
    return {name: len(examples) / median(t) for name, t in taken.items()}


def print_speed(quiet: dict, noisy: dict) -> None:
    print("| method | pairs/s, no noise | pairs/s, noise 2 | tvl1 in one call is faster by |\n|---|---|---|---|")
    for name in quiet:
        times = f"{quiet['tvl1, in one call'] / quiet[name]:.1f} and {noisy['tvl1, in one call'] / noisy[name]:.1f}"
        print(f"| {name} | {quiet[name]:.2f} | {noisy[name]:.2f} | {times} |")
    print(f"\nmatched iterations: {quiet['tvl1, matched'] / quiet['contrib, matched']:.1f} and {noisy['tvl1, matched'] / noisy['contrib, matched']:.1f} times contrib\n")


def accuracy(examples: list) -> dict:
    "Mean end-point error by noise, peak and method, where the expression moves"
    names = ("tvl1", "contrib, defaults", "scikit-image, defaults", "dis", "farneback")
    found = {}
    for e in examples:
        for name in names:
            at = score(ONE_BY_ONE[name](e["a"], e["b"]), *e["known"])
            found.setdefault((e["noise"], e["peak"]), {}).setdefault(name, []).append(at["error_px"])
        found[e["noise"], e["peak"]].setdefault("zero flow", []).append(at["zero_px"])
    table = {key: {name: float(np.mean(values)) for name, values in row.items()} for key, row in sorted(found.items())}
    print("| noise | peak (px) | " + " | ".join((*names, "zero flow")) + " |\n" + "|---" * (len(names) + 3) + "|")
    for (noise, peak), row in table.items(): print(f"| {noise:g} | {peak:g} | " + " | ".join(f"{row[n]:.4f}" for n in (*names, "zero flow")) + " |")
    print()
    return {f"noise {noise:g}, {peak:g} px": row for (noise, peak), row in table.items()}


BYTES = 102 * 4     # read and written by one primal-dual step for one pixel, counted in `descend`; the warps come on top and are not counted


def on_gpu(a: np.ndarray, b: np.ndarray) -> dict:
    "Pairs a second in batches, and the share that the counted bytes are of what a plain copy moves"
    big = torch.empty(2**28, device="cuda")
    copied = 2 * big.nbytes / gpu_seconds(big.clone)
    pixels = sum(round(SIZE / 2**level) ** 2 for level in range(4))
    found = {}
    print("| batch | precision | pairs/s | share of a copy's bandwidth |\n|---|---|---|---|")
    for batch in (1, 8, 32, 128):
        one, two = (torch.from_numpy(np.resize(x, (batch, SIZE, SIZE))).cuda() for x in (a, b))
        for half in (False, True):
            rate = batch / gpu_seconds(lambda one=one, two=two, half=half: tvl1(one, two, half=half))
            share = rate * pixels * 2 * 15 * BYTES / (2 if half else 1) / copied
            found[f"batch {batch}{', half' * half}"] = {"pairs_per_s": rate, "bandwidth_share": share}
            print(f"| {batch} | {'half' if half else 'single'} | {rate:.0f} | {share:.0%} |")
    both = [tvl1(*(torch.from_numpy(x[:4]).to(d) for x in (a, b))).cpu() for d in ("cpu", "cuda")]
    print(f"\nmedian difference between CPU and GPU: {(both[0] - both[1]).abs().median():.1e} px\n")
    return found


def gpu_seconds(work) -> float:
    work()
    taken = []
    for _ in range(5):
        torch.cuda.synchronize()
        start = time.perf_counter()
        work()
        torch.cuda.synchronize()
        taken.append(time.perf_counter() - start)
    return median(taken)


def main() -> dict:
    if not hasattr(cv2, "optflow"):
        print("skipped: no cv2.optflow; install opencv-contrib-python in the very version of opencv-python")
        return {"skipped": True}
    threads = cv2.getNumThreads(), torch.get_num_threads()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    try: return measured()
    finally:
        cv2.setNumThreads(threads[0])
        torch.set_num_threads(threads[1])


def measured() -> dict:
    examples = [example(au, peak, noise, identity) for identity in IDENTITIES for au in AUS for peak in PEAKS for noise in (0.0, NOISE)]
    chosen = [[e for e in examples if e["noise"] == noise][:10] for noise in (0.0, NOISE)]
    print(f"mekit {me.__version__}, {SIZE} px, {CORES} threads; {len(examples)} pairs of identities {', '.join(map(str, IDENTITIES))}\n")
    quiet, noisy = (speed(part) for part in chosen)
    print_speed(quiet, noisy)
    result = {"pairs_per_s": {"no noise": quiet, "noise 2": noisy}, "error_px": accuracy(examples)}
    noisy = [e for e in examples if e["noise"]]      # those take both warps
    if torch.cuda.is_available(): result["gpu"] = on_gpu(*(np.stack([e[side] for e in noisy]) for side in "ab"))
    else: print("no GPU here: nothing is said about one")
    return result
