"Every kind of recording: the picture asked for, in its colours, upright, at its time; damage, long files, images of all depths"
import importlib
import io
import sys
import warnings
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from barcode import INTERLACED, SUITE, barcode, box, hdr_frame, hdr_params, read_barcode, remux, suite, turned, write_folder, write_trimmed, write_video
from PIL import Image

import mekit.media.images as images
import mekit.media.video as media
from mekit.core import MekitError, MekitWarning
from mekit.data.clip import read_clip


def quietly(source, **options):
    "The clip and what was said about it"
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        clip = read_clip(source, **options)
    return clip, [str(w.message) for w in said if w.category is MekitWarning]


def codes(clip, order=None) -> list:
    return [read_barcode(np.asarray(clip.frames[int(i)])) for i in (range(len(clip)) if order is None else order)]


# ---- the suite, which the browser tests share

def visit(name, folder, n, visits, seed):
    "Read one kind of the suite in random order: what is right about it, as a tuple"
    made = suite(name, folder, n)
    clip, said = quietly(made.path, **made.read)
    order = np.random.default_rng(seed).integers(0, n, visits)
    load = clip.frames.load                                             # no cache of pictures between the file and us
    assert len(clip) == n and clip.shape == made.shape and clip.frames[0].shape == (*made.shape, 3)
    assert [read_barcode(load(int(i))) for i in order] == made.numbers[order].tolist()
    assert np.abs(clip.times - made.times).max() < .1
    assert len(said) == bool(made.says) and made.says in "".join(said)
    return clip


@pytest.mark.parametrize("name", SUITE)
def test_frame_i_of_every_kind(tmp_path, name):
    visit(name, tmp_path, 30, 6, 0)                                     # 39 kinds: 234 visits


@pytest.mark.slow
@pytest.mark.parametrize("name", SUITE)
def test_two_thousand_visits(tmp_path, name):
    visit(name, tmp_path, 300, 52, 1)                                   # 39 kinds: 2,028 visits
    assert len(SUITE) * 52 >= 2000


@pytest.mark.slow
@pytest.mark.parametrize("name", SUITE)
def test_two_thousand_visits_without_decoding_on_opening(tmp_path, name, monkeypatch):
    monkeypatch.setattr(media, "CHECK_FRAMES", 50)
    visit(name, tmp_path, 300, 52, 2)


@pytest.mark.parametrize("name", ["trimmed", "trimmed at both ends", "HEVC"])
def test_frame_i_by_packets_alone(tmp_path, name, monkeypatch):
    monkeypatch.setattr(media, "CHECK_FRAMES", 20)
    assert not visit(name, tmp_path, 60, 20, 3).frames.load.index.checked


class Pipe(io.RawIOBase):
    "A file that cannot be gone back in, as a browser or a camera on a network writes it: its index and its duration are never filled in"
    def __init__(self, path): self.file = open(path, "wb")
    def writable(self): return True
    def seekable(self): return False
    def write(self, data): return self.file.write(data)


@pytest.mark.parametrize("suffix, codec, options", [(".mkv", "libx264", {"bf": "3", "g": "12"}), (".webm", "libvpx-vp9", {"g": "12", "auto-alt-ref": "6", "lag-in-frames": "12", "deadline": "good", "cpu-used": "8", "b": "300k"}),
                                                    (".webm", "libvpx", {"g": "12", "auto-alt-ref": "1", "lag-in-frames": "12", "deadline": "good", "cpu-used": "8", "b": "800k"})])
def test_without_an_index_and_with_hidden_pictures(tmp_path, suffix, codec, options, monkeypatch):
    path = tmp_path / f"piped{suffix}"
    with av.open(Pipe(path), "w", format="matroska" if suffix == ".mkv" else "webm") as out:
        stream = out.add_stream(codec, rate=25, options=options)
        stream.height, stream.width, stream.pix_fmt = 128, 160, "yuv420p"
        for i in range(30):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(barcode(i), format="rgb24")))
        out.mux(stream.encode(None))
    for frames in (5_000, 10):
        monkeypatch.setattr(media, "CHECK_FRAMES", frames)
        clip, said = quietly(path)
        assert clip.frames.load.index.checked == (frames > 30) and not said and np.abs(clip.times - 40 * np.arange(30)).max() < .51
        order = np.random.default_rng(5).permutation(30)
        assert codes(clip, order) == order.tolist()


# ---- edit lists, turns, pixels

