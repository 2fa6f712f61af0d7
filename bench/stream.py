"""Streaming a recording of 200 frames a second: frames a second, and peak of resident memory at two lengths

Each row is a process of its own that opens the file and streams it. Memory is constant when the peak of the longer
recording is that of the shorter one; the last column is their ratio. Frames a second depend on the machine and on what else it
does. 'read' does nothing with the pieces: what decoding alone costs. The face is a synthetic one, played to and fro.
"""
import json
import os
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from bench.open import write

SHORT, LONG = 3_000, 12_000
SIDE = 192
WORK = ("read", "means", "flow", "strain", "magnify", "lbptop", "curves", "spot")

RUN = """
import json, resource, sys, time, warnings
import numpy as np
warnings.simplefilter("ignore")
from mekit.core import Lazy
from mekit.data.clip import read_clip
from mekit.motion.stream import stream
path, work = sys.argv[1:]
def flow(p):
    from mekit.motion.flow import flow
    return flow(p, pairs="next")
def strain(p):
    from mekit.motion.strain import strain
    return strain(flow(p)).mean((1, 2))
def magnify(p):
    from mekit.motion.magnify import magnify
    return np.asarray(magnify(p.mark(onset=0), 4.).frames).mean((1, 2, 3))
def lbptop(p):
    from mekit.motion.features import lbptop
    return lbptop(np.asarray(p.frames)[..., 1])
WORK = {"read": (lambda p: None, 0), "means": (lambda p: np.asarray(p.frames).mean((1, 2, 3)), 0), "flow": (flow, (1, 0)), "strain": (strain, (1, 0)), "magnify": (magnify, 0), "lbptop": (lbptop, 0)}
clip = read_clip(path)
start = time.perf_counter()
if work in WORK:
    function, overlap = WORK[work]
    bad = [c.error for c in stream(clip, function, size=200, overlap=overlap, progress=False) if c.error is not None]
    if bad: raise bad[0]
else:
    from mekit.motion.spotting import curves, spot
    {"curves": curves, "spot": spot}[work](clip, progress=False)
spent = time.perf_counter() - start
print(json.dumps({"frames": len(clip), "fps": len(clip) / spent, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""


def face_video(path, n: int) -> None:
    "A face that lowers its brows once a second, at 200 frames a second, H.264"
    import mekit as me
    clip = me.synthesize({"AU4": 1.5}, duration_ms=1000, fps=100, size=SIDE, nuisance={"noise": 1.5})
    frames = [np.ascontiguousarray(f) for f in clip.frames]
    with av.open(str(path), "w", options={"video_track_timescale": "120000"}) as out:
        stream = out.add_stream("libx264", rate=200, options={"preset": "ultrafast", "g": "100", "crf": "18"})
        stream.width = stream.height = SIDE
        stream.pix_fmt, stream.codec_context.time_base = "yuv420p", Fraction(1, 120000)
        for i in range(n):
            k = i % (2 * len(frames))
            frame = av.VideoFrame.from_ndarray(frames[min(k, 2 * len(frames) - 1 - k)], format="rgb24")
            frame.pts, frame.time_base = 600 * i, Fraction(1, 120000)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def measured(path, work: str) -> dict:
    "One run in a process of its own"
    run = subprocess.run([sys.executable, "-c", RUN, str(path), work], capture_output=True, text=True, cwd=Path(__file__).resolve().parent.parent)
    if run.returncode:
        raise RuntimeError(run.stderr[-800:])
    return json.loads(run.stdout.splitlines()[-1])


def main(work: tuple = WORK, lengths: tuple = (SHORT, LONG)) -> dict:
    results = {"cores": len(os.sched_getaffinity(0)), "opencv threads": cv2.getNumThreads()}
    print(f"{results['cores']} cores; {SIDE} x {SIDE}, H.264\n")
    print(f"| what | frames a second | peak, {lengths[0]:,} frames | peak, {lengths[1]:,} frames | ratio |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for n in lengths:
            face_video(Path(folder) / f"{n}.mp4", n)
        for name in work:
            try:
                short, long = (measured(Path(folder) / f"{n}.mp4", name) for n in lengths)
            except RuntimeError as error:
                print(f"| {name} | not measured: {str(error).splitlines()[-1]} | | | |")
                continue
            results[name] = {"fps": long["fps"], "short_mb": short["peak_mb"], "long_mb": long["peak_mb"], "ratio": long["peak_mb"] / short["peak_mb"]}
            print(f"| {name} | {long['fps']:.0f} | {short['peak_mb']:.0f} MB | {long['peak_mb']:.0f} MB | {results[name]['ratio']:.2f} |")
    return results


__all__ = ["face_video", "main", "measured", "write"]
