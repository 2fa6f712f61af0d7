"Samples: keyed by sample and content, finished or not there; augmentations that keep what is said of a face true"
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from mekit.core import MekitError, MekitWarning
from mekit.data.clip import read_clip
from mekit.data.index import Entry, Index
from mekit.data.synthetic import synthesize
from mekit.data.synthetic_sets import SyntheticIndex, synthetic_index
from mekit.labels import Label, Terms, parse_au
from mekit.motion import inputs, store
from mekit.motion.augment import Augment, drawn, jitter_time, mirror_aus, mirror_clip, mirror_flow, mirror_frames, mirror_y, move_flow, move_frames
from mekit.motion.fields import random_texture, shifted
from mekit.motion.flow import flow
from mekit.motion.inputs import Settings, key_of, second_apex
from mekit.motion.samples import Rows, Samples, purge, samples, sided_target
from mekit.motion.strain import network_input

AUS = ("L12B", "4", "R12A+1", "9", "L14+4", "17")
QUIET = dict(crop=False, method="farneback", size=16, progress=False)


def record(folder: Path, k: int, *, pixels: float = 1., n: int = 5, size: int = 64) -> None:
    "A clip on disk: a texture that moves to the right by so many pixels in all"
    texture = random_texture(size, seed=k)
    frames = np.stack([shifted(texture, pixels * t / (n - 1), 0) for t in range(n)])
    read_clip(np.repeat(np.clip(np.rint(frames), 0, 255).astype(np.uint8)[..., None], 3, 3)).save(folder)


def entry(folder: Path, k: int, database: str = "lab", **changes) -> Entry:
    label = Label(aus=tuple(map(parse_au, AUS[k % len(AUS)].split("+"))), emotion=("happiness", "fear", None)[k % 3], subject=f"s{k}", database=database, sample=f"{database}/s{k}/clip", terms=Terms("private"))
    return replace(Entry(label, 0, 3, 4, path=folder), **changes)


@pytest.fixture(autouse=True)
def one_code(monkeypatch):
    "The digest of the code stands still, also while somebody edits it"
    for module in (inputs, store): monkeypatch.setattr(module, "CODE", "test")


@pytest.fixture(scope="module")
def recordings(tmp_path_factory) -> Path:
    home = tmp_path_factory.mktemp("recordings")
    for k in range(6): record(home / f"clip{k}", k, pixels=1 + k / 2)
    return home


@pytest.fixture
def index(recordings) -> Index:
    return Index([entry(recordings / f"clip{k}", k, "lab" if k < 4 else "field") for k in range(6)], name="textures")


class Counted(Index):
    "An index that counts how many clips were opened"
    opened: list = []
    def clip(self, sample, **options):
        self.opened.append(sample)
        return super().clip(sample, **options)


def opened(index, cache, **options) -> tuple[Samples, int]:
    Counted.opened = []
    return samples(Counted(index.entries), cache=cache, **QUIET | options), len(Counted.opened)


def arrays_of(found) -> dict:
    return {(s, name): np.array(a) for s in found.keys for name, a in found[s].items()}


def same(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a)


def test_what_is_measured_is_what_moved(index, tmp_path):
    found = samples(index, cache=tmp_path, **QUIET)
    truth = {e.sample: (1 + k / 2) * 3 / 4 * 100 / (.4 * 64) for k, e in enumerate(index)}      # onset 0 to apex 3 of 4; %IOD of an assumed 0.4 of 64
    for s in found.keys: assert np.median(found[s]["flow"][0]) == pytest.approx(truth[s], rel=.1)
    assert found.x.shape == (6, 3, 16, 16) and isinstance(found.x[2], np.memmap) and len(found.notes) == 6
    assert torch.equal(found.tensors()["flow"], torch.from_numpy(np.asarray(found.x)))


def test_order_of_the_rows_changes_nothing(index, tmp_path):
    kinds = dict(kind="window", what=("flow", "frames"))
    one = samples(index, cache=tmp_path / "a", **QUIET | kinds)
    order = np.random.default_rng(1).permutation(len(index))
    other = samples(index[[index.samples[i] for i in order]], cache=tmp_path / "b", workers=3, **QUIET | kinds)
    assert other.keys == tuple(one.keys[i] for i in order)
    assert same(arrays_of(one), arrays_of(other)) and one.digest() == other.digest()
    part = samples(index[list(one.keys[2:4])], cache=tmp_path / "c", **QUIET | kinds)
    assert same(arrays_of(part), arrays_of(one[list(one.keys[2:4])]))


