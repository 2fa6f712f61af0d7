"Clips that are saved come back: the same pictures, times, numbers, marks and terms; and nothing half written is ever left"
import csv
import dataclasses
import json
import sys
import warnings
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from barcode import barcode, read_barcode, remux, write_video

import mekit.media.write as write
from mekit.core import MekitError, MekitWarning
from mekit.data.clip import Clip, read_clip
from mekit.labels import AU, Label, Terms

LABEL = Label(3, 9, 17, (AU(4), AU(12, "L", "B"), AU(25, certain=False)), "surprise", "sub07", "casme2", "casme2/sub07/EP1", "coder A", Terms("private", "only for the lab"))


def quietly(source, **options):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        clip = read_clip(source, **options)
    return clip, [str(w.message) for w in said if w.category is MekitWarning]


@pytest.fixture
def clip():
    "Twenty pictures at an uneven rate, cut from the middle of a recording, with everything that can be known"
    times = 1234.5678 + np.cumsum([5, 5, 8.3333, 5, 16.6667] * 4)
    return Clip(np.stack([barcode(i) for i in range(20)]), times, "pts", np.arange(85, 145, 3), LABEL, 91.25, "EP1.avi")


def even(clip):
    return clip.replace(times=1000 * np.arange(20) * 1001 / 30000, timebase="declared")


@pytest.mark.parametrize("name, quality", [("folder", None), ("folder", 100), ("a.mp4", 100), ("a.mov", 100), ("a.mkv", 100), ("a.avi", 100)])
def test_lossless_is_the_same_clip(tmp_path, clip, name, quality):
    clip = even(clip) if name.endswith("avi") else clip
    assert clip.save(tmp_path / name, quality=quality) == tmp_path / name
    back, said = quietly(tmp_path / name)
    assert not said and np.array_equal(np.asarray(back.frames), clip.frames)
    assert np.abs(back.times - clip.times).max() < .001 and back.timebase == clip.timebase and np.array_equal(back.numbers, clip.numbers)
    assert back.label == LABEL and back.iod == 91.25
    assert [p.name for p in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["folder", "a.mp4", "a.m4v", "a.mov", "a.mkv", "a.avi"])
@pytest.mark.parametrize("quality", [98, 90, 40])
def test_smaller_ones_are_near(tmp_path, clip, name, quality):
    clip = even(clip) if name.endswith("avi") else clip
    clip.save(tmp_path / name, quality=quality)
    back, said = quietly(tmp_path / name)
    assert not said and [read_barcode(f) for f in back.frames] == list(range(20)) and back.label == LABEL
    assert np.abs(back.times - clip.times).max() < .001 and np.array_equal(back.numbers, clip.numbers)
    error = np.abs(np.asarray(back.frames)[:, :92].astype(int) - clip.frames[:, :92]).mean()
    assert error < (2.5 if quality == 98 else 6 if quality == 90 else 20)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_others_see_key_frames_at_the_right_times(tmp_path, clip, suffix):
    "Without our notes: the file's own stamps, to its own tick"
    clip.save(tmp_path / f"a{suffix}")
    with av.open(str(tmp_path / f"a{suffix}")) as container:
        stream = container.streams.video[0]
        packets = [p for p in container.demux(stream) if p.size]
        stamps = np.array([float(p.pts * stream.time_base * 1000) for p in packets])
    assert all(p.is_keyframe for p in packets)
    assert np.abs(stamps - stamps[0] - (clip.times - clip.times[0])).max() < (.51 if suffix == ".mkv" else .005)


def test_a_clip_without_time_has_none_afterwards(tmp_path, clip):
    clip = clip.replace(times=None, timebase="unknown")
    for name in ("folder", "a.mp4", "a.mkv", "a.avi"):
        clip.save(tmp_path / name)
        back, said = quietly(tmp_path / name)
        assert back.times is None and back.timebase == "unknown" and back.label == LABEL and not said, name
    assert read_clip(tmp_path / "folder", fps=100).times[1] == 30 and read_clip(tmp_path / "a.mp4", fps=100).timebase == "declared"


def test_windows_and_sizes_of_what_was_saved(tmp_path, clip):
    for name in ("folder", "a.mp4"):
        clip.save(tmp_path / name)
        back = read_clip(tmp_path / name, start=94, stop=130, size=64)          # numbers of the recording: frames 3 to 14
        assert [read_barcode(f) for f in back.frames] == list(range(3, 15)) and (back.label.onset, back.label.apex, back.label.offset) == (0, 6, None)
        assert back.shape == (51, 64) and back.iod == pytest.approx(91.25 * 64 / 160) and back.times[0] == pytest.approx(clip.times[3], abs=.001)