def with_edits(data: bytes, edits: list[tuple[int, int]]) -> bytes:
    "An mp4 with these edits (duration in ticks of the movie, first media tick or -1), in place of its one; the index must lie at the end"
    path = (b"moov", b"trak", b"edts", b"elst")
    at, end = box(data, *path)
    assert box(data, b"moov")[0] > box(data, b"mdat")[0]
    body = data[at:at + 4] + len(edits).to_bytes(4, "big") + b"".join(d.to_bytes(4, "big") + m.to_bytes(4, "big", signed=True) + b"\0\1\0\0" for d, m in edits)
    out = bytearray(data[:at] + body + data[end:])
    for k in range(1, 5):
        size = box(data, *path[:k])[0] - 8
        out[size:size + 4] = (int.from_bytes(data[size:size + 4], "big") + len(body) - (end - at)).to_bytes(4, "big")
    return bytes(out)


@pytest.mark.parametrize("bframes", [0, 3])
def test_edits(tmp_path, bframes):
    "A pause before the first picture; and two pieces with a gap left out: shown as a player shows them"
    made = write_trimmed(tmp_path, 90, first=24, bframes=bframes, fps=25)
    data = made.path.read_bytes()
    clock = int.from_bytes(data[box(data, b"moov", b"mvhd")[0] + 12:][:4], "big")
    at = box(data, b"moov", b"trak", b"edts", b"elst")[0]
    zero, ms = int.from_bytes(data[at + 12:at + 16], "big"), clock // 1000          # the media tick of frame 24
    for name, (edits, shown, times) in {
            "pause": ([(500 * ms, -1), (3600 * ms, zero)], range(90), 40. * np.arange(90)),
            "pieces": ([(800 * ms, zero), (800 * ms, zero + 48 * 4800)], [*range(20), *range(48, 68)], 40. * np.arange(40)),
            "piece": ([(400 * ms, zero + 5 * 4800)], range(5, 15), 40. * np.arange(10))}.items():
        path = tmp_path / f"{name}.mp4"
        path.write_bytes(with_edits(data, edits))
        clip, said = quietly(path)
        assert codes(clip) == [24 + i for i in shown], name
        assert np.abs(clip.times - times).max() < .1 and not said, name


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("turn", range(4))
def test_all_eight_ways_to_hold_a_camera(tmp_path, turn, mirror):
    "Stored turned and mirrored, and marked so; OpenCV, which knows the turns, agrees on them"
    def stored(x):
        x = np.rot90(x, -turn)
        return x[:, ::-1] if mirror else x
    right, down = {0: (1, 0), 1: (0, -1), 2: (-1, 0), 3: (0, 1)}[turn], {0: (0, 1), 1: (1, 0), 2: (0, -1), 3: (-1, 0)}[turn]
    if mirror:
        right = (-right[0], -right[1])
    path, size = tmp_path / "held.mp4", stored(barcode(0)).shape[:2]
    write_video(path, 6, size=size, frame=lambda i: stored(barcode(i)))
    path.write_bytes(turned(path.read_bytes(), *right, *down, size))
    clip = read_clip(path)
    assert clip.shape == (128, 160) and codes(clip) == list(range(6))
    if not mirror:
        _, other = cv2.VideoCapture(str(path)).read()
        assert np.abs(other[..., ::-1].astype(int) - clip.frames[0]).mean() < 3


def test_pixels_that_are_not_square(tmp_path):
    ring = cv2.circle(np.zeros((120, 160, 3), np.uint8), (80, 60), 40, (255, 255, 255), -1)
    for aspect, size in ((Fraction(4, 3), (120, 120)), (Fraction(8, 9), (108, 128)), (Fraction(1001, 1000), (120, 160))):
        write_video(tmp_path / "a.mp4", 3, size=size, aspect=aspect, frame=lambda i, size=size: cv2.resize(ring, size[::-1], interpolation=cv2.INTER_AREA))
        clip, said = quietly(tmp_path / "a.mp4")
        ys, xs = np.nonzero(clip.frames[1][..., 1] > 128)
        assert np.ptp(xs) / np.ptp(ys) == pytest.approx(float(aspect) * (size[1] / 160) / (size[0] / 120), abs=.03)
        kept, silent = quietly(tmp_path / "a.mp4", square=False)
        assert kept.shape == size and not silent and bool(said) == (clip.shape != size)


# ---- colours

