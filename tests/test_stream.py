"Streaming: pieces make the whole, a run that was killed is taken up, errors and stops keep what was done, memory does not follow the length"
import os
import signal
import sys
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mekit.core import Lazy, MekitError, MekitWarning
from mekit.data.clip import Clip
from mekit.motion.flow import flow
from mekit.motion.strain import strain
from mekit.motion.stream import Cancel, gather, piece, stream

ROOT = Path(__file__).resolve().parent.parent


def recording(n=50, size=24, numbers=None, calls=None):
    "n pictures drawn when asked for; picture i says i"
    def draw(i):
        if calls is not None:
            calls.append(i)
        return np.full((size, size, 3), i % 251, np.uint8) + np.arange(size, dtype=np.uint8)[:, None, None]
    return Clip(Lazy(draw, n, (size, size, 3)), np.arange(n) * 5., "declared", numbers=numbers, source="drawn")


def means(part): return np.asarray(part.frames).mean((1, 2, 3))
def table(part): return pd.DataFrame({"mean": means(part), "first": part.numbers[0]})


def quiet(chunks):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        out = list(chunks)
    return out, [str(w.message) for w in said if w.category is MekitWarning]


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 40), st.integers(1, 50), st.integers(0, 9), st.integers(0, 9), st.booleans())
def test_pieces_make_the_whole_whatever_their_size(n, size, before, after, thinned):
    clip = recording(n)[::2] if thinned else recording(n)
    chunks = list(stream(clip, means, size=size, overlap=(before, after), progress=False))
    numbers, rows = gather(chunks)
    assert np.array_equal(numbers, clip.numbers) and np.array_equal(rows, means(clip))
    assert [c.start for c in chunks][1:] == [c.stop for c in chunks][:-1] and chunks[-1].stop == len(clip)
    assert all(len(c.value) == len(c) + sum(c.lent) for c in chunks)
    assert all(c.lent == (min(before, c.start), min(after, len(clip) - c.stop)) for c in chunks)


@pytest.mark.parametrize("size", [2, 5, 12])
def test_flow_and_strain_to_the_next_frame(size):
    rng = np.random.default_rng(0)
    base = rng.integers(0, 255, (40, 40, 3), np.uint8).repeat(2, 0).repeat(2, 1)
    clip = Clip(np.stack([np.roll(base, i, 1) for i in range(12)]))
    def work(part): return strain(flow(part, pairs="next", method="farneback"))
    pieces = [c.value for c in stream(clip, work, size=size, overlap=(1, 0), progress=False)]
    assert np.array_equal(np.concatenate(pieces), work(clip))


def test_each_picture_is_read_once_and_past_the_cache():
    calls = []
    clip = recording(30, calls=calls)
    gather(stream(clip, lambda p: means(p) + means(p), size=7, progress=False))
    assert calls == list(range(30)) and not clip.frames.cache.held
    gather(stream(clip, means, size=10, overlap=(2, 0), progress=False))
    assert calls[30:] == [*range(10), *range(8, 20), *range(18, 30)]


def test_a_piece_is_a_clip_with_the_numbers_and_times_of_the_recording():
    part = piece(recording(30, numbers=np.arange(100, 160, 2)).mark(onset=12), 10, 20)
    assert part.numbers.tolist() == list(range(120, 140, 2)) and part.times.tolist() == [50. + 5 * k for k in range(10)] and part.label.onset == 2


def test_what_fails_is_named_and_the_run_goes_on():
    def brittle(part):
        if 23 in part.numbers:
            raise ZeroDivisionError("no light")
        return means(part)
    chunks, said = quiet(stream(recording(50), brittle, size=10, progress=False))
    assert [c.error is None for c in chunks] == [True, True, False, True, True] and isinstance(chunks[2].error, ZeroDivisionError)
    assert len(said) == 1 and "frames 20 to 29" in said[0] and "no light" in said[0]
    numbers, rows = gather(chunks)
    assert np.flatnonzero(np.isnan(rows)).tolist() == list(range(20, 30)) and len(numbers) == 50
    with pytest.raises(MekitError, match="a piece that failed: no light"):
        chunks[2].rows
    rows = gather(quiet(stream(recording(50), lambda p: brittle(p) is None or table(p), size=10, progress=False))[0])[1]
    assert len(rows) == 40
    with pytest.raises(MekitError, match="floats"):
        gather(quiet(stream(recording(50), lambda p: brittle(p).astype(int), size=10, progress=False))[0])
    with pytest.raises(MekitError, match="did not fail"):
        gather(quiet(stream(recording(5), lambda p: 1 / 0, progress=False))[0])


