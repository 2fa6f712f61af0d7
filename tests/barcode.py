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
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from PIL import Image

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
                pix_fmt: str | None = None, gop: int = 24, open_gop: bool = False, options: dict | None = None, aspect: Fraction | None = None, frame=None) -> np.ndarray:
    """A video of n bar-coded frames; returns the times written (ms, from the first)

    The suffix of `path` chooses the container: .mp4, .mkv, .webm (codec libvpx-vp9; clock of whole milliseconds), .avi (constant rate).
    `frame(i) -> h w 3`, or a whole av.VideoFrame, replaces the default scene; `aspect` is width : height of a pixel. Sizes must be even.
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
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        for i, stamp in enumerate(stamps):
            picture = barcode(i, size) if frame is None else frame(i)
            if not isinstance(picture, av.VideoFrame):
                picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
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


# ---- the suite: the kinds of file that readers and widgets must show right, every frame of them

@dataclass(frozen=True)
class Made:
    "A bar-coded recording: the picture shown as the i-th bears `numbers[i]` and is due at `times[i]`"
    path: Path
    times: np.ndarray | None    # n, ms from the first picture shown; None where the file has no clock
    numbers: np.ndarray         # n, bar codes in the order shown
    shape: tuple[int, int]      # h, w as a player shows it, upright
    says: str = ""              # part of the one warning that reading it must give; "" for none
    read: dict = field(default_factory=dict)    # options that read_clip needs


def _film(suffix: str = ".mp4", says: str = "", shown: tuple[int, int] | None = None, **options):
    "Writer of a video in which every picture that is stored is shown"
    def write(folder, n: int = 96) -> Made:
        path = Path(folder) / f"film{suffix}"
        times = write_video(path, n, **options)
        return Made(path, times, np.arange(n), shown or options.get("size", (128, 160)), says)
    return write


def turned(data: bytes, a: int, b: int, c: int, d: int, size: tuple[int, int]) -> bytes:
    "An mp4 whose track header says: show (x, y) at (a x + c y, b x + d y), moved back into view; size h, w as stored"
    at, (h, w) = data.index(b"tkhd") + 44, size
    moved = (max(0, -a * w) + max(0, -c * h), max(0, -b * w) + max(0, -d * h))
    matrix = (a << 16, b << 16, 0, c << 16, d << 16, 0, moved[0] << 16, moved[1] << 16, 1 << 30)
    return data[:at] + b"".join(v.to_bytes(4, "big", signed=True) for v in matrix) + data[at + 36:]


def _turned(a: int, b: int, c: int, d: int, stored):
    "Writer of a video that is stored turned or mirrored, `stored(picture)`, and bears the matrix that sets it right"
    def write(folder, n: int = 96) -> Made:
        path, size = Path(folder) / "turned.mp4", stored(barcode(0)).shape[:2]
        times = write_video(path, n, size=size, frame=lambda i: stored(barcode(i)))
        path.write_bytes(turned(path.read_bytes(), a, b, c, d, size))
        return Made(path, times, np.arange(n), (128, 160))
    return write


def remux(source, path, keep=lambda packet: True, shift: int = 0, **options) -> Path:
    "Copy the packets for which keep(packet) holds, `shift` ticks earlier"
    with av.open(str(source)) as a, av.open(str(path), "w", options=options) as b:
        stream = b.add_stream_from_template(a.streams.video[0])
        for packet in a.demux(video=0):
            if packet.dts is not None and keep(packet):
                packet.pts, packet.dts, packet.stream = packet.pts - shift, packet.dts - shift, stream
                b.mux(packet)
    return Path(path)


def box(data: bytes, *names: bytes) -> tuple[int, int]:
    "Where the content of a box of an mp4 begins and ends; names from the outside in"
    at, end = 0, len(data)
    for name in names:
        while data[at + 4:at + 8] != name:
            at += int.from_bytes(data[at:at + 4], "big")
            assert at < end, f"no box {name}"
        at, end = at + 8, at + int.from_bytes(data[at:at + 4], "big")
    return at, end


def write_trimmed(folder, n: int = 96, *, first: int = 30, last: int | None = None, **options) -> Made:
    """A video cut without re-encoding, as `ffmpeg -ss -t -c copy` does: the packets from the key frame before `first` are in
    the file, and an edit list hides those that come before `first`, and after `last`"""
    folder = Path(folder)
    extra = 24 * (last is not None)
    times = write_video(folder / "source.mp4", first + n + extra, **options)
    tick = Fraction(1, 120000)
    cut, seen = round(times[first] / 1000 / tick), []
    keys = [p.pts for p in av.open(str(folder / "source.mp4")).demux(video=0) if p.is_keyframe and p.pts is not None and p.pts <= cut]
    path = remux(folder / "source.mp4", folder / "trimmed.mp4", lambda p: seen.append(p.pts) or max(keys) in seen, cut, avoid_negative_ts="disabled")
    times, numbers = times[first:] - times[first], np.arange(first, first + n + extra)
    if last is not None:                                                    # the edit's duration, in ticks of the movie header
        data = bytearray(path.read_bytes())
        clock = int.from_bytes(data[box(data, b"moov", b"mvhd")[0] + 12:][:4], "big")
        at = box(data, b"moov", b"trak", b"edts", b"elst")[0]
        count = int.from_bytes(data[at + 4:at + 8], "big")
        assert count == 1 and data[at] == 0, "one edit, 32 bits"
        data[at + 8:at + 12] = int(np.ceil((times[n] - .01) * clock / 1000)).to_bytes(4, "big")
        path.write_bytes(data)
    (folder / "source.mp4").unlink()
    return Made(path, times[:n], numbers[:n], options.get("size", (128, 160)))


def hdr_frame(rgb: np.ndarray, transfer: str, white: float = 203.) -> av.VideoFrame:
    "A picture (h w 3, sRGB) as 10-bit BT.2020 with the light that `transfer` ('pq' or 'hlg') gives it; ITU-R BT.2100, white at `white` nits"
    light = np.where(rgb > .04045 * 255, ((rgb / 255 + .055) / 1.055) ** 2.4, rgb / 255 / 12.92)
    light = light @ np.array([[.6274, .3293, .0433], [.0691, .9195, .0114], [.0164, .0880, .8956]]).T        # BT.2087
    if transfer == "pq":
        y = (light * white / 10000) ** .1593017578125
        coded = ((.8359375 + 18.8515625 * y) / (1 + 18.6875 * y)) ** 78.84375
    else:
        luma = light @ (.2627, .6780, .0593)
        scene = light * (np.maximum(luma, 1e-9) * white / 1000)[..., None] ** (1 / 1.2) / np.maximum(luma, 1e-9)[..., None]     # of a 1,000 nit display
        coded = np.where(scene <= 1 / 12, np.sqrt(3 * scene), .17883277 * np.log(np.maximum(12 * scene - .28466892, 1e-9)) + .55991073)
    coded = coded.clip(0, 1)
    y = coded @ (.2627, .6780, .0593)
    planes = [64 + 876 * y, 512 + 896 * (coded[..., 2] - y) / 1.8814, 512 + 896 * (coded[..., 0] - y) / 1.4746]
    half = [p if k == 0 else p.reshape(p.shape[0] // 2, 2, -1, 2).mean((1, 3)) for k, p in enumerate(planes)]
    flat = np.concatenate([np.rint(p).astype(np.uint16).ravel() for p in half]).reshape(-1, rgb.shape[1])
    frame = av.VideoFrame.from_ndarray(flat, format="yuv420p10le")
    frame.colorspace, frame.color_range, frame.color_primaries, frame.color_trc = 9, 1, 9, 16 if transfer == "pq" else 18
    return frame


def hdr_params(transfer: str) -> str:
    "What x264 has to be told so that it writes the transfer and BT.2020 into the file"
    return f"scenecut=0:colorprim=bt2020:colormatrix=bt2020nc:transfer={'smpte2084' if transfer == 'pq' else 'arib-std-b67'}"


def _hdr(transfer: str):
    return _film(pix_fmt="yuv420p10le", says="high dynamic range", frame=lambda i: hdr_frame(barcode(i), transfer), options={"x264-params": hdr_params(transfer)})


def _see_through(i: int) -> av.VideoFrame:
    picture = np.dstack([barcode(i), np.full((128, 160), 255, np.uint8)])
    picture[:16, :16, 3] = 128
    return av.VideoFrame.from_ndarray(picture, format="rgba")


def _gif(folder, n: int = 96) -> Made:
    first, *rest = [Image.fromarray(barcode(i)).quantize(64, Image.Quantize.FASTOCTREE) for i in range(n)]
    first.save(Path(folder) / "film.gif", save_all=True, append_images=rest, duration=40, loop=0)
    return Made(Path(folder) / "film.gif", 40. * np.arange(n), np.arange(n), (128, 160))


def _images(suffix: str, other: str = ""):
    "Writer of a folder of images whose numbers begin at 85; every third has the suffix `other`, where one is given"
    def write(folder, n: int = 96) -> Made:
        path = Path(folder) / "images"
        for k, file in enumerate(write_folder(path, n, suffix, 85)):
            if other and k % 3 == 1:
                Image.open(file).save(file.with_suffix(other), quality=90)
                file.unlink()
        return Made(path, 5. * np.arange(n), np.arange(n), (128, 160), read={"fps": 200})
    return write


def _stack(folder, n: int = 96) -> Made:
    first, *rest = [Image.fromarray(barcode(i)) for i in range(n)]
    first.save(Path(folder) / "stack.tif", save_all=True, append_images=rest)
    return Made(Path(folder) / "stack.tif", 5. * np.arange(n), np.arange(n), (128, 160), read={"fps": 200})


INTERLACED = {"flags": "+ildct+ilme", "x264-params": "tff=1:scenecut=0"}
SUITE = {   # name -> write(folder, n) -> Made
    "25 fps": _film(fps=25),
    "29.97 fps": _film(fps=Fraction(30000, 1001)),
    "60 fps": _film(fps=60),
    "100 fps": _film(fps=100),
    "200 fps": _film(fps=200),
    "variable rate": _film(vfr=True, bframes=4),
    "B-frames": _film(bframes=3),
    "open GOP": _film(open_gop=True, bframes=3),
    "one key frame": _film(gop=1000),
    "intra refresh": _film(options={"x264-params": "intra-refresh=1:keyint=24", "preset": "veryfast"}),
    "trimmed": lambda folder, n=96: write_trimmed(folder, n, bframes=3),
    "trimmed at both ends": lambda folder, n=96: write_trimmed(folder, n, last=1, bframes=3, fps=100),
    "VP9 in webm": _film(".webm", codec="libvpx-vp9", fps=Fraction(30000, 1001)),
    "VP9, variable rate": _film(".webm", codec="libvpx-vp9", vfr=True),
    "MJPEG in AVI": _film(".avi", codec="mjpeg"),
    "MJPEG in QuickTime": _film(".mov", codec="mjpeg", vfr=True),
    "Matroska, variable rate": _film(".mkv", vfr=True),
    "transport stream": _film(".ts"),
    "HEVC": _film(codec="libx265", options={"x265-params": "log-level=none:keyint=24:bframes=3:open-gop=1", "preset": "ultrafast"}),
    "4:2:2": _film(fps=50, pix_fmt="yuv422p"),
    "4:4:4": _film(fps=50, pix_fmt="yuv444p"),
    "10 bit": _film(fps=50, pix_fmt="yuv420p10le"),
    "10 bit 4:2:2 ProRes": _film(".mov", codec="prores_ks", fps=50, pix_fmt="yuv422p10le"),
    "HDR, PQ": _hdr("pq"),
    "HDR, HLG": _hdr("hlg"),
    "odd size": _film(pix_fmt="yuv444p", size=(127, 161)),
    "turned left": _turned(0, 1, -1, 0, lambda x: np.rot90(x)),
    "turned right": _turned(0, -1, 1, 0, lambda x: np.rot90(x, -1)),
    "upside down": _turned(-1, 0, 0, -1, lambda x: np.rot90(x, 2)),
    "mirrored": _turned(-1, 0, 0, 1, lambda x: x[:, ::-1]),
    "wide pixels": _film(size=(128, 120), aspect=Fraction(4, 3), shown=(128, 160), says="pixels that are not square"),
    "interlaced": _film(fps=25, options=INTERLACED, says="interlaced"),
    "grey": _film(".mkv", codec="ffv1", pix_fmt="gray"),
    "grey, 16 bit": _film(".mkv", codec="ffv1", pix_fmt="gray16le"),
    "alpha": _film(".mov", codec="png", pix_fmt="rgba", frame=_see_through),
    "GIF": _gif,
    "JPEG folder": _images(".jpg"),
    "PNG and JPEG in one folder": _images(".png", ".jpg"),
    "TIFF stack": _stack,
}


def suite(name: str, folder, n: int = 96) -> Made:
    "Write one kind of the suite: n pictures (or a few hundred) into a folder of its own"
    folder = Path(folder) / "".join(c if c.isalnum() else "_" for c in name)
    folder.mkdir(parents=True, exist_ok=True)
    return SUITE[name](folder, n)