def filmed(path, frame, pix_fmt="yuv444p", codec="libx264", **tags):
    "Five pictures made by frame(i), with colour tags set on the stream"
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=10, options={"crf": "1"} if codec == "libx264" else {})
        first = frame(0)
        stream.width, stream.height, stream.pix_fmt = first.width, first.height, pix_fmt
        for name, value in tags.items():
            setattr(stream.codec_context, name, value)
        for i in range(5):
            picture = frame(i)
            picture.pts = i
            out.mux(stream.encode(picture))
        out.mux(stream.encode(None))
    return read_clip(path)


@pytest.mark.parametrize("size", [(64, 64), (64, 1280)])
@pytest.mark.parametrize("matrix, kr, kb", [(1, .2126, .0722), (5, .299, .114), (9, .2627, .0593), (2, None, None)])
@pytest.mark.parametrize("full", [False, True])
def test_matrix_and_range(tmp_path, matrix, kr, kb, full, size):
    "Y, Cb, Cr computed by the standards' formulas come back as the colour; without a tag, HD is BT.709 and smaller BT.601"
    if matrix == 2:
        kr, kb = (.2126, .0722) if size[1] >= 1280 else (.299, .114)
    r, g, b = np.array((200, 90, 40)) / 255
    y = kr * r + (1 - kr - kb) * g + kb * b
    values = np.array([y, (b - y) / 2 / (1 - kb), (r - y) / 2 / (1 - kr)])
    values = values * 255 + [0, 128, 128] if full else values * [219, 224, 224] + [16, 128, 128]

    def frame(i):
        picture = av.VideoFrame(size[1], size[0], "yuv444p")
        for plane, v in zip(picture.planes, np.rint(values)):
            plane.update(bytes([int(v)]) * plane.buffer_size)
        return picture
    tags = {"color_range": 2 if full else 1} | ({} if matrix == 2 else {"colorspace": matrix})
    assert np.abs(filmed(tmp_path / "c.mp4", frame, **tags).frames[1].astype(int) - (200, 90, 40)).max() <= 4


@pytest.mark.parametrize("transfer", ["pq", "hlg"])
def test_high_dynamic_range_looks_like_what_was_filmed(tmp_path, transfer):
    y, x = np.mgrid[:128, :160]
    skin = np.stack([130 + 80 * np.sin(x / 21) * np.cos(y / 17), 105 + 60 * np.sin(x / 21) * np.cos(y / 17), 90 + 40 * np.cos(y / 23)], -1).astype(np.uint8)       # up to 210: below the knee
    write_video(tmp_path / "hdr.mp4", 4, pix_fmt="yuv420p10le", frame=lambda i: hdr_frame(skin, transfer), options={"crf": "3", "x264-params": hdr_params(transfer)})
    clip, said = quietly(tmp_path / "hdr.mp4")
    assert f"high dynamic range ({transfer.upper()})" in said[0] and np.abs(clip.frames[2].astype(int) - skin).mean() < 2
    with av.open(str(tmp_path / "hdr.mp4")) as container:
        untouched = next(container.decode(video=0)).to_ndarray(format="rgb24")
    assert np.abs(untouched.astype(int) - skin).mean() > 8                              # what a reader shows that takes the codes for colours