@pytest.mark.parametrize("size, quality", [((127, 161), None), ((128, 161), 90), ((3, 5), 90), ((1, 1), 100)])
@pytest.mark.parametrize("suffix", ["", ".mp4", ".mkv", ".avi"])
def test_odd_sizes(tmp_path, size, quality, suffix):
    film = np.stack([cv2.resize(barcode(i), size[::-1]) for i in range(3)])
    back = read_clip(read_clip(film, fps=100).save(tmp_path / f"a{suffix}", quality=quality))
    assert back.shape == size and np.abs(np.asarray(back.frames).astype(int) - film).mean() < 16 and back.times.tolist() == [0, 10, 20]


def test_what_was_read_from_a_file_can_be_saved_over_it(tmp_path):
    "Read lazily, written beside, then put in its place"
    times = write_video(tmp_path / "a.mp4", 30, vfr=True, bframes=3)
    clip = read_clip(tmp_path / "a.mp4").mark(onset=3, apex=9)
    clip[5:25].save(tmp_path / "a.mp4", overwrite=True, quality=100)
    back = read_clip(tmp_path / "a.mp4")
    assert [read_barcode(f) for f in back.frames] == list(range(5, 25)) == back.numbers.tolist() and back.label.apex == 4 and back.label.onset is None
    assert np.abs(back.times - times[5:25]).max() < .001
    back.save(tmp_path / "images")
    read_clip(tmp_path / "images")[2:6].save(tmp_path / "images", overwrite=True)
    assert [read_barcode(f) for f in read_clip(tmp_path / "images").frames] == [7, 8, 9, 10]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mp4", "images"]


def test_numbers_that_do_not_increase_still_come_back(tmp_path, clip):
    odd = clip.replace(numbers=[5, 3, -1, *range(17)])
    for name in ("folder", "a.mp4"):
        back, said = quietly(odd.save(tmp_path / name))
        assert np.array_equal(back.numbers, odd.numbers) and not said and [read_barcode(f) for f in back.frames] == list(range(20))


# ---- what others do to the files

