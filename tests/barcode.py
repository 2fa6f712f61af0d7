"""Frames that say which frame they are, to catch a reader or a widget that shows the wrong one

Geometry, in fractions of the picture, so that it survives resizing (down to 64 x 64), JPEG and H.264:

- The band is the bottom quarter of the picture: y from 3/4 H to H, all of W.
- It has 2 rows of 8 cells: a cell is W/8 wide and H/8 high; the cell of row r (0 above, 1 below) and column c
  (0 left) has its centre at ((c + 1/2) W/8, 3/4 H + (r + 1/2) H/8).
- A cell is one bit: white (255) is 1, black (0) is 0. The 16 bits are read row by row, left to right,
  the highest first: word = number << 4 | check.
- number is 0 to 4095; with its nibbles n0 (lowest), n1, n2: check = (n0 + 3 n1 + 7 n2 + 9) mod 16,
  so that one wrong bit is noticed, and an all-black or all-white picture is no bar code.
- To read a cell, average R, G and B over its middle half (centre +- W/32, +- H/32); above 160 it is 1,
  below 96 it is 0, between them the picture is not readable (None).

READ_BARCODE_JS is the same reader in JavaScript: a function of a canvas (or of anything with `getContext`)
that gives the number or null.
"""
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

READ_BARCODE_JS = """
(canvas) => {
  const W = canvas.width, H = canvas.height;
  const { data } = canvas.getContext("2d").getImageData(0, 0, W, H);
  let word = 0;
  for (let k = 0; k < 16; k++) {
    const x = ((k % 8) + 0.5) * W / 8, y = 0.75 * H + (Math.floor(k / 8) + 0.5) * H / 8;
    let sum = 0, count = 0;
    for (let j = Math.floor(y - H / 32); j < Math.ceil(y + H / 32); j++)
      for (let i = Math.floor(x - W / 32); i < Math.ceil(x + W / 32); i++) {
        const p = 4 * (j * W + i);
        sum += data[p] + data[p + 1] + data[p + 2]; count += 3;
      }
    const mean = sum / count;
    if (mean >= 96 && mean <= 160) return null;
    word = word * 2 + (mean > 160 ? 1 : 0);
  }
  const n = word >> 4, check = ((n & 15) + 3 * ((n >> 4) & 15) + 7 * (n >> 8) + 9) % 16;
  return check === (word & 15) ? n : null;
}
"""


def _check(n: int) -> int:
    return ((n & 15) + 3 * (n >> 4 & 15) + 7 * (n >> 8) + 9) % 16


def barcode(i: int, size: tuple[int, int] = (128, 160), *, background: np.ndarray | None = None) -> np.ndarray:
    "h w 3 uint8: number `i` (0..4095) under a scene that moves with it, or burnt into `background`"
    assert 0 <= i < 4096, f"a bar code holds 0 to 4095, not {i}"
    h, w = size if background is None else background.shape[:2]
    if background is None:
        y, x = np.mgrid[:h, :w].astype(np.float32)
        waves = [np.sin((x + s * 1.3 * i) / w * f) * np.cos(y / h * f) for s, f in ((1, 9), (-1, 14), (2, 23))]
        image = np.stack([127 + 90 * wave for wave in waves], -1).astype(np.uint8)
        cv2.circle(image, (int(w * (.5 + .35 * np.sin(i / 9))), int(h * .35)), max(2, h // 10), (230, 190, 160), -1)
    else:
        image = background.copy()
    word = i << 4 | _check(i)
    for k in range(16):
        r, c = divmod(k, 8)
        y0, y1 = round(h * (.75 + r / 8)), round(h * (.75 + (r + 1) / 8))
        image[y0:y1, round(c * w / 8):round((c + 1) * w / 8)] = 255 if word >> (15 - k) & 1 else 0
    return image


def read_barcode(rgb: np.ndarray) -> int | None:
    "The number burnt into a picture (h w 3), or None"
    h, w = rgb.shape[:2]
    word = 0
    for k in range(16):
        x, y = (k % 8 + .5) * w / 8, .75 * h + (k // 8 + .5) * h / 8
        mean = rgb[int(np.floor(y - h / 32)):int(np.ceil(y + h / 32)), int(np.floor(x - w / 32)):int(np.ceil(x + w / 32))].mean()
        if 96 <= mean <= 160:
            return None
        word = word << 1 | int(mean > 160)
    return word >> 4 if _check(word >> 4) == word & 15 else None


def _steps(n: int, fps, vfr: bool, tick: Fraction) -> list[int]:
    "Time stamps of n frames in ticks; a variable rate goes between a third and three times of fps"
    base = 1 / (Fraction(fps) * tick)
    if not vfr:
        return [round(i * base) for i in range(n)]
    pattern = [1, Fraction(1, 3), Fraction(5, 2), 1, Fraction(2, 3), 3, Fraction(4, 3)]
    out = [0]
    for i in range(n - 1):
        out.append(out[-1] + max(1, round(base * pattern[i * i % 7])))
    return out


def write_video(path, n: int, *, codec: str = "libx264", fps=30, bframes: int = 2, vfr: bool = False, size: tuple[int, int] = (128, 160),
                pix_fmt: str | None = None, gop: int = 24, open_gop: bool = False, options: dict | None = None, frame=None) -> np.ndarray:
    """A video of n bar-coded frames; returns the times written (ms, from the first)

    The suffix of `path` chooses the container: .mp4, .mkv, .webm (codec libvpx-vp9; clock of whole milliseconds), .avi (constant rate).
    `frame(i) -> h w 3` replaces the default scene. Sizes must be even.
    """
    path = Path(path)
    coarse = path.suffix in (".webm", ".mkv")
    tick = Fraction(1, 1000) if coarse else 1 / Fraction(fps) if path.suffix == ".avi" else Fraction(1, 120000)
    stamps = _steps(n, fps, vfr, tick)
    x264 = {"bf": str(bframes), "g": str(gop), "preset": "veryfast", "x264-params": f"open-gop={int(open_gop)}:scenecut=0"}
    defaults = {"libx264": x264, "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "g": str(gop), "lag-in-frames": "8", "b": "800k"}}
    with av.open(str(path), "w", options={"video_track_timescale": "120000"} if path.suffix == ".mp4" else {}) as out:
        stream = out.add_stream(codec, rate=Fraction(fps))
        stream.height, stream.width = size
        stream.pix_fmt = pix_fmt or ("yuvj420p" if codec == "mjpeg" else "yuv420p")
        stream.codec_context.time_base = tick
        stream.codec_context.options = {**defaults.get(codec, {}), **(options or {})}
        stream.codec_context.thread_count = 1
        for i, stamp in enumerate(stamps):
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(barcode(i, size) if frame is None else frame(i)), format="rgb24")
            picture.pts, picture.time_base = stamp, tick
            out.mux(stream.encode(picture))
        out.mux(stream.encode(None))
    return np.array([float(s * tick * 1000) for s in stamps])


def write_folder(path, n: int, ext: str = ".jpg", first_number: int = 1, *, size: tuple[int, int] = (128, 160), name: str = "img{}", frame=None) -> list[Path]:
    "n bar-coded images; image k holds bar code k and is called name.format(first_number + k) + ext"
    path = Path(path)
    path.mkdir(parents=True, exist_ok=True)
    files = [path / (name.format(first_number + i) + ext) for i in range(n)]
    for i, file in enumerate(files):
        assert cv2.imwrite(str(file), cv2.cvtColor(barcode(i, size) if frame is None else frame(i), cv2.COLOR_RGB2BGR))
    return files