@pytest.mark.parametrize("pix_fmt, bits, limited", [("gray", 8, False), ("gray16le", 16, False), ("gray10le", 10, False), ("gray12le", 12, False)])
def test_grey_of_any_depth(tmp_path, pix_fmt, bits, limited):
    ramp = np.tile(np.linspace(0, 1, 64), (48, 1))

    def frame(i):
        picture = av.VideoFrame(64, 48, pix_fmt)
        lines = np.zeros((48, picture.planes[0].line_size // (1 + (bits > 8))), np.uint8 if bits == 8 else np.uint16)
        lines[:, :64] = np.rint(ramp * (2**bits - 1))
        picture.planes[0].update(lines.tobytes())
        return picture
    got = filmed(tmp_path / "g.mkv", frame, pix_fmt, "ffv1").frames[2].astype(int)
    assert np.abs(got - np.rint(ramp * 255)[..., None]).max() <= 1


@pytest.mark.parametrize("codec, pix_fmt, suffix", [("libvpx-vp9", "yuv420p", ".webm"), ("mjpeg", "yuvj420p", ".avi"), ("mpeg4", "yuv420p", ".avi"), ("ffv1", "yuv422p", ".mkv")])
def test_odd_sizes_with_halved_colour(tmp_path, codec, pix_fmt, suffix):
    path = tmp_path / f"odd{suffix}"
    write_video(path, 8, codec=codec, pix_fmt=pix_fmt, size=(127, 161), fps=25)
    clip = read_clip(path)
    assert clip.shape == (127, 161) and codes(clip) == list(range(8))


# ---- interlaced

def _woven(order):
    "Picture i: its lines of parity `order` were seen first, and show bar code 2 i; the others show 2 i + 1"
    def frame(i):
        out = np.empty((128, 160, 3), np.uint8)
        out[order::2], out[1 - order::2] = barcode(2 * i)[order::2], barcode(2 * i + 1)[1 - order::2]
        return out
    return frame


@pytest.mark.parametrize("order", [0, 1])
def test_fields_one_by_one(tmp_path, order):
    options = {**INTERLACED, "crf": "10", "x264-params": f"{'bff' if order else 'tff'}=1:scenecut=0"}
    write_video(tmp_path / "laced.mp4", 20, fps=25, frame=_woven(order), options=options)
    woven, said = quietly(tmp_path / "laced.mp4")
    assert len(woven) == 20 and "deinterlace=True gives one picture for each field" in said[0]
    assert None in codes(woven)                                                 # combed: no bar code can be read
    clip, said = quietly(tmp_path / "laced.mp4", deinterlace=True)
    assert not said and codes(clip, np.random.default_rng(0).permutation(40)) == np.random.default_rng(0).permutation(40).tolist()
    assert np.abs(clip.times - 20. * np.arange(40)).max() < .1 and clip.fps == pytest.approx(50) and clip.numbers.tolist() == list(range(40))
    wrong_way = read_clip(tmp_path / "laced.mp4", deinterlace="top" if order else "bottom")
    assert codes(wrong_way)[:4] == [1, 0, 3, 2]


def test_fields_of_what_is_not_marked_as_interlaced(tmp_path):
    write_video(tmp_path / "plain.mp4", 5, frame=_woven(0), options={"crf": "5"}, pix_fmt="yuv444p")
    with pytest.raises(MekitError, match="expected an interlaced recording.*deinterlace='top'"):
        read_clip(tmp_path / "plain.mp4", deinterlace=True)
    assert codes(read_clip(tmp_path / "plain.mp4", deinterlace="top")) == list(range(10))
    with pytest.raises(MekitError, match="deinterlace as True, False, 'top' or 'bottom', received 'both'"):
        read_clip(tmp_path / "plain.mp4", deinterlace="both")


# ---- healthy, though it does not look so

@pytest.mark.parametrize("ground", [0, 90])
def test_flat_areas_of_optimised_jpegs(tmp_path, ground):
    "A plain background is a long run of zeros there, which is no hole; with its end lost, or in a JPEG that has no such code, it is one"
    def write(path, cut=0, hole=0):
        with av.open(str(path), "w") as out:
            stream = out.add_stream("mjpeg", rate=25)
            stream.height, stream.width, stream.pix_fmt = 256, 320, "yuvj420p"
            for i in range(8):
                image = np.full((256, 320, 3), ground, np.uint8)
                image[192:] = barcode(i, (256, 320))[192:]
                Image.fromarray(image[::-1] if cut else image).save(file := io.BytesIO(), "JPEG", optimize=not hole)
                data = file.getvalue()[:-cut * (i == 5) or None]
                at = len(data) // 2
                packet = av.Packet(data[:at] + bytes(hole) + data[at + hole:] if i == 5 else data)
                packet.pts = packet.dts = i
                packet.stream, packet.time_base, packet.is_keyframe = stream, Fraction(1, 25), True
                out.mux(packet)
    write(tmp_path / "flat.avi")
    assert all(bytes(64) in bytes(p) for p in av.open(str(tmp_path / "flat.avi")).demux(video=0) if p.size)
    clip, said = quietly(tmp_path / "flat.avi")
    assert codes(clip) == list(range(8)) and not said
    for broken in ({"cut": 60}, {"hole": 100}):
        write(tmp_path / "broken.avi", **broken)
        clip, said = quietly(tmp_path / "broken.avi")
        assert clip.numbers.tolist() == [0, 1, 2, 3, 4, 6, 7] and "frames 5 are left out" in said[0], broken


def emptied(data: bytes, drop: tuple) -> bytes:
    "An AVI in which some pictures are chunks without content, as recorders write what they lost"
    at, movi = data.rindex(b"idx1") + 8, data.index(b"movi")
    body, listed = b"movi", b""
    for k in range(int.from_bytes(data[at - 4:at], "little") // 16):
        name, flags, place, size = (data[at + 16 * k + j:][:4] for j in (0, 4, 8, 12))
        start = movi + int.from_bytes(place, "little") + 8
        content = b"" if k in drop else data[start:start + int.from_bytes(size, "little")]
        listed += name + flags + len(body).to_bytes(4, "little") + len(content).to_bytes(4, "little")
        body += name + len(content).to_bytes(4, "little") + content + bytes(len(content) % 2)
    out = data[:movi - 4] + len(body).to_bytes(4, "little") + body + b"idx1" + len(listed).to_bytes(4, "little") + listed
    return out[:4] + (len(out) - 8).to_bytes(4, "little") + out[8:]


@pytest.mark.parametrize("drop, says", [((40,), "jump 1 times, first after frame 39 (80 ms instead of 40)"), ((58, 59), "")])
def test_an_avi_with_empty_frames(tmp_path, drop, says):
    "Pictures that were never taken: the others keep their times, and nothing is called damaged"
    write_video(tmp_path / "a.avi", 60, codec="mjpeg", fps=25)
    (tmp_path / "b.avi").write_bytes(emptied((tmp_path / "a.avi").read_bytes(), drop))
    clip, said = quietly(tmp_path / "b.avi")
    left = [i for i in range(60) if i not in drop]
    assert codes(clip) == left and np.abs(clip.times - 40. * np.array(left)).max() < .1
    assert len(said) == bool(says) and says in "".join(said)


def test_a_last_picture_that_is_held(tmp_path):
    "As in a recording of a screen: the time it stays is no loss; nothing at all after it is"
    write_video(tmp_path / "a.mkv", 20, fps=25, bframes=0)
    for held in (2000, 40):
        with av.open(str(tmp_path / "a.mkv")) as a, av.open(str(tmp_path / "b.mkv"), "w") as b:
            stream = b.add_stream_from_template(a.streams.video[0])
            for k, packet in enumerate(p for p in a.demux(video=0) if p.dts is not None):
                packet.stream = stream
                packet.duration = held if k == 19 else 40
                b.mux(packet)
        clip, said = quietly(tmp_path / "b.mkv")
        assert len(clip) == 20 and not said, held
    data = bytearray((tmp_path / "b.mkv").read_bytes())
    at = data.index(b"\x44\x89") + 3                             # the duration that the file says it has, ms
    assert np.frombuffer(data[at:at + 8], ">f8")[0] == 800
    data[at:at + 8] = np.array([1200.], ">f8").tobytes()
    (tmp_path / "b.mkv").write_bytes(data)
    clip, said = quietly(tmp_path / "b.mkv")
    assert len(clip) == 20 and "frames 20 to 29 are left out, 20 of 30 are used. (How many are missing at the end is estimated" in said[0]


@pytest.mark.parametrize("later", [0, 10])
@pytest.mark.parametrize("check", [True, False])
def test_two_recordings_in_one_file(tmp_path, later, check):
    "Copied one after the other, their clocks begin at the same time or some ms apart: counted, never mixed"
    for k in range(2):
        write_video(tmp_path / f"{k}.ts", 30, fps=25, bframes=0, frame=lambda i, k=k: barcode(30 * k + i))
    if later:
        remux(tmp_path / "1.ts", tmp_path / "2.ts", shift=-90 * later)
        (tmp_path / "2.ts").rename(tmp_path / "1.ts")
    (tmp_path / "both.ts").write_bytes((tmp_path / "0.ts").read_bytes() + (tmp_path / "1.ts").read_bytes())
    clip, said = quietly(tmp_path / "both.ts", check=check)
    assert clip.times is None and "times are unknown" in said[-1] and len(clip) >= 29
    order = np.random.default_rng(0).permutation(len(clip))
    assert codes(clip, order) == order.tolist()


@pytest.mark.parametrize("check", [True, False])
def test_two_pictures_at_one_time(tmp_path, check):
    "A clock of whole milliseconds gives the frames of a fast camera the same stamp now and then"
    write_video(tmp_path / "a.mkv", 30, fps=25, bframes=0)
    count = iter(range(30))
    with av.open(str(tmp_path / "a.mkv")) as a, av.open(str(tmp_path / "b.mkv"), "w") as b:
        stream = b.add_stream_from_template(a.streams.video[0])
        for packet in a.demux(video=0):
            if packet.dts is not None:
                packet.stream, packet.pts, packet.dts = stream, packet.pts - 40 * ((k := next(count)) == 20), packet.dts - 40 * (k == 20)
                b.mux(packet)
    clip, said = quietly(tmp_path / "b.mkv", check=check)
    order = np.random.default_rng(0).permutation(30)
    assert clip.times is None and "missing or repeat" in said[0] and codes(clip, order) == order.tolist()


def test_others_are_heard_while_a_recording_is_opened(tmp_path, monkeypatch):
    "Which warnings are shown belongs to the whole process: a thread that opens may not silence the others"
    write_video(tmp_path / "a.mp4", 30)
    monkeypatch.setattr(media, "CHECK_FRAMES", 20)
    index_of, filters, seen = media.index_of, list(warnings.filters), []
    monkeypatch.setattr(media, "index_of", lambda *given: (seen.append(list(warnings.filters)), index_of(*given))[1])
    read_clip(tmp_path / "a.mp4")
    assert seen and all(s == filters for s in seen)


# ---- damage

def _packets(path):
    with av.open(str(path)) as container:
        return [(p.pos, p.size) for p in container.demux(video=0) if p.size]


@pytest.mark.parametrize("name", ["B-frames", "VP9 in webm", "HEVC", "MJPEG in AVI", "transport stream"])
@pytest.mark.parametrize("long", [False, True])
def test_a_zeroed_middle(tmp_path, name, long, monkeypatch):
    "A lost stretch of disk: what is given is right, what is left out is named, the end is there again"
    made = suite(name, tmp_path, 96)
    whole = np.asarray(read_clip(made.path).frames)
    data, packets = bytearray(made.path.read_bytes()), _packets(made.path)
    a, b = packets[40][0], packets[44][0] + packets[44][1]
    data[a + 8:b - 8] = bytes(b - a - 16)
    made.path.write_bytes(data)
    if long:
        monkeypatch.setattr(media, "CHECK_FRAMES", 50)
    clip, said = quietly(made.path)
    kept, last = set(clip.numbers.tolist()), 39 if name == "MJPEG in AVI" else 95          # AVI counts: nothing after the hole has a sure number
    assert len(said) == 1 and "left out" in said[0] and {0, 20, last} <= kept and 44 not in kept and 40 <= len(clip) < 96
    assert all(np.array_equal(clip.frames[int(i)], whole[clip.numbers[i]]) for i in np.random.default_rng(0).permutation(len(clip)))
    assert np.abs(clip.times - made.times[clip.numbers]).max() < .1


def test_damage_inside_a_long_recording_is_met_when_it_is_looked_at(tmp_path, monkeypatch):
    "Random bytes leave no hole: only decoding finds them"
    made = suite("B-frames", tmp_path, 96)
    whole = np.asarray(read_clip(made.path).frames)
    data, packets = bytearray(made.path.read_bytes()), _packets(made.path)
    at, size = packets[24]                                          # the second key frame
    data[at + 8:at + size] = np.random.default_rng(0).integers(1, 256, size - 8, np.uint8).tobytes()
    made.path.write_bytes(data)
    monkeypatch.setattr(media, "CHECK_FRAMES", 50)
    clip, said = quietly(made.path, check=False)
    assert len(clip) == 96 and not said and np.array_equal(clip.frames[90], whole[90])
    for i in (24, 37, 25, 47, 24):                                  # the others decode, but from the damaged one
        with pytest.raises(MekitError, match=rf"frame {i} does not decode: data between frames 24 and 47 are damaged.*check=True"):
            clip.frames[i]
    assert np.array_equal(clip.frames[20], whole[20]) and np.array_equal(clip.frames[50], whole[50])
    sound, said = quietly(made.path, check=True)
    assert "left out" in said[0] and 24 not in sound.numbers and {0, 20, 48, 95} <= set(sound.numbers.tolist())
    assert all(np.array_equal(sound.frames[i], whole[k]) for i, k in enumerate(sound.numbers))


def test_a_long_recording_that_was_cut_short(tmp_path, monkeypatch):
    write_video(tmp_path / "whole.mp4", 90)
    front = remux(tmp_path / "whole.mp4", tmp_path / "front.mp4", movflags="faststart")
    front.write_bytes(front.read_bytes()[:front.stat().st_size * 6 // 10])
    monkeypatch.setattr(media, "CHECK_FRAMES", 20)
    clip, said = quietly(front)
    assert f"frames {len(clip)} to 89 are left out, {len(clip)} of 90 are used" in said[0] and codes(clip) == list(range(len(clip)))


def test_a_recording_that_was_never_finished(tmp_path):
    write_video(tmp_path / "whole.mp4", 90)
    data = (tmp_path / "whole.mp4").read_bytes()
    (tmp_path / "stopped.mp4").write_bytes(data[:box(data, b"moov")[0] - 8])
    with pytest.raises(MekitError, match=r"stopped.mp4: expected a video with an index \(moov\), received \d+ bytes of pictures without one.*not finished.*repair tool"):
        read_clip(tmp_path / "stopped.mp4")


@pytest.mark.parametrize("table", [b"stco", b"stsz", b"stts", b"ctts", b"stss"])
@pytest.mark.parametrize("seed", range(2))
def test_an_index_that_is_wrong(tmp_path, table, seed):
    "Random entries in a table of the index: an error that says what is wrong, or pictures that are"
    made = suite("B-frames", tmp_path, 60)
    data, random = bytearray(made.path.read_bytes()), np.random.default_rng(seed)
    at, end = box(data, b"moov", b"trak", b"mdia", b"minf", b"stbl", table)
    for k in random.integers(at + 8, max(at + 9, end - 4), 3):
        data[k:k + 4] = random.integers(0, 256, 4, np.uint8).tobytes()
    made.path.write_bytes(data)
    try:
        clip, said = quietly(made.path)
    except MekitError as error:
        assert "film.mp4" in str(error) and "received" in str(error)
        return
    assert all(c is not None for c in codes(clip)), said


# ---- long recordings

def test_options_that_a_source_cannot_have(tmp_path):
    write_folder(tmp_path / "images", 2, ".png")
    write_video(tmp_path / "a.mp4", 3)
    for source, options, message in ((tmp_path / "a.mp4", {"bits": 12}, "bits= for images only, received a video"), (tmp_path / "images", {"deinterlace": True}, "deinterlace= for videos only, received a folder"),
                                     (np.zeros((2, 8, 8), np.uint8), {"check": True}, "check= for videos only, received an array"), (tmp_path / "images", {"bits": 20}, "bits from 1 to 16, received 20"),
                                     (tmp_path / "images/img1.png", {"square": False}, "square= for videos only, received an image")):
        with pytest.raises(MekitError, match=message):
            read_clip(source, **options)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is measured in KB on Linux only")
def test_ten_minutes_at_200_fps_open_in_little_memory(tmp_path):
    bench = importlib.import_module("bench.open")
    bench.write(tmp_path / "small.mp4", 64, 20)
    for n in (12_000, 120_000):
        bench.write(tmp_path / f"{n}.mp4", 64, n)
    found = {n: bench.opened(tmp_path / f"{n}.mp4", tmp_path / "small.mp4") for n in (12_000, 120_000)}
    assert found[120_000]["frames"] == 120_000 and found[120_000]["fps"] == pytest.approx(200)
    assert found[120_000]["memory_mb"] < 60         # 490 MB of brightness alone, 1.4 GB as pictures


# ---- images

def test_images_of_all_depths_and_kinds_are_one_picture(tmp_path):
    ramp = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (20, 1))
    deep = ramp.astype(np.uint16) * 257
    colour = np.repeat(deep[..., None], 3, -1)
    cv2.imwrite(str(tmp_path / "f1.png"), deep)
    cv2.imwrite(str(tmp_path / "f2.png"), colour)
    cv2.imwrite(str(tmp_path / "f3.tif"), deep)
    cv2.imwrite(str(tmp_path / "f4.tiff"), colour)
    Image.fromarray(ramp).save(tmp_path / "f5.bmp")
    Image.fromarray((ramp / np.float32(255))).save(tmp_path / "f6.tif")
    Image.fromarray(ramp).save(tmp_path / "f7.tif", compression="tiff_lzw")
    Image.fromarray(ramp).save(tmp_path / "f8.webp", lossless=True)
    Image.fromarray(np.rot90(ramp)).save(tmp_path / "f9.tif", tiffinfo={274: 6})
    cv2.imwrite(str(tmp_path / "f10.png"), np.dstack([colour, np.full_like(deep, 65535)]))
    clip, said = quietly(tmp_path)
    assert len(clip) == 10 and not said
    assert all(np.array_equal(f, np.repeat(ramp[..., None], 3, -1)) for f in clip.frames)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_turns(tmp_path, orientation, monkeypatch):
    undo = {1: lambda x: x, 2: lambda x: x[:, ::-1], 3: lambda x: x[::-1, ::-1], 4: lambda x: x[::-1], 5: lambda x: x.transpose(1, 0, 2), 6: lambda x: np.rot90(x),
            7: lambda x: x[::-1, ::-1].transpose(1, 0, 2), 8: lambda x: np.rot90(x, -1)}[orientation]
    exif = Image.Exif()
    exif[0x112] = orientation
    stored = [Image.fromarray(np.ascontiguousarray(undo(barcode(i)))) for i in range(5)]
    stored[0].save(tmp_path / "a0.jpg", exif=exif, quality=95)
    stored[1].save(tmp_path / "a1.png", exif=exif)
    stored[2].save(tmp_path / "a2.tif", tiffinfo={274: orientation})
    stored[3].convert("L").save(tmp_path / "a3.tif", tiffinfo={274: orientation}, compression="tiff_lzw")
    Image.fromarray(np.asarray(stored[4])[..., 1].astype(np.uint16) * 257).save(tmp_path / "a4.tif", tiffinfo={274: orientation})
    clip = read_clip(tmp_path)
    assert clip.shape == (128, 160) and codes(clip) == list(range(5))
    assert [np.abs(clip.frames[i].astype(int) - barcode(i)).max() for i in (1, 2)] == [0, 0]
    monkeypatch.setattr(images, "CHECK_PIXELS", 0)
    assert read_clip(tmp_path).shape == (128, 160)


def test_cameras_of_fewer_bits(tmp_path):
    for i in range(3):
        cv2.imwrite(str(tmp_path / f"a{i}.tif"), np.full((20, 30), 4095 * (i + 1) // 3, np.uint16))
    dark, said = quietly(tmp_path)
    assert dark.frames[2].max() == 16 and "16 bits and its brightest value is 1365" in said[0] and "bits=11" in said[0]
    clip, said = quietly(tmp_path, bits=12)
    assert [int(f[0, 0, 0]) for f in clip.frames] == [85, 170, 255] and not said


def test_stacks(tmp_path):
    pages = [barcode(i) for i in range(12)]
    first, *rest = [Image.fromarray(p) for p in pages]
    first.save(tmp_path / "a.tiff", save_all=True, append_images=rest)
    cv2.imwritemulti(str(tmp_path / "deep.tif"), [p[..., ::-1].astype(np.uint16) * 257 for p in pages])
    for name in ("a.tiff", "deep.tif"):
        clip, said = quietly(tmp_path / name, fps=100, start=2, stop=9)
        assert codes(clip) == list(range(2, 9)) == clip.numbers.tolist() and not said and clip.times[0] == 20
    assert np.array_equal(read_clip(tmp_path / "deep.tif").frames[5], pages[5])
    data = (tmp_path / "a.tiff").read_bytes()
    Image.fromarray(pages[0][:40]).save(tmp_path / "odd.tif", save_all=True, append_images=[first])
    with pytest.raises(MekitError, match="page 0 is 40 x 160.*received page 1 of 128 x 160"):
        read_clip(tmp_path / "odd.tif")
    (tmp_path / "cut.tif").write_bytes(data[:100])
    with pytest.raises(MekitError, match="cut.tif"):
        read_clip(tmp_path / "cut.tif").frames[0]
    clip, said = quietly(tmp_path / "a.tiff", start=3, stop=4)
    assert len(clip) == 1 and "one frame only" in said[0]


def test_moving_images_keep_their_time(tmp_path):
    first, *rest = [Image.fromarray(barcode(i)) for i in range(6)]
    for name in ("a.webp", "a.png"):
        first.save(tmp_path / name, save_all=True, append_images=rest, duration=[40, 40, 80, 40, 40, 40], **({"lossless": True} if "webp" in name else {}))
        clip, said = quietly(tmp_path / name)
        assert codes(clip, [4, 1, 5]) == [4, 1, 5] and clip.times.tolist() == [0, 40, 80, 160, 200, 240] and clip.timebase == "pts" and not said