def test_the_table_is_plain_and_images_may_go(tmp_path, clip):
    clip.save(tmp_path / "folder")
    with open(tmp_path / "folder/times.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(r["number"]) for r in rows] == clip.numbers.tolist() and float(rows[2]["ms"]) == pytest.approx(clip.times[2], abs=1e-6) and rows[0]["file"] == "img0085.png"
    (tmp_path / "folder/img0085.png").unlink()
    (tmp_path / "folder" / rows[9]["file"]).unlink()                            # the apex
    (tmp_path / "folder" / rows[11]["file"]).write_bytes(b"gone")
    back, said = quietly(tmp_path / "folder")
    assert [read_barcode(f) for f in back.frames] == [i for i in range(20) if i not in (0, 9, 11)] and np.abs(back.times - clip.times[[i for i in range(20) if i not in (0, 9, 11)]]).max() < .001
    assert (back.label.onset, back.label.apex, back.label.offset) == (2, None, 14) and "cannot be read" in said[0]


def test_files_of_other_people_with_these_names(tmp_path, clip):
    clip.save(tmp_path / "folder")
    (tmp_path / "folder/label.json").write_text('{"mood": "good"}')
    back, said = quietly(tmp_path / "folder")
    assert back.times is None and back.label == Label() and back.numbers[0] == 85 and not said
    (tmp_path / "folder/label.json").write_text(json.dumps({"mekit": 1, "timebase": "pts", "terms": {"access": "private"}}))
    (tmp_path / "folder/times.csv").write_text("a,b\n1,2\n")
    back, said = quietly(tmp_path / "folder")
    assert back.times is None and "times.csv cannot be used" in said[0] and back.label.terms.access == "private"
    clip.save(tmp_path / "more")
    cv2.imwrite(str(tmp_path / "more/img0999.png"), barcode(99))
    back, said = quietly(tmp_path / "more")
    assert len(back) == 21 and back.label == Label(terms=LABEL.terms) and "does not name every image" in said[0]


def test_a_saved_video_that_was_cut_since(tmp_path, clip):
    "The comment travels along with a copy of some packets, and would put the marks on other pictures"
    clip.save(tmp_path / "a.mp4")
    count = iter(range(100))
    with av.open(str(tmp_path / "a.mp4")) as container:
        comment = container.metadata["comment"]
    remux(tmp_path / "a.mp4", tmp_path / "b.mp4", lambda p: next(count) >= 5)
    with av.open(str(tmp_path / "b.mp4")) as a, av.open(str(tmp_path / "c.mp4"), "w", options={"movflags": "use_metadata_tags"}) as b:
        b.metadata["comment"] = comment
        stream = b.add_stream_from_template(a.streams.video[0])
        for packet in a.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                b.mux(packet)
    back, said = quietly(tmp_path / "c.mp4")
    assert "changed since clip.save wrote it (it noted 20 frames, 15 are shown)" in said[0]
    assert back.label == Label(terms=LABEL.terms) and back.numbers.tolist() == list(range(15)) and back.timebase == "pts"


def test_a_saved_video_that_is_damaged_keeps_marks_on_their_pictures(tmp_path, clip):
    clip.save(tmp_path / "a.mp4")
    with av.open(str(tmp_path / "a.mp4")) as container:
        spots = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    data = bytearray((tmp_path / "a.mp4").read_bytes())
    for k in (5, 9):
        data[spots[k][0] + 20:spots[k][0] + 400] = bytes(380)
    (tmp_path / "a.mp4").write_bytes(data)
    back, said = quietly(tmp_path / "a.mp4")
    left = [i for i in range(20) if i not in (5, 9)]
    assert "left out" in said[0] and [read_barcode(f) for f in back.frames] == left
    assert back.numbers.tolist() == clip.numbers[left].tolist() and np.abs(back.times - clip.times[left]).max() < .001
    assert (back.label.onset, back.label.apex, back.label.offset) == (3, None, 15)


@pytest.mark.parametrize("change, kept", [("aus: [[999, None, None, True]]", False), ("aus: [[1, 2]]", False), ("aus: None", False), ("marks: None", False), ("marks: {'onset': 9, 'apex': 3}", False), ("iod: 'x'", False), ("iod: -1", False),
                                          ("terms: None", True), ("terms: 'open'", True), ("terms: {'access': 'all'}", True), ("timebase: 'guess'", True)])
def test_facts_that_make_no_sense(tmp_path, clip, change, kept):
    "Never a crash, never more open than before"
    clip.save(tmp_path / "folder")
    path, (name, value) = tmp_path / "folder/label.json", change.split(": ", 1)
    path.write_text(json.dumps(json.loads(path.read_text()) | {name: eval(value)}))
    back, said = quietly(tmp_path / "folder")
    assert len(back) == 20 and np.abs(back.times - clip.times).max() < .001 and back.label.terms.access == "private"
    assert back.label.aus == (LABEL.aus if kept else ()) and bool(said) != kept and all("cannot be used" in s for s in said)


def test_terms_that_were_lost_are_private(tmp_path, clip):
    clip.save(tmp_path / "folder")
    alone, said = quietly(tmp_path / "folder/img0091.png")                  # one image taken out of it
    assert alone.label == Label(terms=LABEL.terms) and len(said) == 1
    data = (tmp_path / "folder/label.json").read_text()
    for left in (data[:100], ""):
        (tmp_path / "folder/label.json").write_text(left)
        back, said = quietly(tmp_path / "folder")
        assert back.label == Label(terms=Terms("private")) and back.times is None and "label.json cannot be read" in said[0] and "private" in said[0]
    clip.save(tmp_path / "a.mkv")
    data = (tmp_path / "a.mkv").read_bytes()
    (tmp_path / "a.mkv").write_bytes(data.replace(b'"numbers": "', b'"numbers":!"'))
    back, said = quietly(tmp_path / "a.mkv")
    assert back.label == Label(terms=Terms("private")) and back.timebase == "pts" and "comment that clip.save wrote cannot be read" in said[0]


def test_a_table_that_went_through_a_spreadsheet(tmp_path, clip):
    clip.save(tmp_path / "folder")
    path = tmp_path / "folder/times.csv"
    text = path.read_text()
    path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    back, said = quietly(tmp_path / "folder")
    assert back.label == LABEL and not said and np.abs(back.times - clip.times).max() < .001
    lines = text.splitlines()
    for changed, message in ((text.replace(",", ";"), "columns file,number,ms, received file;number;ms"), ("\n".join([lines[0], lines[2], lines[1], *lines[3:]]), "times that increase from line to line")):
        path.write_text(changed)
        back, said = quietly(tmp_path / "folder")
        assert back.times is None and message in said[0] and back.label == Label(terms=LABEL.terms)


# ---- all or nothing

class Broken(Exception):
    pass


@pytest.mark.parametrize("name", ["folder", "a.mp4", "a.mkv", "a.avi"])
@pytest.mark.parametrize("there", [False, True])
def test_a_crash_leaves_what_was_there(tmp_path, clip, name, there):
    clip = even(clip)
    if there:
        clip[:4].save(tmp_path / name)
    before = {p.relative_to(tmp_path): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}

    class Frames:
        shape, dtype = clip.frames.shape, clip.frames.dtype

        def __len__(self): return 20

        def __getitem__(self, i):
            if i == 13:
                halves = [p for p in tmp_path.glob(".folder-*")]            # what a process that is killed here would leave
                assert all(quietly(p)[0].label.terms == LABEL.terms for p in halves) and len(halves) == (name == "folder")
                raise Broken
            return clip.frames[i]
    with pytest.raises(Broken):
        clip.replace(frames=Frames()).save(tmp_path / name, overwrite=True)
    assert {p.relative_to(tmp_path): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before
    assert [p.name for p in tmp_path.iterdir()] == [name] * there


def test_a_folder_that_cannot_be_put_in_place_comes_back(tmp_path, clip, monkeypatch):
    clip.save(tmp_path / "folder")
    replace, calls = write.os.replace, []

    def failing(a, b):
        calls.append(b)
        if len(calls) == 2:
            raise OSError("disk is gone")
        return replace(a, b)
    monkeypatch.setattr(write.os, "replace", failing)
    with pytest.raises(OSError, match="disk is gone"):
        clip[:3].save(tmp_path / "folder", overwrite=True)
    assert len(read_clip(tmp_path / "folder")) == 20 and [p.name for p in tmp_path.iterdir()] == ["folder"]


def test_nothing_is_overwritten_unasked(tmp_path, clip):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis/chapter.tex").write_text("all of it")
    (tmp_path / "file").write_text("x")
    (tmp_path / "dir.mp4").mkdir()
    clip.save(tmp_path / "clip")
    clip.save(tmp_path / "clip.mp4")
    for name, options, message in [("clip", {}, "one that exists. overwrite=True replaces it"), ("clip.mp4", {}, "overwrite=True replaces it"), ("thesis", {"overwrite": True}, "a folder that clip.save wrote"),
                                   ("file", {"overwrite": True}, "the name of a folder, received an existing file"), ("dir.mp4", {"overwrite": True}, "the name of a file, received an existing folder"),
                                   ("no/such/clip", {}, f"no folder {tmp_path}/no/such"), ("a.webm", {}, "received one ending in .webm"), ("a.png", {}, "received one ending in .png"),
                                   ("b", {"quality": 0}, "a quality from 1 to 100"), ("b", {"quality": 101}, "received 101"), ("b", {"quality": 2.5}, "whole number"), ("a.avi", {}, "a constant rate")]:
        with pytest.raises(MekitError, match=message):
            clip.save(tmp_path / name, **options)
    if sys.platform == "linux":
        with pytest.raises(MekitError, match="save /proc/clip: expected a folder that can be written to, received /proc"):
            clip.save("/proc/clip")
    with pytest.raises(TypeError, match="Did you mean 'quality'"):
        clip.save(tmp_path / "b", qualty=3)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["clip", "clip.mp4", "dir.mp4", "file", "thesis"] and (tmp_path / "thesis/chapter.tex").read_text() == "all of it"
    fast = clip.replace(times=np.arange(20) * .2)
    with pytest.raises(MekitError, match="at least 1 ms apart, received 0.2 ms. Save it as .mp4"):
        fast.save(tmp_path / "fast.mkv")
    assert np.abs(read_clip(fast.save(tmp_path / "fast.mp4")).times - fast.times).max() < .001
    (tmp_path / "empty").mkdir()
    assert len(read_clip(clip.save(tmp_path / "empty"))) == 20


def test_a_file_may_be_called_as_it_likes(tmp_path, clip, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len(read_clip(clip.save("sub01.v2"))) == 20 and len(read_clip(clip.save(Path("Ein Gesicht ü.MP4")))) == 20
    assert read_clip("Ein Gesicht ü.MP4").label == LABEL
    assert read_clip(clip.save("sub:01 12:30.mkv")).label == LABEL         # no address of a network
    assert read_clip(clip.replace(label=dataclasses.replace(LABEL, subject=np.int64(7))).save("of a table")).label.subject == 7
    label = dataclasses.replace(LABEL, subject="Zoë \"X\" \n", terms=Terms("publishable", "ü"))
    for name in ("a", "a.mp4", "a.mkv", "a.avi", "a.mov"):
        assert read_clip(even(clip).replace(label=label).save(name)).label == label