def test_computed_once(index, tmp_path):
    first, n = opened(index, tmp_path)
    again, m = opened(index, tmp_path)
    assert (n, m) == (6, 0) and same(arrays_of(first), arrays_of(again)) and first.notes == again.notes
    assert opened(index, tmp_path, recheck=True)[1] == 6
    before = {f: f.stat().st_mtime_ns for f in tmp_path.rglob("*.npy")}
    _, k = opened(index, tmp_path, what=("flow", "frames"))
    assert k == 6 and all(f.stat().st_mtime_ns == t for f, t in before.items())      # the flow was there; only pictures are new
    assert len(list(tmp_path.rglob("*.npy"))) == 18


@pytest.mark.parametrize("change", [dict(size=17), dict(size=(16, 20)), dict(params={"window": 15}), dict(scaling="minmax"), dict(method="dis"), dict(kind="sequence"), dict(resolution=128)])
def test_other_settings_are_other_arrays(change, tmp_path, index):
    one = Settings(**{k: v for k, v in QUIET.items() if k != "progress"})
    assert key_of(replace(one, **change), "flow", "a", "0") != key_of(one, "flow", "a", "0")
    assert key_of(one, "flow", "a", "0") == key_of(replace(one), "flow", "a", "0")


def test_other_code_is_another_key(monkeypatch):
    before = key_of(Settings(), "flow", "a", "0")
    monkeypatch.setattr(inputs, "CODE", "newer")
    assert key_of(Settings(), "flow", "a", "0") != before


def test_pictures_know_no_flow_method():
    one, other = Settings(what="frames"), Settings(what="frames", method="farneback", scaling="minmax")
    assert key_of(one, "onset", "a", "0") == key_of(other, "onset", "a", "0")


def test_a_changed_clip_is_computed_anew_and_a_copied_one_is_not(tmp_path, recordings):
    record(tmp_path / "clip", 1)
    one = Index([entry(tmp_path / "clip", 0)])
    first, _ = opened(one, tmp_path / "cache")
    for f in (tmp_path / "clip").iterdir(): os.utime(f)                              # touched: read again, and the same
    second, n = opened(one, tmp_path / "cache")
    assert n == 1 and second.digest() == first.digest() and len(list(tmp_path.glob("cache/*/*.npy"))) == 1
    for f in (tmp_path / "clip").iterdir(): f.unlink()
    (tmp_path / "clip").rmdir()
    record(tmp_path / "clip", 2, pixels=3)
    third, _ = opened(one, tmp_path / "cache")
    assert third.digest() != first.digest() and len(list(tmp_path.glob("cache/*/*.npy"))) == 2


def test_a_corrected_mark_is_computed_anew(index, tmp_path):
    one, _ = opened(index, tmp_path)
    moved = Index([replace(e, apex=2) for e in index])
    other, n = opened(moved, tmp_path)
    assert n == 6 and not any(np.array_equal(one[s]["flow"], other[s]["flow"]) for s in one.keys)


@pytest.mark.parametrize("harm", ["cut", "empty", "no note", "bad note"])
def test_a_damaged_entry_is_made_again(harm, index, tmp_path):
    good = arrays_of(samples(index, cache=tmp_path, **QUIET))
    victim = sorted(tmp_path.rglob("*.npy"))[2]
    if harm == "cut": victim.write_bytes(victim.read_bytes()[:500])
    if harm == "empty": victim.write_bytes(b"")
    if harm == "no note": victim.with_suffix(".json").unlink()
    if harm == "bad note": victim.with_suffix(".json").write_text("[1")
    found, n = opened(index, tmp_path)
    assert n == 1 and same(arrays_of(found), good)


def test_a_changed_bit_is_found_by_recheck(index, tmp_path):
    good = arrays_of(samples(index, cache=tmp_path, **QUIET))
    victim = sorted(tmp_path.rglob("*.npy"))[3]
    data = bytearray(victim.read_bytes())
    data[-3] ^= 64
    victim.write_bytes(data)
    assert not same(arrays_of(samples(index, cache=tmp_path, **QUIET)), good)
    assert same(arrays_of(samples(index, cache=tmp_path, **QUIET, recheck=True)), good)