def test_a_picture_that_does_not_decode_is_set_aside_too():
    def draw(i):
        if i == 7:
            raise OSError("damaged")
        return np.zeros((8, 8, 3), np.uint8)
    chunks, said = quiet(stream(Clip(Lazy(draw, 20, (8, 8, 3))), means, size=5, progress=False))
    assert [c.error is None for c in chunks] == [True, False, True, True] and "damaged" in said[0]


@pytest.mark.parametrize("suffix, work", [(".npy", means), (".csv", table)])
def test_a_stopped_run_is_taken_up(tmp_path, suffix, work):
    path, stop, worked = tmp_path / f"rows{suffix}", Cancel(), []
    def seen(part): worked.append(int(part.numbers[0])); return work(part)
    def halt(done, total):
        if done >= 20:
            stop.cancel()
    chunks, said = quiet(stream(recording(50), seen, size=10, progress=halt, cancel=stop, into=path))
    assert len(chunks) == 2 and "stopped after 20 of 50" in said[0] and repr(stop) == "Cancel(thrown)"
    chunks, said = quiet(stream(recording(50), seen, size=10, progress=False, into=path))
    assert worked == [0, 10, 20, 30, 40] and [c.stored for c in chunks] == [True, True, False, False, False] and not said
    rows = np.load(path) if suffix == ".npy" else pd.read_csv(path)["mean"].to_numpy()
    assert np.allclose(rows, means(recording(50))) and np.allclose(np.asarray(gather(chunks)[1] if suffix == ".npy" else gather(chunks)[1]["mean"]), rows)
    if suffix == ".csv":
        assert pd.read_csv(path)["frame"].tolist() == list(range(50))


@pytest.mark.parametrize("suffix, work", [(".npy", means), (".csv", table)])
def test_a_killed_run_is_taken_up(tmp_path, suffix, work):
    "Rows that were written and not entered in the ledger, and a ledger line that was cut off, are made again"
    path = tmp_path / f"rows{suffix}"
    list(stream(recording(50), work, size=10, progress=False, into=path))
    whole, ledger = path.read_bytes(), Path(f"{path}.ledger")
    lines = ledger.read_text().splitlines(keepends=True)
    ledger.write_text("".join(lines[:3]) + lines[3][:5])
    with open(path, "r+b") as file:
        file.seek(-11, os.SEEK_END)
        file.write(b"broken data")
    chunks = list(stream(recording(50), work, size=10, progress=False, into=path))
    assert [c.stored for c in chunks] == [True, True, False, False, False] and path.read_bytes() == whole


def test_rows_of_two_runs_never_mix(tmp_path):
    path = tmp_path / "rows.npy"
    list(stream(recording(20), means, size=10, progress=False, into=path, name="means"))
    for clip, options in ((recording(20), dict(size=5)), (recording(30), {}), (recording(20), dict(name="medians")), (recording(20), dict(overlap=1))):
        with pytest.raises(MekitError, match="this very run"):
            stream(clip, means, progress=False, into=path, **{"size": 10, "name": "means", **options})
    assert not any(c.stored for c in stream(recording(20), means, size=5, progress=False, into=path, resume=False))


def test_rows_of_another_recording_are_refused(tmp_path):
    path, one, other = tmp_path / "rows.npy", *(Clip(np.full((20, 8, 8, 3), grey, np.uint8)) for grey in (10, 200))
    list(stream(one, means, size=5, progress=False, into=path, name="means"))
    with pytest.raises(MekitError, match="this very run.*another recording.*resume=False"):
        stream(other, means, size=5, progress=False, into=path, name="means")
    assert [c.stored for c in stream(Clip(one.frames.copy()), means, size=5, progress=False, into=path, name="means")] == [True] * 4
    anew = list(stream(other, means, size=5, progress=False, into=path, name="means", resume=False))
    assert not any(c.stored for c in anew) and (np.load(path) == 200).all()


def test_a_file_that_changed_is_another_recording(tmp_path):
    path, film = tmp_path / "rows.npy", tmp_path / "film.mp4"
    film.write_bytes(b"one")
    def again(): return list(stream(recording(20).replace(source=str(film)), means, size=10, progress=False, into=path))
    again()
    assert all(c.stored for c in again())
    film.write_bytes(b"three")
    with pytest.raises(MekitError, match="another recording"):
        again()


