"Opening a 20,000-frame video of 256 x 256 in the scrubber: time, pictures decoded, memory, and how soon a chunk is ready; beside reading it whole"
import resource
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import mekit as me
import numpy as np

N, PART = 20_000, 2_000
LIMIT_S, LIMIT_MB = 3.0, 300        # to open with three panes of values


def video(path: Path) -> Path:
    "A face of noise that drifts, 200 frames a second, a key frame a quarter of a second"
    rng = np.random.default_rng(0)
    texture = np.kron(rng.integers(0, 255, (40, 40, 3), np.uint8), np.ones((8, 8, 1), np.uint8))
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=200, options={"preset": "ultrafast", "g": "50", "crf": "28"})
        stream.width = stream.height = 256
        stream.pix_fmt = "yuv420p"
        for i in range(N):
            x = int(16 + 15 * np.sin(i / 40))
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(texture[x:x + 256, 20:276]), format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, 200)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path


def used() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024       # MB, the largest so far


def answered(view, chunk: int) -> float:
    "Seconds until a chunk is ready to be sent"
    start = time.perf_counter()
    view._asked(view, {"kind": "want", "clip": 0, "chunk": chunk, "key": view.meta["chunk"]["key"]}, [])
    view.desk.wait()
    return time.perf_counter() - start


def main() -> dict:
    with tempfile.TemporaryDirectory() as folder:
        path = video(Path(folder) / "long.mp4")
        before, start = used(), time.perf_counter()
        clip = me.read(path)
        read = time.perf_counter() - start
        made, load = [], clip.frames.load
        clip.frames.load = lambda i: made.append(i) or load(i)
        start = time.perf_counter()
        plain = me.scrub(clip, "frame")
        opened_plain = time.perf_counter() - start
        start = time.perf_counter()
        view = me.scrub(clip, ("frame", "flow", "strain"))
        opened, decoded, grown = time.perf_counter() - start, len(set(made)), used() - before
        view.desk.send = plain.desk.send = lambda message, buffers: None
        chunks = [answered(plain, k) for k in (100, 400, 700)], [answered(view, k) for k in (150, 450, 750)]
        start = time.perf_counter()
        np.asarray(clip.frames[:PART])
        whole = (time.perf_counter() - start) * N / PART
    print("| 20,000 frames of 256 x 256, H.264 | |\n|---|---|")
    print(f"| read_clip | {read:.2f} s |\n| scrub, frames alone | {opened_plain:.2f} s |\n| scrub with flow and strain | {opened:.2f} s |")
    print(f"| pictures decoded to open both | {decoded} |\n| memory grown | {grown:.0f} MB |")
    print(f"| a chunk far away, frames alone | {np.median(chunks[0]):.2f} s |\n| a chunk far away, with flow and strain | {np.median(chunks[1]):.2f} s |")
    print(f"| decoding all frames into an array instead, from {PART} | {whole:.0f} s, {N * 256 * 256 * 3 / 2**30:.1f} GB |")
    if opened > LIMIT_S or grown > LIMIT_MB:
        sys.exit(f"missed: {opened:.2f} s and {grown:.0f} MB to open, promised {LIMIT_S} s and {LIMIT_MB} MB")
    return {"read_s": read, "open_s": opened, "open_plain_s": opened_plain, "decoded": decoded, "grown_mb": grown, "chunk_s": float(np.median(chunks[0])), "chunk_flow_s": float(np.median(chunks[1]))}