def test_bad_rows_are_set_aside_with_the_reason(index, recordings, tmp_path):
    broken = tmp_path / "broken"
    record(broken, 9)
    for f in broken.glob("*.png"): f.write_bytes(b"not a picture")
    a, b, c, d, e, f = index
    bad = {"no such file": replace(a, path=tmp_path / "nowhere"), "expected an apex mark": replace(b, apex=None), "apex == onset": replace(c, apex=c.onset),
           "99 is not among the frames": replace(d, apex=99), "images that can be read": replace(e, path=broken), "pictures on disk": replace(f, path=None)}
    good = entry(recordings / "clip0", 7)
    with pytest.warns(MekitWarning, match="6 of 7 clips are set aside"): found = samples(Index([*bad.values(), good]), cache=tmp_path / "cache", **QUIET)
    assert found.keys == (good.sample,)
    for (words, row), problem in zip(bad.items(), found.aside): assert problem.sample == row.sample and words in problem.why, (words, problem.why)
    assert "set aside" in repr(found) and "apex == onset" in found._repr_html_()
    with pytest.raises(MekitError, match="at least one clip that can be used.*apex == onset"): samples(Index([bad["apex == onset"]]), cache=tmp_path / "cache", **QUIET)
    kept = samples(Index([bad["apex == onset"]]), cache=tmp_path / "cache", still="keep", **QUIET)
    assert (np.asarray(kept.x) == 0).all()


def test_all_fails_the_same_is_said_once(tmp_path, index):
    with pytest.raises(MekitError, match="6 clips; the first: .*window"): samples(index, cache=tmp_path, **QUIET | dict(params={"window": -3}))


def test_unknown_options_of_the_method_are_refused_before_a_clip_is_opened(index, tmp_path):
    Counted.opened = []
    with pytest.raises(TypeError, match="unknown option 'windw'.*Did you mean 'window'"): samples(Counted(index.entries), cache=tmp_path, **QUIET | dict(params={"windw": 3}))
    assert not Counted.opened


def test_a_folder_that_cannot_be_is_refused_before_a_clip_is_opened(index, tmp_path):
    (tmp_path / "file").write_text("")
    Counted.opened = []
    for cache in ("/proc/nope", tmp_path / "file", tmp_path / "file" / "below", 5):
        with pytest.raises(MekitError, match="samples: expected cache as a folder"): samples(Counted(index.entries), cache=cache, **QUIET)
    assert not Counted.opened and len(samples(index, cache=tmp_path / "new" / "deep", **QUIET)) == 6


KILLED = """
import sys, time
from pathlib import Path
from mekit.motion import inputs, store
inputs.CODE = store.CODE = "test"
from mekit.data.index import read_index, Index
from mekit.motion.samples import samples
class Slow(Index):
    def clip(self, sample, **options):
        if len(list(Path(sys.argv[2]).rglob("*.npy"))) >= 3: print("three", flush=True); time.sleep(60)
        return super().clip(sample, **options)
samples(Slow(read_index(sys.argv[1]).entries), cache=sys.argv[2], crop=False, method="farneback", size=16, progress=False)
"""


def test_killed_and_resumed(index, tmp_path):
    index.to_csv(tmp_path / "index.csv")
    run = subprocess.Popen([sys.executable, "-c", KILLED, tmp_path / "index.csv", tmp_path / "cache"], stdout=subprocess.PIPE, text=True)
    assert run.stdout.readline().strip() == "three"
    run.send_signal(signal.SIGKILL)
    run.wait()
    rest, n = opened(index, tmp_path / "cache")
    assert n == 3 and same(arrays_of(rest), arrays_of(samples(index, cache=tmp_path / "fresh", **QUIET)))


@pytest.mark.slow
def test_processes_share_a_store(index, tmp_path):
    index.to_csv(tmp_path / "index.csv")
    code = KILLED.replace(">= 3", ">= 999")
    runs = [subprocess.Popen([sys.executable, "-c", code, tmp_path / "index.csv", tmp_path / "cache"]) for _ in range(2)]
    assert [r.wait() for r in runs] == [0, 0]
    found, n = opened(index, tmp_path / "cache")
    assert n == 0 and same(arrays_of(found), arrays_of(samples(index, cache=tmp_path / "fresh", **QUIET)))
    assert not [f for f in (tmp_path / "cache").rglob(".*")]


def test_runs_share_a_process(index, tmp_path):
    "Two runs at once in threads: the same arrays, and afterwards warnings go where they went before"
    from concurrent.futures import ThreadPoolExecutor
    import warnings
    before = warnings.showwarning, list(warnings.filters)
    with ThreadPoolExecutor(4) as pool: found = list(pool.map(lambda _: samples(index, cache=tmp_path, workers=2, **QUIET), range(4)))
    assert all(same(arrays_of(f), arrays_of(found[0])) and f.notes == found[0].notes for f in found)
    assert (warnings.showwarning, list(warnings.filters)) == before


def test_a_progress_that_fails_ends_the_run_and_the_listening(index, tmp_path):
    import warnings
    before = warnings.showwarning
    def told(done, total): raise RuntimeError("the bar fell down")
    with pytest.raises(RuntimeError, match="fell down"): samples(index, cache=tmp_path, **QUIET | dict(progress=told))
    assert warnings.showwarning is before


