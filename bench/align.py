"""Head motion of a synthetic clip found by `align` and by OpenCV's ECC, whose truth is known: error and time.

Errors are at the rigid references, in pixels, over all frames. ECC (cv2.findTransformECC, affine, inside the
face) is what a user would pick instead; like align it starts from the frame before. In the row of AU9 only
the face moves: whatever a method believes of the head there is an expression it would remove. The last row shows
what a lossy codec does to a moving face: the motion is in the file, and no method is right.
"""
import io
import time

import av
import cv2
import numpy as np

import mekit as me
from mekit.anatomy import carry, region_mask
from mekit.face.align import align, apply
from mekit.face.register import REFERENCES
from mekit.face.warp import warp

CODED = "head, through H.264 at CRF 23"
CASES = {
    "head, 5 px 3 degrees 3 %": ((), dict(translation=5.0, rotation=3.0, scale=0.03)),
    "the same, noise 2, lamp 10 %": ((), dict(translation=5.0, rotation=3.0, scale=0.03, noise=2.0, illumination=0.1)),
    "at rest, noise 4": ((), dict(noise=4.0)),
    "AU9 at 2 %IOD, head at rest": ({"AU9": 2.0}, {}),
    CODED: ((), dict(translation=5.0, rotation=3.0, scale=0.03)),
}


def truth(clip) -> np.ndarray:
    "The similarity the head made: t 3 3"
    log, middle, n = clip.truth.nuisance, (clip.shape[0] - 1) / 2, len(clip)
    angle, maps = np.radians(log.get("rotation", np.zeros(n))), np.tile(np.eye(3), (n, 1, 1))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]).transpose(2, 0, 1)
    maps[:, :2, :2] = turn * np.broadcast_to(log.get("scale", 1.0), n)[:, None, None]
    maps[:, :2, 2] = middle - maps[:, :2, :2] @ np.full(2, middle) + log.get("translation", np.zeros((n, 2)))
    return maps


def ecc(clip) -> np.ndarray:
    "cv2.findTransformECC of each frame against the onset, affine, inside the face: t 3 3"
    onset = clip.label.onset
    grey = [cv2.cvtColor(np.asarray(f), cv2.COLOR_RGB2GRAY) for f in clip.frames]
    mask = region_mask("face", clip.truth.landmarks[onset], clip.shape).astype(np.uint8) * 255
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 50, 1e-5)
    maps = np.tile(np.eye(3), (len(clip), 1, 1))
    for order in (range(onset + 1, len(clip)), range(onset - 1, -1, -1)):
        now = np.eye(2, 3, dtype=np.float32)
        for t in order:
            _, now = cv2.findTransformECC(grey[onset], grey[t], now.copy(), cv2.MOTION_AFFINE, stop, mask, 5)
            maps[t, :2] = now
    return maps


def through_h264(clip):
    "What a phone would have kept of the clip"
    buffer, frames = io.BytesIO(), np.asarray(clip.frames)
    with av.open(buffer, "w", format="mp4") as box:
        stream = box.add_stream("libx264", rate=100, options={"crf": "23"})
        stream.width, stream.height, stream.pix_fmt = frames.shape[2], frames.shape[1], "yuv420p"
        for f in frames:
            box.mux(stream.encode(av.VideoFrame.from_ndarray(f, format="rgb24")))
        box.mux(stream.encode())
    buffer.seek(0)
    return clip.replace(frames=np.stack([f.to_ndarray(format="rgb24") for f in av.open(buffer).decode(video=0)]))


def main() -> dict:
    found = {}
    print("| clip (100 frames, 256 x 256) | method | error, largest (px) | error, rms (px) | ms a frame |\n|---|---|---|---|---|")
    for name, (units, nuisance) in CASES.items():
        clip = me.synthesize(units, fps=100, nuisance=nuisance, seed=3)
        clip = through_h264(clip) if name == CODED else clip
        np.asarray(clip.frames)
        where, true = carry(REFERENCES, clip.truth.landmarks[clip.label.onset]), truth(clip)
        for method, find in {"mekit align": lambda c: align(c).alignment.motion, "OpenCV ECC, affine": ecc}.items():
            start = time.perf_counter()
            maps = find(clip)
            spent = (time.perf_counter() - start) / len(clip) * 1e3
            error = np.stack([np.linalg.norm(apply(a, where) - apply(b, where), axis=1) for a, b in zip(maps, true)])
            row = {"largest_px": float(error.max()), "rms_px": float(np.sqrt((error**2).mean())), "ms": spent}
            found[f"{name}: {method}"] = row
            print(f"| {name} | {method} | {row['largest_px']:.3f} | {row['rms_px']:.3f} | {spent:.1f} |")
    frame = np.asarray(clip.frames[0])
    start = time.perf_counter()
    for _ in range(30):
        warp(frame, np.array([[0.999, 0.01, 1.3], [-0.01, 0.999, -0.7], [0, 0, 1]]), clip.shape)
    found["warp a frame, ms"] = (time.perf_counter() - start) / 30 * 1e3
    print(f"\nwarping a frame of 256 x 256 when it is looked at: {found['warp a frame, ms']:.1f} ms")
    return found