def scaled(by): return lambda part: means(part) * by


def test_another_function_is_another_run(tmp_path):
    path, clip = tmp_path / "rows.npy", recording(20)
    def run(function, **options): return [c.stored for c in stream(clip, function, size=10, progress=False, into=path, **options)]
    run(scaled(2.))
    assert run(scaled(2.)) == [True, True] and run(scaled(2.), resume=True) == [True, True]      # the same code and the same factor, from another line
    for function in (scaled(3.), means, partial(np.mean, axis=0), partial(np.mean, axis=1), lambda part: means(part) + 2., lambda part: means(part) + 3., np.mean, len):
        with pytest.raises(MekitError, match="another function.*name="):
            run(function)
    run(partial(means), resume=False)
    assert run(partial(means)) == [True, True]
    run(means, name="means", resume=False)
    assert run(scaled(2.), name="means") == [True, True]      # whoever names it answers for it


def test_a_damaged_picture_does_not_stop_the_ledger(tmp_path):
    def draw(i):
        if i == 0:
            raise OSError("damaged")
        return np.zeros((8, 8, 3), np.uint8)
    clip = Clip(Lazy(draw, 20, (8, 8, 3)))
    assert [c.error is None for c in quiet(stream(clip, means, size=5, progress=False, into=tmp_path / "a.npy"))[0]] == [False, True, True, True]
    assert [c.stored for c in quiet(stream(clip, means, size=5, progress=False, into=tmp_path / "a.npy"))[0]] == [False, True, True, True]


def test_a_failed_piece_is_tried_again(tmp_path):
    broken = [True]
    def once(part):
        if broken and 12 in part.numbers:
            raise ValueError("not now")
        return means(part)
    quiet(stream(recording(30), once, size=10, progress=False, into=tmp_path / "a.npy"))
    assert np.isnan(np.load(tmp_path / "a.npy")[10:20]).all()
    broken.clear()
    assert [c.stored for c in stream(recording(30), once, size=10, progress=False, into=tmp_path / "a.npy")] == [True, False, True]
    assert np.array_equal(np.load(tmp_path / "a.npy"), means(recording(30)))


def test_interrupting_the_kernel_keeps_what_was_done():
    def slow(part):
        if part.numbers[0] == 20:
            signal.raise_signal(signal.SIGINT)
        return means(part)
    chunks, said = quiet(stream(recording(50), slow, size=10, progress=False))
    assert [c.stop for c in chunks] == [10, 20] and "stopped after 20 of 50 frames" in said[0]


WRONG = {
    "a path": (lambda: stream("a.mp4", means), "a Clip"), "no function": (lambda: stream(recording(), "flow"), "function of a piece"), "no frames": (lambda: stream(recording(), means, size=0), "whole number of frames"),
    "half a frame": (lambda: stream(recording(), means, size=2.5), "whole number of frames"), "three overlaps": (lambda: stream(recording(), means, overlap=(1, 2, 3)), "(before, after)"),
    "negative overlap": (lambda: stream(recording(), means, overlap=-1), "(before, after)"), "a flag": (lambda: stream(recording(), means, cancel=True), "a Cancel"),
    "a text file": (lambda: stream(recording(), means, into="rows.txt"), ".npy or .csv"), "no folder": (lambda: stream(recording(), means, into="nowhere/rows.npy"), "existing folder"),
    "no rows": (lambda: next(stream(recording(), len, progress=False)).rows, "a row for each of 50 frames"), "no chunks": (lambda: gather([]), "at least one piece"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_says_so(case):
    call, words = WRONG[case]
    with pytest.raises(MekitError, match=words.replace("(", r"\(").replace(")", r"\)")):
        call()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is measured in KB on Linux only")
def test_memory_does_not_follow_the_length(tmp_path):
    "12,000 and 120,000 frames of a video, which is ten minutes at 200 frames a second, in processes of their own"
    sys.path.insert(0, str(ROOT))
    from bench.stream import measured, write
    found = {}
    for n in (12_000, 120_000):
        write(tmp_path / f"{n}.mp4", 64, n)
        found[n] = measured(tmp_path / f"{n}.mp4", "means")
    assert found[120_000]["frames"] == 120_000 and found[120_000]["peak_mb"] < found[12_000]["peak_mb"] + 60