def test_interrupt_passes_and_nothing_is_lost(index, tmp_path):
    class Stopped(Counted):
        def clip(self, sample, **options):
            if len(self.opened) == 2: raise KeyboardInterrupt
            return super().clip(sample, **options)
    for workers in (1, 2):
        Counted.opened = []
        with pytest.raises(KeyboardInterrupt): samples(Stopped(index.entries), cache=tmp_path / str(workers), workers=workers, **QUIET)
        _, n = opened(index, tmp_path / str(workers))
        assert n <= 4


def test_progress_and_cancel(index, tmp_path):
    class Switch: cancelled = False
    seen = []
    def told(done, total):
        seen.append((done, total))
        Switch.cancelled = done >= 2
    with pytest.warns(MekitWarning, match="4 of 6"): found = samples(index, cache=tmp_path, **QUIET | dict(progress=told), cancel=Switch)
    assert seen == [(k, 6) for k in range(1, 7)] and len(found) == 2 and {p.why for p in found.aside} == {"not computed: the run was cancelled"}


def test_purge_takes_one_database(index, tmp_path):
    samples(index, cache=tmp_path, **QUIET)
    assert purge("lab", cache=tmp_path) > 0 and not (tmp_path / "lab").exists() and len(list((tmp_path / "field").glob("*.npy"))) == 2
    assert opened(index, tmp_path)[1] == 4


def test_cache_folder_is_the_users(index, tmp_path, monkeypatch):
    monkeypatch.setenv("MEKIT_CACHE", str(tmp_path))
    samples(index, **QUIET)
    assert sorted(p.name for p in (tmp_path / "samples").iterdir()) == ["field", "lab"]


def test_memory_does_not_grow_with_the_index(recordings, tmp_path):
    "Peak of what Python and NumPy allocate, for 12 and for 48 samples"
    import tracemalloc
    def peak(n):
        entries = [entry(recordings / f"clip{k % 6}", k) for k in range(n)]
        tracemalloc.start()
        samples(Index(entries), cache=tmp_path / str(n), **QUIET | dict(size=256, what="frames"))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most
    peak(3)
    small, large = peak(12), peak(48)
    assert large < small + 36 * 2 * 3 * 256 * 256 / 4      # a quarter of what holding the arrays would cost


# ---- kinds, targets, datasets

def test_window(index, tmp_path):
    found = samples(index, cache=tmp_path, kind="window", what=("flow", "frames"), **QUIET)
    assert found.names == ("flow", "onset", "apex", "window_apex")
    for s in found.keys:
        clip, row = index.clip(s), found[s]
        places = {name: [k for k in range(5) if np.array_equal(cv2.resize(np.asarray(clip.frames[k]), (16, 16), interpolation=cv2.INTER_AREA).transpose(2, 0, 1), row[name])] for name in ("onset", "apex", "window_apex")}
        assert places["onset"] == [0] and places["apex"] == [3] and places["window_apex"][0] in (1, 2, 4)
    twice = samples(index, cache=tmp_path, kind="window", what=("frames",), apex_window_k=0, **QUIET)
    assert all(np.array_equal(twice[s]["apex"], twice[s]["window_apex"]) for s in twice.keys)
    frames = found.tensors()["onset"]
    assert frames.dtype == torch.float32 and -1 <= frames.min() < -.2 and .2 < frames.max() <= 1


@settings(max_examples=60, deadline=None)
@given(onset=st.integers(0, 20), rise=st.integers(1, 30), fall=st.integers(0, 30), k=st.integers(0, 40), seed=st.integers(0, 5))
def test_second_apex_is_near_and_seeded(onset, rise, fall, k, seed):
    apex, last = onset + rise, onset + rise + fall
    chosen = Settings(kind="window", apex_window_k=k, seed=seed)
    second = second_apex("a/b", onset, apex, last, chosen)
    assert onset < second <= last and abs(second - apex) <= k and second == second_apex("a/b", onset, apex, last, chosen)
    assert second != apex or k == 0 or (rise == 1 and fall == 0)


def test_second_apex_is_drawn_for_each_sample():
    one = [second_apex(f"a/{i}", 0, 10, 20, Settings(kind="window", apex_window_k=3)) for i in range(60)]
    other = [second_apex(f"a/{i}", 0, 10, 20, Settings(kind="window", apex_window_k=3, seed=1)) for i in range(60)]
    assert set(one) == set(other) == {7, 8, 9, 11, 12, 13} and one != other


