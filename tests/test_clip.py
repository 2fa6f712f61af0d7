"Clips: the picture asked for, at the right time, from every kind of file; and what is said of a bad one"
import dataclasses
import gc
import os
import pickle
import shutil
import subprocess
import threading
import warnings
import weakref
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from barcode import READ_BARCODE_JS, barcode, read_barcode, remux, write_folder, write_video
from PIL import Image

import mekit.media.images as images
import mekit.media.video as media
from mekit.core import Lazy, MekitError, MekitWarning
from mekit.data.clip import Clip, Truth, read_clip
from mekit.labels import Label, Terms

VIDEOS = {
    "h264 with B-frames": (".mp4", dict(bframes=3)),
    "h264, variable rate, 4 B-frames": (".mp4", dict(vfr=True, bframes=4)),
    "h264, open GOP": (".mp4", dict(open_gop=True, bframes=3)),
    "h264, all intra": (".mp4", dict(gop=1)),
    "h264, one key frame": (".mp4", dict(gop=1000)),
    "h264, intra refresh": (".mp4", dict(options={"x264-params": "intra-refresh=1:keyint=24", "preset": "veryfast"})),
    "h264, 24000/1001": (".mp4", dict(fps=Fraction(24000, 1001))),
    "h264, 200 fps, 4:4:4": (".mp4", dict(fps=200, pix_fmt="yuv444p")),
    "h264 in Matroska, variable rate": (".mkv", dict(vfr=True)),
    "h264 in a transport stream": (".ts", {}),
    "VP9": (".webm", dict(codec="libvpx-vp9", fps=25)),
    "VP9, variable rate": (".webm", dict(codec="libvpx-vp9", vfr=True)),
    "VP9, 120 fps in whole ms": (".webm", dict(codec="libvpx-vp9", fps=120)),
    "MJPEG in AVI": (".avi", dict(codec="mjpeg")),
    "MJPEG in QuickTime": (".mov", dict(codec="mjpeg", vfr=True)),
    "h264, lines with padding": (".mp4", dict(size=(118, 138))),
    "VP9, lines with padding": (".webm", dict(codec="libvpx-vp9", fps=25, size=(90, 122))),
    "h264, 10 bit": (".mp4", dict(pix_fmt="yuv420p10le", size=(118, 138))),
    "FFV1, packed RGB": (".mkv", dict(codec="ffv1", fps=25, pix_fmt="bgr0", size=(118, 138))),
    "MPEG-4 part 2": (".avi", dict(codec="mpeg4")),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    "name -> (path, times): each bar-coded video, written once"
    folder, done = tmp_path_factory.mktemp("videos"), {}

    def get(name, n=90):
        if (name, n) not in done:
            suffix, options = VIDEOS[name]
            path = folder / f"{len(done)}{suffix}"
            done[name, n] = path, write_video(path, n, **options)
        return done[name, n]
    return get


def wrong(clip, seed=0, n=None) -> int:
    "How many of the pictures, asked for in random order, are not the one that `numbers` says"
    order = np.random.default_rng(seed).permutation(len(clip))[:n]
    return sum(read_barcode(np.asarray(clip.frames[int(i)])) != clip.numbers[i] for i in order)


def quietly(source, **options):
    "The clip and what was said about it"
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        clip = read_clip(source, **options)
    return clip, [str(w.message) for w in said if w.category is MekitWarning]


# ---- the picture asked for, at its time

# tests/test_recordings.py visits every kind of the shared suite; these are odd members of their families
@pytest.mark.parametrize("name", ["h264, all intra", "h264, 24000/1001", "VP9, 120 fps in whole ms", "h264, lines with padding", "h264, 10 bit", "FFV1, packed RGB", "MPEG-4 part 2"])
def test_frame_i_is_the_ith_of_a_sequential_decode(made, name):
    path, times = made(name)
    clip, said = quietly(path)
    assert len(clip) == 90 and not said
    assert wrong(clip, n=40) == 0
    assert clip.timebase == "pts" and np.abs(clip.times - times).max() < 0.1


@pytest.mark.parametrize("name", ["h264 with B-frames", "h264, open GOP", "VP9, variable rate", "h264, intra refresh"])
def test_random_access_is_bit_equal_to_sequential_decoding(made, name):
    path, _ = made(name)
    with av.open(str(path)) as container:
        plain = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
    clip = read_clip(path)
    assert all(np.array_equal(clip.frames[int(i)], plain[i]) for i in np.random.default_rng(1).permutation(len(clip))[:50])


@pytest.mark.slow
@pytest.mark.parametrize("name", VIDEOS)
def test_a_thousand_frames_without_a_cache(made, name):
    path, times = made(name, 1000)
    clip = read_clip(path)
    load = clip.frames.load
    assert sum(read_barcode(load(int(i))) != i for i in np.random.default_rng(2).integers(0, 1000, 400)) == 0
    assert np.abs(clip.times - times).max() < 0.1


def test_the_real_video(video):
    clip, said = quietly(video)
    assert len(clip) == 472 and clip.shape == (360, 640) and not said
    assert np.abs(clip.times - np.arange(472) * 1001 / 24).max() < 0.1 and clip.fps == pytest.approx(24000 / 1001)
    assert "Too slow for micro timing" in clip.timing_note()
    with av.open(str(video)) as container:
        plain = {i: f.to_ndarray(format="rgb24") for i, f in enumerate(container.decode(video=0)) if i % 59 == 7 or i == 471}
    assert all(np.array_equal(clip.frames[i], plain[i]) for i in sorted(plain, key=lambda i: i * 7 % 11))


def test_going_forwards_decodes_each_frame_once(made, monkeypatch):
    clip = read_clip(made("h264 with B-frames")[0])
    went = []
    go = media.Video.go
    monkeypatch.setattr(media.Video, "go", lambda self, start: (went.append(start), go(self, start))[1])
    for _ in clip.frames:
        pass
    assert len(went) == 1
    clip = read_clip(made("h264 with B-frames")[0])
    for i in range(90)[::-1]:
        assert read_barcode(clip.frames[i]) == i
    assert len(went) <= 1 + 5


@pytest.mark.parametrize("name", ["h264, variable rate, 4 B-frames", "h264, open GOP", "VP9", "VP9, variable rate", "MJPEG in AVI"])
def test_long_files_are_numbered_by_their_packets(made, monkeypatch, name):
    monkeypatch.setattr(media, "CHECK_FRAMES", 50)
    path, times = made(name)
    clip, said = quietly(path)
    assert not clip.frames.load.index.checked
    assert wrong(clip, n=40) == 0 and np.abs(clip.times - times).max() < 0.1 and not said
    assert read_clip(path, check=True).frames.load.index.checked


def test_a_long_file_that_cannot_be_entered_at_its_key_frames_is_decoded_throughout(made, monkeypatch):
    monkeypatch.setattr(media, "CHECK_FRAMES", 50)
    clip, said = quietly(made("h264, intra refresh")[0])
    assert clip.frames.load.index.checked and wrong(clip, n=40) == 0 and not said


def test_pictures_that_cannot_be_shown_are_not_counted(made, tmp_path):
    "A file that begins in the middle of an open GOP: its first pictures have nothing to be predicted from"
    source, _ = made("h264, open GOP")
    count = iter(range(1000))
    clip = read_clip(remux(source, tmp_path / "lead.mp4", lambda p: next(count) >= 30))
    first = read_barcode(clip.frames[0])
    assert first > 30 and clip.times[0] == 0 and clip.numbers[0] == 0
    assert [read_barcode(clip.frames[i]) - first for i in (len(clip) - 1, 3, 0)] == [len(clip) - 1, 3, 0]


@pytest.mark.parametrize("suffix", [".avi", ".h264"])
def test_without_time_stamps_frames_are_counted_and_time_is_unknown(tmp_path, suffix):
    write_video(tmp_path / f"a{suffix}", 40, bframes=2)
    clip, said = quietly(tmp_path / f"a{suffix}")
    assert len(clip) == 40 and wrong(clip) == 0
    assert clip.times is None and clip.timebase == "unknown" and clip.fps is None and "time stamps are missing" in said[0]
    assert read_clip(tmp_path / f"a{suffix}", fps=100).times[3] == 30


def test_lost_pictures_show_as_a_jump(made, tmp_path):
    source, _ = made("h264, all intra")
    count = iter(range(1000))
    clip, said = quietly(remux(source, tmp_path / "gap.mp4", lambda p: next(count) not in (40, 41)))
    assert len(clip) == 88 and "jump 1 times, first after frame 39 (100 ms instead of 33)" in said[0]
    assert clip.fps == pytest.approx(30)


# ---- windows, sizes, rates

def test_start_stop_stride_and_size(made):
    path, times = made("h264, variable rate, 4 B-frames")
    clip = read_clip(path, start=11, stop=80, stride=3, size=(128, 128))
    assert clip.numbers.tolist() == list(range(11, 80, 3)) and clip.shape == (128, 128) and wrong(clip) == 0
    assert np.abs(clip.times - times[11:80:3]).max() < 0.1
    assert read_clip(path, size=80).shape == (64, 80) and read_clip(path, size=320).frames[3].shape == (256, 320, 3)
    assert read_clip(path, start=89, stop=90, size=(50, 60)).frames[0].shape == (50, 60, 3)


def test_a_declared_rate_is_used_and_a_contradiction_announced(made):
    path, _ = made("h264 with B-frames")
    clip, said = quietly(path, fps=200, start=10, stride=2)
    assert clip.timebase == "declared" and clip.times[:2].tolist() == [50, 60] and "time stamps of the file say 30 " in said[0]
    assert not quietly(path, fps=30)[1]
    assert read_clip(np.zeros((5, 8, 8, 3), np.uint8), fps=100).times.tolist() == [0, 10, 20, 30, 40]


# ---- life of the decoder

def test_the_file_is_closed_when_nobody_holds_the_clip(made):
    clip = read_clip(made("h264, all intra")[0])
    assert clip.frames.load.container is None
    clip.frames[7]
    alive, piece = weakref.ref(clip.frames.load), clip.frames[3:9]
    container = alive().container
    del clip
    assert read_barcode(piece[0]) == 3
    del piece
    gc.collect()
    assert alive() is None
    with pytest.raises(Exception):
        next(container.demux())


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts open files through /proc")
def test_reading_many_clips_leaves_no_files_open(made):
    path, _ = made("MJPEG in AVI")
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        read_clip(path).frames[3]
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= before + 1


def test_threads_share_a_clip(made):
    clip, errors = read_clip(made("h264 with B-frames")[0]), []
    load = clip.frames.load

    def work(seed):
        for i in np.random.default_rng(seed).integers(0, 90, 25):
            if read_barcode(load(int(i)) if seed % 2 else clip.frames[int(i)]) != i:
                errors.append(i)
    threads = [threading.Thread(target=work, args=(s,)) for s in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors


def test_a_file_that_changes_underneath_is_noticed(tmp_path):
    write_video(tmp_path / "a.mp4", 30)
    clip = read_clip(tmp_path / "a.mp4")
    write_video(tmp_path / "a.mp4", 30, frame=lambda i: barcode(i + 100))
    with pytest.raises(MekitError, match="Has the file changed"):
        clip.frames[12]


# ---- damaged and foreign files

def test_not_a_video(tmp_path):
    (tmp_path / "notes.mp4").write_text("onset 3\n" * 50)
    (tmp_path / "notes.txt").write_text("onset 3\n" * 50)
    (tmp_path / "empty.mp4").touch()
    with av.open(str(tmp_path / "sound.mp4"), "w") as out:
        stream = out.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 44100
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    for name, message in {"notes.mp4": "no decoder recognises", "notes.txt": "a video", "empty.mp4": "empty file", "sound.mp4": "video stream"}.items():
        with pytest.raises(MekitError, match=message) as error:
            read_clip(tmp_path / name)
        assert name in str(error.value)


def test_a_missing_file_names_the_nearest(tmp_path):
    write_folder(tmp_path / "EP02_01f", 2)
    with pytest.raises(MekitError, match="Did you mean EP02_01f"):
        read_clip(tmp_path / "EP02_1f")
    with pytest.raises(MekitError, match=f"exists up to {tmp_path}"):
        read_clip(str(tmp_path / "no" / "such" / "clip.mp4"))


def test_only_what_can_be_read_is_suggested(tmp_path):
    for name in ("prev.png", "nope.txt", "smile.MP4", "smile2.avi"): (tmp_path / name).touch()
    (tmp_path / "smiles").mkdir()
    with pytest.raises(MekitError, match="no video or folder of a similar name"):
        read_clip(tmp_path / "nope.mp4")
    with pytest.raises(MekitError, match="Did you mean smile.MP4 or "):
        read_clip(tmp_path / "smile.mov")


def test_a_video_that_has_gone(tmp_path, made):
    "Removed between opening and looking: not an empty file, and not a wrong picture"
    path = shutil.copy(made("h264 with B-frames")[0], tmp_path / "gone.mp4")
    clip = read_clip(path)
    os.remove(path)
    with pytest.raises(MekitError, match="gone.mp4.*was there before.*no such file any more"):
        clip.frames[40]


def test_a_clip_travels(tmp_path, made):
    "Pickled and read back, as worker processes do: the same pictures, times, marks and truth"
    from mekit.data.synthetic import synthesize
    from mekit.face.detect import crop_face
    write_folder(tmp_path / "images", 4)
    drawn = synthesize({"AU4": 1.5}, fps=20, size=96)
    kinds = {"video": read_clip(made("h264 with B-frames")[0]), "folder": read_clip(tmp_path / "images", fps=100), "resized": read_clip(made("h264 with B-frames")[0], size=32),
             "synthetic": drawn, "cropped": crop_face(drawn, size=64), "array": read_clip(np.zeros((3, 8, 8, 3), np.uint8)), "cut": read_clip(made("h264 with B-frames")[0])[3:9]}
    for kind, clip in kinds.items():
        clip.frames[1]                       # a decoder is open, a cache is filled
        back = pickle.loads(pickle.dumps(clip))
        assert np.array_equal(back.frames[2], clip.frames[2]) and len(back) == len(clip) and back.label == clip.label, kind
        assert np.array_equal(back.numbers, clip.numbers) and (back.times is None) == (clip.times is None)
        if clip.truth is not None:
            assert np.array_equal(back.truth.flow[2], clip.truth.flow[2]) and np.array_equal(back.truth.valid[2], clip.truth.valid[2]), kind


def test_zero_frames_and_one_frame(tmp_path, made):
    with av.open(str(tmp_path / "none.mkv"), "w") as out:
        stream = out.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        out.start_encoding()
    with pytest.raises(MekitError, match="none.mkv.*expected a video"):
        read_clip(tmp_path / "none.mkv")
    write_video(tmp_path / "one.mp4", 1)
    clip, said = quietly(tmp_path / "one.mp4")
    assert len(clip) == 1 and clip.fps is None and clip.timing_note() is None and "one frame only" in said[0]
    assert "1 frames" in repr(clip) and "frame 0" in clip._repr_html_()


def test_truncated_files(tmp_path):
    write_video(tmp_path / "whole.mp4", 90)
    (tmp_path / "noindex.mp4").write_bytes((tmp_path / "whole.mp4").read_bytes()[:9000])
    with pytest.raises(MekitError, match="cut short"):
        read_clip(tmp_path / "noindex.mp4")
    remux(tmp_path / "whole.mp4", tmp_path / "front.mp4", lambda p: True, movflags="faststart")
    write_video(tmp_path / "whole.webm", 90, codec="libvpx-vp9", fps=25)
    for name in ("front.mp4", "whole.webm"):
        data = (tmp_path / name).read_bytes()
        (tmp_path / ("cut" + name)).write_bytes(data[:len(data) * 6 // 10])
        clip, said = quietly(tmp_path / ("cut" + name))
        assert 10 < len(clip) < 80 and wrong(clip) == 0
        assert f"frames {len(clip)} to 89 are left out, {len(clip)} of 90 are used" in said[0]


@pytest.mark.parametrize("name", ["h264 with B-frames", "h264, open GOP", "h264, variable rate, 4 B-frames"])
def test_half_broken_video_gives_its_sound_part(made, tmp_path, name):
    path, times = made(name)
    whole = np.asarray(read_clip(path).frames)
    with av.open(str(path)) as container:
        third = [(p.pos, p.size) for p in container.demux(video=0) if p.size and p.is_keyframe][2]
    data = bytearray(path.read_bytes())
    data[third[0] + 5:third[0] + third[1]] = bytes(third[1] - 5)
    (tmp_path / "broken.mp4").write_bytes(data)
    clip, said = quietly(tmp_path / "broken.mp4")
    assert "left out" in said[0] and 48 not in clip.numbers and 60 not in clip.numbers and {0, 40, 72, 89} <= set(clip.numbers)
    assert np.abs(clip.times - times[clip.numbers]).max() < 0.1
    assert all(np.array_equal(clip.frames[int(i)], whole[clip.numbers[i]]) for i in np.random.default_rng(0).permutation(len(clip)))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(30))
def test_random_damage_never_ends_in_anything_but_a_clip_or_a_mekit_error(made, tmp_path, seed):
    random = np.random.default_rng(seed)
    path, _ = made(list(VIDEOS)[seed % len(VIDEOS)])
    data = bytearray(path.read_bytes())
    for _ in range(3):
        at, length = random.integers(len(data)), random.choice([4, 40, 400])
        data[at:at + length] = random.integers(0, 256, length, np.uint8).tobytes()
    (tmp_path / path.name).write_bytes(data[:random.integers(len(data) // 2, len(data))])
    try:
        clip, _ = quietly(tmp_path / path.name)
    except MekitError:
        return
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert all(clip.frames[int(i)].shape == (*clip.shape, 3) for i in random.permutation(len(clip)))
    assert all("decodes differently each time" in str(w.message) for w in said)      # what is not sure is said


# ---- folders of images

@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".tif", ".webp"])
def test_folder_in_natural_order_with_original_numbers(tmp_path, suffix):
    write_folder(tmp_path, 30, suffix, 85)
    (tmp_path / ".hidden1.jpg").write_bytes(b"no")
    (tmp_path / "Thumbs.db").write_bytes(b"no")
    clip, said = quietly(tmp_path)
    assert clip.numbers.tolist() == list(range(85, 115)) and not said
    assert [read_barcode(clip.frames[i]) for i in np.random.default_rng(0).permutation(30)] == np.random.default_rng(0).permutation(30).tolist()
    assert clip.times is None and clip.timebase == "unknown" and "unknown" in clip.timing_note()


def test_folder_window_is_in_file_numbers_and_a_gap_is_a_gap_in_time(tmp_path):
    files = write_folder(tmp_path, 30, ".png", 46, name="reg_img{}")
    files[10].unlink()
    clip = read_clip(tmp_path, fps=200, start=50, stop=60)
    assert clip.numbers.tolist() == [50, 51, 52, 53, 54, 55, 57, 58, 59] and clip.times[:1] == [20] and np.diff(clip.times).max() == 10
    assert clip.timebase == "declared" and clip.fps == pytest.approx(200)
    for options, message in {(("start", 3),): "46 to 75, received 3", (("stop", 77),): "received 77", (("start", 56), ("stop", 57)): "none of them"}.items():
        with pytest.raises(MekitError, match=message):
            read_clip(tmp_path, **dict(options))


@pytest.mark.parametrize("names", [["a_1", "b_1"], ["front", "side"], ["img2", "img02"], ["a9", "b3"], ["²1", "³1"]])
def test_names_that_are_no_series_are_counted(tmp_path, names):
    for n in names:
        cv2.imwrite(str(tmp_path / f"{n}.png"), barcode(1))
    clip, said = quietly(tmp_path)
    assert clip.numbers.tolist() == [1, 2] and "not one increasing series" in said[0]


def test_mixed_sizes_name_the_first_offender(tmp_path):
    write_folder(tmp_path, 6, ".png")
    for i in (3, 5):
        cv2.imwrite(str(tmp_path / f"img{i}.png"), np.zeros((100, 90, 3), np.uint8))
    with pytest.raises(MekitError, match=r"img1.png is 128 x 160.*received img3.png of 100 x 90; 2 of 6 differ"):
        read_clip(tmp_path)


def test_grey_alpha_palette_sixteen_bit_and_turned_images(tmp_path):
    wide, v = np.zeros((20, 30), np.uint8), 200
    wide[:, :15] = v
    rgba = np.dstack([np.full((20, 30, 3), v, np.uint8), np.where(wide > 0, 255, 0).astype(np.uint8)])
    Image.fromarray(wide).save(tmp_path / "f1.png")
    Image.fromarray(rgba).save(tmp_path / "f2.png")
    Image.fromarray(wide).convert("RGB").quantize(4).save(tmp_path / "f3.png")
    cv2.imwrite(str(tmp_path / "f4.png"), wide.astype(np.uint16) * 257)
    Image.fromarray(np.dstack([wide, np.full_like(wide, 255)]), "LA").save(tmp_path / "f5.png")
    exif = Image.Exif()
    exif[0x112] = 6     # stored lying; to be turned clockwise
    Image.fromarray(np.rot90(wide)).save(tmp_path / "f6.png", exif=exif)
    clip, said = quietly(tmp_path)
    assert len(clip) == 6 and clip.shape == (20, 30) and not said
    assert all(np.array_equal(f, np.repeat(wide[..., None], 3, -1)) for f in clip.frames)


def test_unreadable_images_are_left_out_by_name(tmp_path):
    files = write_folder(tmp_path, 8, ".jpg")
    files[2].write_text("not an image")
    files[5].write_bytes(files[5].read_bytes()[:800])
    files[6].write_bytes(b"")
    clip, said = quietly(tmp_path, fps=100)
    assert clip.numbers.tolist() == [1, 2, 4, 5, 8] and "3 of 8 images cannot be read and are left out: img3.jpg, img6.jpg, img7.jpg" in said[0]
    assert clip.times.tolist() == [0, 10, 30, 40, 70]
    for f in files:
        f.write_text("x")
    with pytest.raises(MekitError, match="none of which can"):
        read_clip(tmp_path)


def test_empty_folder_and_folder_of_something_else(tmp_path):
    with pytest.raises(MekitError, match="it holds nothing"):
        read_clip(tmp_path)
    (tmp_path / "sub01").mkdir()
    with pytest.raises(MekitError, match="it holds sub01"):
        read_clip(tmp_path)


def test_images_that_vanish_or_change_after_opening(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "CHECK_PIXELS", 0)
    files = write_folder(tmp_path, 4, ".jpg")
    clip = read_clip(tmp_path)
    files[1].unlink()
    files[2].write_bytes(files[2].read_bytes()[:700])
    cv2.imwrite(str(files[3]), np.zeros((10, 10, 3), np.uint8))
    for i, name in ((1, "img2.jpg"), (2, "img3.jpg"), (3, "img4.jpg")):
        with pytest.raises(MekitError, match=name):
            clip.frames[i]


# ---- arrays

def test_arrays_of_every_kind():
    film = np.stack([barcode(i) for i in range(12)])
    for source in (film, list(film), film / 255, (film / 255).astype(np.float32), np.concatenate([film, np.full((12, 128, 160, 1), 255, np.uint8)], -1),
                   Lazy(lambda i: film[i], 12, film.shape[1:])):
        clip = read_clip(source)
        assert len(clip) == 12 and np.array_equal(np.asarray(clip.frames), film) and clip.timebase == "unknown" and wrong(clip) == 0
    grey = read_clip(film[..., 0])
    assert np.array_equal(grey.frames[3], np.repeat(film[3, :, :, :1], 3, -1))
    with pytest.raises(ValueError):
        read_clip(film).frames[0][0, 0] = 1
    film[0, 0, 0] = 7


@pytest.mark.parametrize("source, message", [
    (np.full((3, 8, 8, 3), np.nan), "NaN or infinity in 3 of 3"),
    (np.full((3, 8, 8, 3), 1.5), "floats from 0 to 1, received 1.5"),
    (np.full((3, 8, 8, 3), -.1), "received -0.1"),
    (np.zeros((3, 8, 8, 3), np.uint16), "dtype uint16"),
    (np.zeros((3, 8, 8, 3), bool), "dtype bool"),
    (np.zeros((3, 8, 8, 3), complex), "dtype complex"),
    (np.zeros((8, 8, 3), np.uint8), r"image\[None\]"),
    (np.zeros((5, 3, 8, 8), np.uint8), "channels come last"),
    (np.zeros((0, 8, 8, 3), np.uint8), "at least one frame"),
    (np.zeros((2, 0, 8, 3), np.uint8), "at least one frame"),
    ([], r"shape \(0,\)"),
    ([np.zeros((8, 8, 3)), np.zeros((8, 9, 3))], "picture 1 of"),
    (["a.png", "b.png"], "received"),
    (None, "received"),
    (7, "received"),
    (Clip(np.zeros((2, 8, 8, 3), np.uint8)), "received a Clip"),
])
def test_arrays_that_are_refused(source, message):
    with pytest.raises(MekitError, match=message):
        read_clip(source)


@pytest.mark.parametrize("options, message", [
    (dict(start=-1), "among the frames 0 to 9, received -1"), (dict(start=10), "received 10"), (dict(stop=11), "1 to 10, received 11"), (dict(stop=0), "received 0"),
    (dict(start=5, stop=5), "received 5"), (dict(start=2.5), "whole number, received 2.5"), (dict(start=True), "whole number"), (dict(stop=np.nan), "whole number, received nan"),
    (dict(stride=0), "stride of 1 or more, received 0"), (dict(stride=-1), "received -1"), (dict(stride=.5), "whole number"),
    (dict(fps=0), "positive number"), (dict(fps=-25), "positive"), (dict(fps=np.nan), "positive"), (dict(fps="25"), "positive"), (dict(fps=True), "positive"), (dict(fps=np.inf), "positive"),
    (dict(size=0), "longer side"), (dict(size=(8, 0)), "both positive"), (dict(size=(8, 8, 3)), "both positive"), (dict(size="big"), "whole number"),
])
def test_options_that_are_refused(options, message):
    with pytest.raises(MekitError, match=message):
        read_clip(np.zeros((10, 8, 8, 3), np.uint8), **options)


def test_an_unknown_option_is_a_type_error():
    with pytest.raises(TypeError, match="strid"):
        read_clip(np.zeros((10, 8, 8, 3), np.uint8), strid=2)


# ---- the clip itself

@pytest.fixture
def clip():
    return read_clip(np.stack([barcode(i) for i in range(20)]), fps=200).mark(onset=4, apex=9, offset=15)


def test_cutting(clip):
    piece = clip[3:12]
    assert [read_barcode(f) for f in piece.frames] == list(range(3, 12)) == piece.numbers.tolist() and piece.times[0] == 15
    assert (piece.label.onset, piece.label.apex, piece.label.offset) == (1, 6, None)
    again = clip[4:][::5][1:]
    assert again.numbers.tolist() == [9, 14, 19] and (again.label.onset, again.label.apex) == (None, 0) and wrong(again) == 0
    assert clip[-3:].numbers.tolist() == [17, 18, 19]
    for bad in (3, (1, 2), "a"):
        with pytest.raises(MekitError, match="slice"):
            clip[bad]
    for bad in (slice(20, 30), slice(5, 5), slice(None, None, -1)):
        with pytest.raises(MekitError, match=r"clip\["):
            clip[bad]


@pytest.mark.parametrize("marks, message", [
    (dict(onset=10), "onset not after apex"), (dict(apex=16), "apex not after offset"), (dict(offset=20), "0 to 19, received 20"), (dict(onset=-1), "received -1"),
    (dict(apex=np.nan), "whole number"), (dict(apex=2.5), "whole number"), (dict(apex="9"), "whole number"), (dict(apex=True), "whole number"),
])
def test_marks_that_are_refused(clip, marks, message):
    with pytest.raises(MekitError, match=message):
        clip.mark(**marks)


def test_an_alignment_is_cut_with_the_clip_and_shown(clip):
    class Moved(list):
        note = "residual 0.1 px"

        def __getitem__(self, at): return Moved(list.__getitem__(self, at))
    aligned = clip.replace(alignment=Moved(range(20)))
    assert list(aligned[3:12:2].alignment) == [3, 5, 7, 9, 11] and repr(aligned).endswith("array, aligned, residual 0.1 px)")
    assert repr(clip.replace(alignment=[0] * 20)).endswith("array, aligned)") and clip[2:].alignment is None


def test_marking(clip):
    assert clip.mark(apex=np.int64(10)).label.apex == 10 and clip.mark(apex=10.).label.apex == 10 and clip.label.apex == 9
    assert clip.mark(apex=None).label == dataclasses.replace(clip.label, apex=None)
    with pytest.raises(TypeError, match="mark: unknown option 'apx'.*Did you mean 'apex'"):
        clip.mark(apx=3)
    with pytest.raises(dataclasses.FrozenInstanceError):
        clip.iod = 3
    with pytest.raises(TypeError, match="replace: unknown option 'frame'; there are: frames, times, .*Did you mean 'frames'"):
        clip.replace(frame=3)


@pytest.mark.parametrize("changes, message", [
    (dict(times=None), "times with the timebase"), (dict(times=np.arange(19.)), "20 times"), (dict(times=np.full(20, np.nan)), "finite times"),
    (dict(times=np.arange(20.)[::-1]), "increase"), (dict(timebase="guessed"), "timebase among"), (dict(numbers=[1, 2]), "20 frame numbers"),
    (dict(iod=0), "inter-ocular"), (dict(iod=np.nan), "inter-ocular"), (dict(frames=np.zeros((20, 8, 8), np.uint8)), "t h w 3"),
    (dict(frames=np.zeros((20, 8, 8, 3))), "uint8"), (dict(frames=np.zeros((5, 8, 8, 3), np.uint8), times=np.arange(5.), numbers=None), "apex from 0 to 4"),
    (dict(label=Label(onset=25)), "0 to 19"),
])
def test_clips_that_cannot_be(clip, changes, message):
    with pytest.raises(MekitError, match=message):
        clip.replace(**changes)


def test_digest_knows_pictures_and_times_only(clip):
    film = np.asarray(clip.frames)
    lazy = clip.replace(frames=Lazy(lambda i: film[i], 20, film.shape[1:]))
    assert clip.digest() == lazy.digest() == clip.mark(apex=5).digest() and len(clip.digest()) == 16
    other = film.copy()
    other[7, 3, 3, 1] ^= 1
    assert len({clip.digest(), clip[1:].digest(), clip.replace(frames=other).digest(), clip.replace(times=clip.times * 2).digest()}) == 4


def _truth(n, reference=None):
    flow = np.arange(n, dtype=np.float32)[:, None, None, None] * np.ones((n, 2, 4, 5), np.float32)
    return Truth(flow=flow, motion=flow, valid=flow[:, 0] >= 0, landmarks=np.zeros((n, 68, 2)), intensity={"AU4": np.arange(n)}, nuisance={"shift": np.arange(n)}, reference=reference)


def test_truth_is_cut_with_the_clip_and_keeps_its_reference(clip):
    made = clip.replace(truth=_truth(20))
    assert made.truth.reference == 4 and made.mark(onset=6).truth.reference == 4 and "AU4" in repr(made.truth)
    piece = made[2:10:2]
    assert piece.truth.reference == 1 and piece.truth.flow[:, 0, 0, 0].tolist() == [2, 4, 6, 8] == piece.truth.intensity["AU4"].tolist() == piece.truth.nuisance["shift"].tolist()
    assert len(piece.truth.landmarks) == len(piece.truth.valid) == len(piece)
    with pytest.warns(MekitWarning, match="measured from frame 4, which is cut off"):
        assert made[5:].truth is None
    lengths = dataclasses.replace(_truth(20), landmarks=np.zeros((7, 68, 2)))
    with pytest.raises(MekitError, match="truth"):
        clip.replace(truth=lengths)


def test_pictures_and_words(clip):
    assert repr(clip) == "Clip(20 frames of 128 x 160, 200 fps (declared), onset 4, apex 9, offset 15, array)"
    page = clip._repr_html_()
    assert page.count("<img") == 3 and "onset, frame 4, 20 ms" in page and "private" not in page and len(page) < 60_000
    secret = clip.replace(label=dataclasses.replace(clip.label, terms=Terms("private"), database="casme2"), source="<b>")
    assert 'data-terms="private"' in secret._repr_html_() and "private: shown to you only (casme2)" in secret._repr_html_() and "<b>" not in secret._repr_html_()
    assert clip.mark(onset=None, apex=None, offset=None)._repr_html_().count("<img") == 3
    assert clip.timing_note() is None


# ---- the bar code itself

def test_bar_codes_read_back():
    for size in ((128, 160), (64, 64), (101, 67), (256, 256)):
        assert all(read_barcode(barcode(i, size)) == i for i in range(0, 4096, 41))
    assert read_barcode(np.zeros((64, 64, 3), np.uint8)) is None and read_barcode(np.full((64, 64, 3), 255, np.uint8)) is None
    assert read_barcode(np.full((64, 64, 3), 128, np.uint8)) is None
    small = cv2.imdecode(cv2.imencode(".jpg", cv2.resize(barcode(1234), (80, 64)), [cv2.IMWRITE_JPEG_QUALITY, 60])[1], 1)
    assert read_barcode(small) == 1234


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_the_javascript_reader_agrees(tmp_path):
    numbers, size = [0, 1, 77, 1234, 4095], (96, 112)
    pictures = [barcode(i, size) for i in numbers] + [np.zeros((*size, 3), np.uint8)]
    (tmp_path / "all.bin").write_bytes(np.concatenate([np.dstack([p, np.full(size, 255, np.uint8)]).ravel() for p in pictures]).tobytes())
    script = f"""const read = {READ_BARCODE_JS.strip()};
        const bytes = new Uint8ClampedArray(require("fs").readFileSync("{tmp_path}/all.bin")), one = {4 * size[0] * size[1]};
        console.log(JSON.stringify([...Array({len(pictures)}).keys()].map(k => read({{width: {size[1]}, height: {size[0]},
            getContext: () => ({{getImageData: () => ({{data: bytes.subarray(k * one, (k + 1) * one)}})}})}}))));"""
    out = subprocess.run(["node", "-e", script], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[0,1,77,1234,4095,null]"