@pytest.mark.parametrize("reference", ["onset", "next"])
@pytest.mark.parametrize("sampling", ["tim", "uniform"])
def test_sequence(reference, sampling, index, tmp_path):
    found = samples(index, cache=tmp_path, kind="sequence", what=("flow", "frames"), n=5, sampling=sampling, reference=reference, **QUIET)
    assert found["flow"].shape == (6, 4, 3, 16, 16) and found["frames"].shape == (6, 5, 3, 16, 16)
    for k, s in enumerate(found.keys):                                               # 5 recorded frames to 5: nothing to interpolate
        step = (1 + k / 2) / 4 * 100 / (.4 * 64)
        expected = step * np.array([1, 2, 3, 4]) if reference == "onset" else step * np.ones(4)
        assert np.median(found[s]["flow"][:, 0], (1, 2)) == pytest.approx(expected, rel=.2)


@pytest.fixture(scope="module")
def faces() -> Index:
    "One drawn face, drawn once"
    index = synthetic_index(1, subjects=1, clips=1, seed=3)
    clip, found = index.clip(index.samples[0]), SyntheticIndex(index.entries)
    clip = clip.replace(frames=np.asarray(clip.frames))
    object.__setattr__(found, "clip", lambda sample, **options: clip)
    return found


ALIGNED = dict(align=True, resolution=96, size=12, n=4, progress=False)


@pytest.mark.parametrize("kind, shape", [("onset-apex", (3, 12, 12)), ("window", (3, 12, 12)), ("sequence", (3, 3, 12, 12))])
def test_aligned_clips_of_every_kind(kind, shape, faces, tmp_path, monkeypatch):
    found = samples(faces, cache=tmp_path, kind=kind, what=("flow", "frames"), **ALIGNED)
    assert len(found) == 1 and found["flow"].item == shape and not found.notes
    crops = samples(faces, cache=tmp_path, kind=kind, **ALIGNED | dict(align=False))
    inner = [np.abs(np.asarray(s["flow"])[..., :2, 3:-3, 3:-3]).mean() for s in (found, crops)]      # around the face the background goes where the head did not
    assert .3 < inner[0] / inner[1] < 3 and found.digest() != crops.digest()
    doubt(monkeypatch, lambda t: np.arange(t) > 0)
    with pytest.raises(MekitError, match="expected aligned frames whose head motion is out.*doubtful"): samples(faces, cache=tmp_path / "new", kind=kind, **ALIGNED)
    said = samples(faces, cache=tmp_path / "new", kind=kind, residual="warn", **ALIGNED)
    assert ["doubtful" in n for notes in said.notes.values() for n in notes] == [True]
    assert samples(faces, cache=tmp_path / "new", kind=kind, residual="accept", **ALIGNED).notes == {}


def doubt(monkeypatch, where):
    "Aligned clips in which these frames (of t) are doubtful"
    real = inputs.align
    def doubted(clip, **options):
        known = real(clip, **options)
        return known.replace(alignment=replace(known.alignment, residual=np.where(where(len(known)), np.inf, known.alignment.residual)))
    monkeypatch.setattr(inputs, "align", doubted)


def test_a_sequence_asks_only_for_the_frames_that_it_is_made_of(faces, tmp_path, monkeypatch):
    doubt(monkeypatch, lambda t: np.arange(t) == 2)
    assert len(samples(faces, cache=tmp_path, kind="sequence", sampling="uniform", **ALIGNED)) == 1      # 4 of some 24 frames: 0, 8, 16, 24
    with pytest.raises(MekitError, match="1 of .* doubtful"): samples(faces, cache=tmp_path, kind="sequence", **ALIGNED)      # tim mixes them all


def test_sequence_needs_its_marks(index, tmp_path):
    e = index.entries[0]
    for changes, words in ((dict(offset=None), "expected an offset mark"), (dict(onset=None), "expected an onset mark")):
        with pytest.raises(MekitError, match=words): samples(Index([replace(e, **changes)]), cache=tmp_path, kind="sequence", **QUIET)
    assert len(samples(Index([replace(e, offset=None)]), cache=tmp_path, kind="sequence", until="apex", n=4, **QUIET)) == 1


def test_targets_follow_the_keys(index, tmp_path):
    found = samples(index, cache=tmp_path, **QUIET)
    y = found.y("aus")
    assert y.shape == (6, 12) and found[list(found.keys[::-1])].y("aus").tolist() == y[::-1].tolist()
    assert found.y([12]).ravel().tolist() == [1, 0, 1, 0, 0, 0]
    assert found.y(sided_target((12, 4))).tolist() == [[1, 0, 0, 0], [0, 0, 1, 1], [0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 1, 1], [0, 0, 0, 0]]
    with pytest.raises(MekitError, match="a class for every sample"): found.y("emotion")
    known = found.labelled("emotion")
    assert len(known) == 4 and known.y("emotion").dtype == np.int64
    assert known[[known.keys[0]]].y("emotion").tolist() == known.y("emotion")[:1].tolist()      # a subset has the classes of the whole


def test_units_by_code_are_the_units_by_number(index, tmp_path):
    found = samples(index, cache=tmp_path, **QUIET)
    for units in (["AU12", "AU4"], ("12", "4"), [parse_au("12"), 4], np.array([12, 4])):
        assert found.y(units).tolist() == found.y([12, 4]).tolist() and found.dataset(units).classes == ("AU12", "AU4") and found.y(units).sum() == 4
        assert found.y(sided_target(units)).tolist() == found.y(sided_target((12, 4))).tolist()
    for units, words in ((["AU12L"], "sided_target"), (["L12"], "sided_target"), (["AU12B"], "sided_target"), (["smile"], "one action unit"), ([True], "one action unit"), ([4, "AU4"], "each once"), ([], "each once")):
        with pytest.raises(MekitError, match=words): found.y(units)
        with pytest.raises(MekitError): found.dataset(units)
        with pytest.raises(MekitError): sided_target(units)


def test_dataset_is_what_a_loader_reads(index, tmp_path):
    found = samples(index, cache=tmp_path, what=("flow", "frames"), **QUIET)
    data = found.dataset([4, 12])
    batch = next(iter(torch.utils.data.DataLoader(data, batch_size=6)))
    assert tuple(batch["sample"]) == found.keys and torch.equal(batch["flow"], found.tensors()["flow"]) and batch["y"].tolist() == found.y([4, 12]).tolist()
    assert "y" not in found.dataset()[0]


def test_choosing_rows(index, tmp_path):
    found = samples(index, cache=tmp_path, **QUIET)
    rows, whole = found.x, np.asarray(found.x)
    assert np.array_equal(rows[[4, 1]], whole[[4, 1]]) and np.array_equal(np.asarray(rows[2:5]), whole[2:5]) and np.array_equal(rows[np.arange(6) % 2 == 0], whole[::2])
    assert rows[[]].shape == (0, 3, 16, 16) and len(Rows([])) == 0 and np.array_equal(np.stack(list(rows)), whole)
    with pytest.raises(MekitError, match="an int, a slice"): rows[[[1]]]
    with pytest.raises(ValueError): rows[0][0, 0, 0] = 1                              # what is stored cannot be changed by accident
    assert found[index.table.database == "field"].keys == found.keys[4:]
    for wrong, words in (([0, 1], "no positions"), ("lab/s9/clip", "unknown sample")):
        with pytest.raises(MekitError, match=words): found[wrong]


@pytest.mark.parametrize("options, words", [
    (dict(kind="windows"), "Did you mean 'window'"), (dict(what=()), "each once"), (dict(what=("flow", "flow")), "each once"), (dict(size=0), "one pixel"), (dict(n=1), "n as a whole"),
    (dict(workers=0), "workers from 1"), (dict(method="tvl"), "unknown method"), (dict(apex_window_k=-1), "apex_window_k"), (dict(crop="yes"), "crop as True"), (dict(params=[1]), "params as a dict"),
    (dict(resolution=True), "resolution as a whole"), (dict(scaling="minmx"), "Did you mean 'minmax'")])
def test_bad_settings_are_refused_before_a_clip_is_opened(options, words, index, tmp_path):
    Counted.opened = []
    with pytest.raises(MekitError, match=words): samples(Counted(index.entries), cache=tmp_path, **QUIET | options)
    assert not Counted.opened


def test_a_private_picture_bears_its_terms(index, tmp_path):
    assert 'data-terms="private"' in samples(index, cache=tmp_path, **QUIET)._repr_html_()


# ---- augmentations

@pytest.fixture(scope="module")
def smile():
    clip = synthesize({"AU12L": 2.}, fps=30, size=128)
    pair = [(clip.label.onset, clip.label.apex)]
    return clip, pair, network_input(flow(clip, pairs=pair), size=56)[0]


def test_mirrored_flow_is_the_flow_of_the_mirrored_clip(smile):
    clip, pair, seen = smile
    there = mirror_clip(clip)
    assert [a.code for a in there.label.aus] == [a.code.replace("L", "R") for a in clip.label.aus]
    for c, x in ((clip, there), (there, clip)):
        exact = [network_input(np.asarray(k.truth.flow[pair[0][1]])[None], iod=k.iod, size=56)[0] for k in (c, x)]
        assert np.abs(mirror_flow(exact[0]) - exact[1]).max() < 1e-5
    error = np.hypot(*(mirror_flow(seen) - network_input(flow(there, pairs=pair), size=56)[0])[:2])
    assert np.percentile(error, 99) < .1 * np.hypot(*seen[:2]).max()
    unit = network_input(flow(clip, pairs=pair), size=56, scaling="minmax")[0]
    mirrored = network_input(np.ascontiguousarray(flow(clip, pairs=pair).uv[..., ::-1]) * np.array([-1, 1], np.float32)[:, None, None], size=56, scaling="minmax")[0]
    assert np.abs(mirror_flow(unit, scaling="minmax") - mirrored).max() < 1e-4
    assert np.allclose(there.truth.landmarks[0, 36], clip.truth.landmarks[0, 45] * (-1, 1) + (127, 0)) and [str(k) for k in there.truth.intensity] == ["AU12R"]


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 99))
def test_mirror_twice_is_nothing(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(2, 3, 9, 12)).astype(np.float32)
    assert np.array_equal(mirror_flow(mirror_flow(x)), x) and np.array_equal(mirror_frames(mirror_frames(x)), x) and mirror_flow(x).shape == x.shape
    aus = tuple(parse_au(c) for c in rng.choice(["L12", "R12B", "4", "L1A", "14"], 3, replace=False))
    assert mirror_aus(mirror_aus(aus)) == aus
    classes, y = ("AU12L", "AU4", "AU12R"), rng.integers(0, 2, 3)
    assert mirror_y(mirror_y(y, classes), classes).tolist() == y.tolist() and mirror_y(y, classes).tolist() == y[[2, 1, 0]].tolist()


@pytest.mark.parametrize("turn", [90, -90, 180])
def test_turned_vectors(turn):
    "Quarter turns of a square picture are exact: vectors go where np.rot90 puts them, and turn"
    x = np.random.default_rng(0).normal(size=(3, 8, 8)).astype(np.float32)
    out, quarter = move_flow(x, turn=turn), np.rot90(x, -turn // 90, (1, 2))
    c, s = round(np.cos(np.deg2rad(turn))), round(np.sin(np.deg2rad(turn)))
    assert np.abs(out[0] - (c * quarter[0] - s * quarter[1])).max() < 1e-3 and np.abs(out[1] - (s * quarter[0] + c * quarter[1])).max() < 1e-3 and np.abs(out[2] - quarter[2]).max() < 1e-3
    assert np.array_equal(move_frames((x * 9).astype(np.uint8), turn=turn), np.rot90((x * 9).astype(np.uint8), -turn // 90, (1, 2)))


def test_turning_keeps_an_expansion_an_expansion():
    y, x = np.mgrid[:41, :41] - 20.
    field = np.stack([x, y, 0 * x]).astype(np.float32)
    assert np.abs((move_flow(field, turn=33) - field)[:, 12:29, 12:29]).max() < .04


@settings(max_examples=30, deadline=None)
@given(n=st.integers(2, 9), amount=st.floats(0, 1), seed=st.integers(0, 99))
def test_time_jitter_keeps_the_ends(n, amount, seed):
    frames = np.random.default_rng(seed).integers(0, 256, (n, 3, 4, 4)).astype(np.uint8)
    out = jitter_time(frames, amount, np.random.default_rng(seed))
    assert out.shape == frames.shape and out.dtype == np.uint8 and np.array_equal(out[[0, -1]], frames[[0, -1]])
    flows = frames[1:].astype(np.float32) - frames[0]
    onset, following = (jitter_time(f, amount, np.random.default_rng(seed), flow=name) for f, name in ((flows, "onset"), (np.diff(flows, axis=0, prepend=0), "next")))
    assert np.abs(onset - following.cumsum(0)).max() < 1e-2 and np.abs(onset[-1] - flows[-1]).max() < 1e-3


def test_augment_is_seeded_by_sample(index, tmp_path):
    found = samples(index, cache=tmp_path, what=("flow", "frames"), **QUIET)
    classes = sided_target((4, 12))
    one, other = found.dataset(classes, augment=Augment(seed=2)), found[list(found.keys[::-1])].dataset(classes, augment=Augment(seed=2))
    for i in range(6): assert all(torch.equal(one[i][k], other[5 - i][k]) for k in ("flow", "onset", "apex", "y"))
    before = [one[i]["flow"] for i in range(6)]
    one.epoch = 1
    assert not any(torch.equal(a, one[i]["flow"]) for i, a in enumerate(before))


def test_augment_changes_nothing_when_told_so(smile):
    nothing = Augment(mirror=0, shift=0, zoom=0, turn=0, gain=(1, 1), noise=0, jitter=0)
    out, y = nothing(dict(flow=smile[2]), np.array([1., 0]), sample="a", classes=("AU12L", "AU12R"))
    assert np.abs(out["flow"] - smile[2]).max() < 1e-5 and y.tolist() == [1, 0]
    sure = Augment(mirror=1, shift=0, zoom=0, turn=0, gain=(1, 1), noise=0)
    out, y = sure(dict(flow=smile[2]), np.array([1., 0]), sample="a", classes=("AU12L", "AU12R"))
    assert np.abs(out["flow"] - mirror_flow(smile[2])).max() < 1e-5 and y.tolist() == [0, 1]
    assert {drawn(Augment(mirror=0), np.random.default_rng(k))[0] for k in range(50)} == {False} and {drawn(Augment(mirror=1), np.random.default_rng(k))[0] for k in range(50)} == {True}


def test_a_moved_minmax_picture_has_rest_at_its_border():
    "Zero is the least of a channel there, and rest is somewhere between; a channel at rest at the border stays so"
    y, x = np.mgrid[:28, :28] - 13.5
    blob = np.exp(-(x**2 + y**2) / 20)
    uv = np.stack([blob, -2 * blob])[None]
    unit, signed = network_input(uv, size=28, scaling="minmax")[0], network_input(uv, size=28, iod=40.)[0]
    rest = unit[:, :1, :1]
    assert rest.ravel() == pytest.approx([0, 1, 0], abs=1e-3)
    still = Augment(turn=0, noise=0, gain=(1, 1), mirror=0, shift=.3, zoom=.3)
    for k in range(4):
        out, _ = still(dict(flow=unit), None, sample=str(k), settings=Settings(scaling="minmax"))
        edge = np.concatenate([out["flow"][:, [0, -1]].reshape(3, -1), out["flow"][:, :, [0, -1]].reshape(3, -1)], 1)
        assert np.median(np.abs(edge - rest[..., 0])) < .02 and out["flow"].min() >= 0 and out["flow"].max() <= 1
    assert np.abs(move_flow(unit, shift=(.2, 0), scaling="minmax")[:, :, :4] - rest).max() < .02 and move_flow(signed, shift=(.2, 0))[:, :, :4].any() == False
    assert np.array_equal(move_flow(unit, scaling="minmax"), unit)


@pytest.mark.parametrize("call, words", [
    (lambda: Augment(reverse=.5), "corners come down"), (lambda: Augment(mirror=2), "probability"), (lambda: Augment(gain=(0, 1)), "positive"), (lambda: Augment(turn=90), "turn from 0 to 45"),
    (lambda: Augment()(dict(flow=np.zeros((3, 8, 8), np.float32)), None, sample="a", settings=Settings(scaling="minmax")), "signed flow"),
    (lambda: Augment(turn=0, noise=0, gain=(1, 1))(dict(flow=np.zeros((4, 3, 8, 8), np.float32)), None, sample="a", settings=Settings(scaling="minmax", kind="sequence")), "jitter=0"),
    (lambda: move_flow(np.zeros((3, 8, 8), np.float32), turn=3, scaling="minmax"), "turn=0"), (lambda: move_flow(np.zeros((3, 8, 8), np.float32), scaling="unit"), "unknown scaling"),
    (lambda: move_frames(np.zeros((3, 8, 8), np.uint8), turn=200), "-180 to 180"),
    (lambda: Augment(mirror=1)(dict(flow=np.zeros((3, 8, 8), np.float32)), np.zeros(1), sample="a", classes=("AU12L",)), "without the other side"),
    (lambda: mirror_flow(np.zeros((4, 8, 8))), "flow picture"), (lambda: move_flow(np.zeros((3, 8, 8), np.float32), zoom=0), "zoom from")])
def test_augment_refuses(call, words):
    with pytest.raises(MekitError, match=words): call()


# ---- a real face

def test_real_face(video, tmp_path):
    "A frown of the shared recording: the face is found, and the brows move more than the chin"
    clip = read_clip(video)[230:250].mark(onset=2, apex=12, offset=18)
    label = replace(clip.label, database="pexels", subject="a", sample="pexels/a/1", onset=None, apex=None, offset=None)
    clip.replace(label=label).save(tmp_path / "clip")
    found = samples(Index([Entry(label, 232, 242, 248, path=tmp_path / "clip")]), cache=tmp_path / "cache", kind="window", what=("flow", "frames"), size=64, progress=False)
    assert found["flow"].shape == (1, 3, 64, 64) and not found.notes and np.hypot(*found.x[0][:2]).max() > .3
