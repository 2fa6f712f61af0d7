"Curves, spotting and fusion: known movements found, what is no movement named, order and units of no account, bad input refused"
import warnings
from dataclasses import replace

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mekit.core import Lazy, MekitError
from mekit.data.annotations import Annotations, Event, Verdict
from mekit.data.clip import Clip, read_clip
from mekit.data.course import hill
from mekit.data.synthetic import synthesize
from mekit.eval.spotting import Interval, score_intervals
from mekit.labels import AU
from mekit.motion.bumps import Scale, bumps
from mekit.motion.curves import Curves, contrast, curves, floor_of
from mekit.motion.directions import EXPRESSIVE, cuts_in, sided
from mekit.motion.fusion import fuse
from mekit.motion.spotting import COLUMNS, apex, spot
from mekit.motion.stream import Cancel

UNITS = tuple(str(u) for u in sided(EXPRESSIVE))


# ---- curves made by hand: what `spot` does with them

def made(events=(), n=600, fps=100., noise=.05, seed=0, drift=0., times=True, numbers=None, **more):
    "Curves with movements (unit, size, onset, apex, offset) in noise"
    values = np.random.default_rng(seed).normal(0, noise, (n, len(UNITS))) + drift * np.arange(n)[:, None] / n
    for unit, size, *marks in events:
        values[:, UNITS.index(unit)] += size * hill(n, *marks)
    plain = dict(head=np.zeros((n, 4)), residual=np.zeros(n), likeness=np.ones(n), eyes=np.full(n, .25))
    numbers = np.arange(n) if numbers is None else np.asarray(numbers)
    return Curves(values, UNITS, numbers, (numbers - numbers[0]) * 1000 / fps if times else None, **{**plain, **more}, title="v")


BROW, SMILE = ("AU4L", 1., 200, 212, 235), ("AU12R", 3., 350, 400, 480)


def marks_of(found): return found.table[["onset", "apex", "offset"]].values.tolist()


def near(found, wanted, tolerance=6):
    return len(found) == len(wanted) and all(abs(a - b) <= tolerance + .12 * (w[-1] - w[-3]) for m, w in zip(marks_of(found), wanted) for a, b in zip(m, w[-3:]))


def test_micro_and_macro_by_how_long_they_last():
    found = spot(made([BROW, SMILE]))
    assert near(found, [BROW, SMILE]) and found.table["kind"].tolist() == ["micro", "macro"] and found.table["video"].tolist() == ["v", "v"]
    assert found.table["units"].tolist()[0].startswith("AU4L") and tuple(found.table.columns) == COLUMNS[:-1]
    assert spot(made([BROW, SMILE]), kind="micro").table["kind"].tolist() == ["micro"] and spot(made([BROW, SMILE]), kind=["macro"]).table["kind"].tolist() == ["macro"]
    slow = spot(made([BROW], fps=40.))
    assert slow.table["kind"].tolist() == ["macro"]                 # the same frames, at 40 a second, last 875 ms


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.floats(.6, 4), st.integers(8, 20), st.integers(8, 24), st.sampled_from(UNITS), st.floats(-3, 3))
def test_a_movement_is_found_on_any_curve_and_any_drift(seed, size, up, down, unit, drift):
    event = (unit, size, 250, 250 + up, 250 + up + down)
    found = spot(made([event], seed=seed, drift=drift))
    best = found.table.sort_values("score").iloc[-1]
    assert abs(best.apex - event[3]) <= 5 and best.kind == "micro" and best.onset < event[3] < best.offset and len(found) <= 2


@settings(max_examples=6, deadline=None)
@given(st.permutations(range(len(UNITS))))
def test_the_order_of_curves_is_of_no_account(order):
    c = made([BROW, SMILE, ("AU17L", .8, 200, 214, 236)])
    mixed = replace(c, values=c.values[:, order], units=tuple(UNITS[k] for k in order))
    one, two = spot(c).rows, spot(mixed).rows
    assert one.drop(columns="units").round(6).equals(two.drop(columns="units").round(6))
    assert [sorted(u.split(", ")) for u in one["units"]] == [sorted(u.split(", ")) for u in two["units"]]


MIXED = {"AU12": {"AU12": 2.4, "AU14": 1.5, "AU20": 1.3, "AU10": 1.2, "AU9": .6, "AU17": .5}, "AU1": {"AU1": 1.9, "AU2": .5, "AU5": .3}, "AU9": {"AU9": 2.8, "AU10": 2.4, "AU12": 1.3, "AU4": .9, "AU6": .8},
         "AU4": {"AU4": 1.9, "AU7": .4}, "AU15": {"AU15": 2.4, "AU25": 2., "AU26": 1.6, "AU20": .3}}      # how far the curves go when one unit does, as on drawn faces


@pytest.mark.parametrize("unit", MIXED)
@pytest.mark.parametrize("sides", ["L", "R", "LR"])
@pytest.mark.parametrize("n", [126, 240, 420])
def test_a_macro_movement_is_named_by_the_units_that_moved(unit, sides, n):
    "Also in a short recording, whose coarse noise holds the movement itself: the curves that hardly move have the least noise there"
    noise = np.random.default_rng(n).uniform(.01, .05, len(UNITS))
    c = made([(f"{u}{s}", size, 30, 60, 96) for u, size in MIXED[unit].items() for s in sides], n=n, fps=60., noise=noise, seed=n)
    row = max(spot(c).rows.itertuples(), key=lambda r: r.offset - r.onset)
    named = dict(u.split() for u in row.units.split(", "))
    most = MIXED[unit][unit]
    assert row.kind == "macro" and {u for u, size in MIXED[unit].items() if size > .6 * most} <= {u[:-1] for u in named} <= {u for u, size in MIXED[unit].items() if size > .4 * most}
    assert {u[-1] for u in named} == set(sides) and next(iter(named))[:-1] == unit and row.height == pytest.approx(most, rel=.15) and float(named[next(iter(named))]) == round(row.height, 1)


def test_a_drawn_smile_is_named_in_two_seconds():
    drawn = synthesize(events=[{"aus": {"AU12": 3.}, "onset_ms": 500, "apex_ms": 1000, "offset_ms": 1600}], duration_ms=2100, fps=60, size=128, nuisance=dict(noise=.5), seed=1)
    row, = spot(drawn, landmarks="truth", progress=False).table.itertuples()
    assert row.kind == "macro" and 2 < row.height < 3 and sorted(u.split()[0] for u in row.units.split(", ")[:2]) == ["AU12L", "AU12R"]


def test_frames_keep_the_numbers_of_the_recording():
    numbers = 5000 + np.arange(600)
    found = spot(made([BROW], numbers=numbers))
    assert near(found, [[m + 5000 for m in BROW[2:]]])
    clip = Clip(Lazy(lambda i: np.zeros((8, 8, 3), np.uint8), 600, (8, 8, 3)), numbers=numbers)
    label = found.mark(clip).label
    assert [label.onset, label.apex, label.offset] == [m - 5000 for m in marks_of(found)[0]]
    with pytest.raises(MekitError, match="holds these frames"):
        found.mark(clip[:150])


def test_dropped_frames_change_neither_place_nor_length():
    whole = made([BROW, SMILE])
    kept = np.setdiff1d(np.arange(600), np.random.default_rng(3).choice(np.arange(1, 599), 90, replace=False))
    less = replace(whole, **{k: getattr(whole, k)[kept] for k in ("values", "numbers", "times", "head", "residual", "likeness", "eyes")})
    found = spot(less)
    assert near(found, [BROW, SMILE], 8) and found.table["kind"].tolist() == ["micro", "macro"] and any("frames were dropped" in n for n in found.notes)


def test_nothing_is_proposed_across_a_cut_or_a_hole():
    step = made()
    step.values[300:310] += 3.
    assert len(spot(step)) == 1 and len(spot(replace(step, cuts=(300,)))) == 0 and len(spot(replace(step, cuts=(310,)))) == 0
    hole = made([BROW])
    hole.values[205:225] = np.nan
    found = spot(hole)
    assert len(found) == 0 and any("No face was recognised in 20 frames (205 to 224)" in n for n in found.notes)
    assert near(spot(replace(made([BROW]), cuts=(100, 400))), [BROW])
    assert any("cut before frame 100, 400" in n for n in spot(replace(made(), cuts=(100, 400))).notes)


def test_what_is_no_expression_is_set_aside_with_a_reason():
    eyes = np.full(600, .25)
    eyes[205:222] = .1
    lids = ("AU7L", 1., 200, 212, 235)
    assert spot(made([lids], eyes=eyes)).flagged["reason"].tolist() == ["blink"] and len(spot(made([lids]))) == 1
    assert len(spot(made([("AU12L", 1., 200, 212, 235)], eyes=eyes))) == 1          # a mouth that moves during a blink is no blink
    head = np.zeros((600, 4))
    head[:, 1] = 40 * hill(600, 190, 212, 250)
    assert spot(made([BROW], head=head)).flagged["reason"].tolist() == ["head"] and len(spot(made([("AU4L", 4., 200, 212, 235)], head=head))) == 1
    like = np.ones(600)
    like[210] = .7
    found = spot(made([BROW], likeness=like))
    assert found.flagged["reason"].tolist() == ["covered"] and len(found) == 0 and "set aside: 1 covered" in repr(found)


def test_rest_steps_slopes_and_short_recordings():
    for c in (made(), made(noise=0.), made(drift=30.), made(noise=1.), *(made(n=n) for n in (2, 3, 5, 9))):
        found = spot(c)
        assert len(found) == 0 and "0 micro, 0 macro" in repr(found)
    assert "<img" in found._repr_html_()
    step = made(noise=.05)
    step.values[300:] += 2 / (1 + np.exp(-(np.arange(300) - 30) / 6))[:, None]
    assert len(spot(step)) == 0


def test_more_is_found_where_less_is_asked():
    c = made([("AU4L", .35, 200, 212, 235), ("AU9L", .22, 400, 412, 430)], noise=.06)
    counts = [len(spot(c, sensitivity=s, least=.05).rows) for s in (2., 3., 5., 9., 30.)]
    assert counts == sorted(counts, reverse=True) and counts[-1] == 0 < counts[0]


def test_between_two_movements_the_opposite_unit_only_comes_back_to_rest():
    c = made([("AU4L", 2., 150, 180, 230), ("AU4L", 2., 290, 320, 370)])
    c.values[:, UNITS.index("AU1L")] -= .8 * (c.values[:, UNITS.index("AU4L")])
    assert len(spot(c)) == 2


def test_a_recording_without_time():
    c = made([BROW], times=False)
    with pytest.raises(MekitError, match="micro and macro differ by how long they last"):
        spot(c)
    assert spot(c, fps=100).table["kind"].tolist() == ["micro"] and spot(c, fps=30).table["kind"].tolist() == ["macro"]
    with pytest.warns(UserWarning, match="fps=50 is not used"):
        spot(made([BROW]), fps=50)
    with pytest.raises(MekitError, match="times that increase"):
        Clip(np.zeros((4, 8, 8, 3), np.uint8), [0., 5., np.nan, 15.], "declared")


def test_tables_go_into_the_scorer():
    found = [spot(replace(made([BROW, SMILE], seed=s), title=f"v{s}")) for s in range(3)]
    truth = [Interval(f"v{s}", e[2], e[4], k, apex=e[3]) for s in range(3) for e, k in ((BROW, "micro"), (SMILE, "macro"))]
    scored = score_intervals(truth, pd.concat([f.table for f in found]), videos=["v0", "v1", "v2"])
    assert scored.f1() == 1 == scored.ap() and scored.errors().loc["apex", "mean absolute (frames)"] < 4


def test_apex_between_marks():
    c = made([("AU4L", 1., 20, 45, 80)], n=100)
    assert abs(apex(c, onset=20, offset=80).table["apex"][0] - 45) <= 3 and marks_of(apex(c, onset=20, offset=80))[0][::2] == [20, 80]
    free = marks_of(apex(c))[0]
    assert abs(free[0] - 20) <= 8 and abs(free[1] - 45) <= 3 and abs(free[2] - 80) <= 12
    assert len(apex(made(n=100, noise=.02))) == 0 and "Nothing between the marks moves" in apex(made(n=100, noise=.02)).notes[0]
    for a, b in ((5, 6), (50, 40), (-1, 20), (0, 100)):
        with pytest.raises(MekitError, match="two frames or more before"):
            apex(c, onset=a, offset=b)


@settings(max_examples=30, deadline=None)
@given(st.floats(-5, 5), st.floats(-.1, .1), st.integers(2, 60))
def test_contrast_is_blind_to_level_and_slope(level, slope, k):
    values = np.random.default_rng(1).normal(size=(200, 2))
    inner = slice(k, 200 - k)
    assert np.allclose(contrast(values, k)[inner], contrast(values + level + slope * np.arange(200)[:, None], k)[inner])


def test_the_floor_is_that_of_the_quiet_part():
    rng = np.random.default_rng(0)
    values = rng.normal(0, .1, (5000, 1))
    assert floor_of(values)[0] == pytest.approx(.1, rel=.06)
    values[:1000] *= 50
    assert floor_of(values)[0] == pytest.approx(.1 * 1.33, rel=.15) and values.std() > 2     # a fifth in turmoil raises it by a third


def test_bumps_do_not_depend_on_where_they_are():
    scale, rng = Scale(12., 250., 500.), np.random.default_rng(0)
    noise = rng.normal(0, .03, 400)
    for at in (100, 180, 250):
        found = bumps((np.roll(noise, at) + hill(400, at, at + 20, at + 50))[:, None], [(0, 399)], scale, 10., 5., .2)
        assert len(found) == 1 and abs(found[0].apex - at - 20) <= 2


# ---- curves read off pictures

@pytest.fixture(scope="module")
def clip(): return synthesize({"AU12L": 2., "AU1": 1.5}, identity=5, duration_ms=800, fps=60, size=112, onset_ms=150, offset_ms=550, nuisance=dict(noise=1.))


@pytest.fixture(scope="module")
def found(clip): return curves(clip, progress=False)


def test_curves_follow_the_truth_and_its_side(clip, found):
    smile = found.at("AU12L") - found.at("AU12L")[0]
    assert np.corrcoef(smile, clip.truth.intensity["AU12L"])[0, 1] > .97 and .5 < smile[clip.label.apex] / 2 < 1.1
    assert np.ptp(found.at("AU12R")) < .25 * np.ptp(smile) and found.at("AU4")[clip.label.apex] < found.at("AU4")[0]
    assert not found.lost.any() and found.cuts == () and len(found) == 48 and found.frame().shape == (48, 2 + len(UNITS))
    proposal = spot(found).table.sort_values("score").iloc[-1]
    assert abs(proposal.apex - clip.label.apex) <= 2 and proposal.kind == "micro"


def test_a_mirrored_face_has_its_curves_exchanged(clip, found):
    mirrored = Clip(np.asarray(clip.frames)[:, :, ::-1].copy(), clip.times, "declared")
    from mekit.anatomy import MIRROR
    points = clip.truth.landmarks[0][MIRROR] * (-1, 1) + (111, 0)
    other, same = curves(mirrored, landmarks=points, units=(1, 12), progress=False), curves(clip, units=(1, 12), landmarks=clip.truth.landmarks[0], progress=False)
    for unit in ("AU12L", "AU12R", "AU1L"):
        swapped = unit[:-1] + {"L": "R", "R": "L"}[unit[-1]]
        assert np.abs(other.at(swapped) - same.at(unit)).max() < .25


def test_the_same_input_gives_the_same_curves(clip, found):
    again = curves(clip, units=(12,), progress=False)
    assert np.allclose(again.at("AU12L"), found.at("AU12L"), atol=1e-5) and np.array_equal(again.head, found.head)


def test_a_resumed_run_gives_the_same_curves(clip, tmp_path):
    stop, options = Cancel(), dict(progress=False, reference_ms=250, units=(1, 12), landmarks=clip.truth.landmarks[0])
    whole = curves(clip, **options)
    def halt(done, total):
        if done >= 30:
            stop.cancel()
    with pytest.warns(UserWarning, match="stopped after 30 of 48"):
        part = curves(clip, **{**options, "progress": halt}, cancel=stop, into=tmp_path / "c.npy")
    assert len(part) == 30 and np.array_equal(part.values, whole.values[:30])
    again = curves(clip, **options, into=tmp_path / "c.npy")
    assert np.array_equal(again.values, whole.values) and np.array_equal(again.head, whole.head)


def test_curves_of_another_recording_or_other_landmarks_are_refused(clip, tmp_path):
    frames, points, options = np.asarray(clip.frames)[:12], clip.truth.landmarks[0], dict(progress=False, units=(12,), into=tmp_path / "c.npy")
    one, other = (Clip(f, clip.times[:12], "declared") for f in (frames, frames[::-1].copy()))
    first = curves(one, landmarks=points, **options)
    assert np.array_equal(curves(one, landmarks=points.copy(), **options).values, first.values)
    for changed, where in ((other, points), (one, points + 1.)):
        with pytest.raises(MekitError, match="this very run"):
            curves(changed, landmarks=where, **options)


def test_a_black_stretch_is_lost_and_not_motion(clip):
    frames = np.asarray(clip.frames).copy()
    frames[5:9] = 0
    dark = curves(Clip(frames, clip.times, "declared"), landmarks=clip.truth.landmarks[0], units=(12,), progress=False)
    assert dark.lost[5:9].all() and not dark.lost[12:].any() and np.abs(dark.at("AU12R")[12:] - dark.at("AU12R")[12]).max() < .4


def test_a_jump_cut_is_named_and_no_expression(clip):
    frames = np.asarray(clip.frames)
    moved = np.stack([cv2.warpAffine(f, np.float32([[1.06, 0, -6], [0, 1.06, 2]]), (112, 112), borderMode=cv2.BORDER_REPLICATE) for f in frames[:20]])
    spliced = curves(Clip(np.concatenate([frames[:12], moved]), np.arange(32) * 1000 / 60, "declared"), landmarks=clip.truth.landmarks[0], progress=False)
    assert spliced.cuts == (12,) and len(spot(spliced)) == 0 and any("cut before frame 12" in n for n in spot(spliced).notes)
    assert not cuts_in(frames).any() and not cuts_in(frames[:1]).any()


def test_no_face_one_frame_and_a_still(clip):
    with pytest.raises(MekitError, match="expected a face, received none in 4 frames"):
        curves(Clip(np.full((4, 96, 96, 3), 90, np.uint8)))
    with pytest.raises(MekitError, match="two frames or more"):
        spot(clip[9:10])
    still = Clip(np.repeat(np.asarray(clip.frames)[:1], 12, axis=0), np.arange(12) * 5., "declared")
    rest = curves(still, landmarks=clip.truth.landmarks[0], progress=False)
    assert np.abs(rest.values).max() < 1e-4 and len(spot(rest)) == 0


def test_thirty_frames_a_second_says_what_is_left(clip):
    notes = spot(curves(clip[1::2], units=(12,), progress=False)).notes
    assert "Too slow for micro timing" in notes[0] and "a frame every 33 ms, so a movement shorter than 100 ms is not seen" in notes[1]


WRONG = {
    "a path": lambda: curves("a.mp4"), "reference": lambda: curves(Clip(np.zeros((4, 8, 8, 3), np.uint8)), reference_ms=-1), "a unit": lambda: curves(Clip(np.zeros((4, 8, 8, 3), np.uint8)), units=[99]),
    "landmarks": lambda: curves(Clip(np.zeros((4, 8, 8, 3), np.uint8)), landmarks=np.zeros((5, 2))), "a detector": lambda: curves(Clip(np.zeros((4, 8, 8, 3), np.uint8)), landmarks="dlib"),
    "truth": lambda: curves(Clip(np.zeros((4, 8, 8, 3), np.uint8)), landmarks="truth"), "kind": lambda: spot(made(), kind="mini"), "sensitivity": lambda: spot(made(), sensitivity=np.nan),
    "fps": lambda: spot(made(times=False), fps=0), "least": lambda: spot(made(), least=-1), "an array": lambda: spot(np.zeros((3, 8, 8, 3))), "row": lambda: spot(made([BROW])).mark(None, 5),
    "a number as kind": lambda: spot(made(), kind=5), "no kind": lambda: spot(made(), kind=[]), "no kind at all": lambda: spot(made(), kind=None), "no proposal": lambda: spot(made()).mark(None), "a curve": lambda: made().at("AU99"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_says_so(case):
    with pytest.raises(MekitError):
        WRONG[case]()


def test_options_of_curves_go_through(clip):
    few = spot(clip, units=(12,), progress=False, landmarks=clip.truth.landmarks[0])
    assert few.curves.units == ("AU12L", "AU12R") and few.table["kind"].tolist() == ["micro"]
    assert len(apex(clip, units=(12,), progress=False)) == 1
    for verb in (spot, apex):
        with pytest.raises(TypeError, match="Did you mean 'landmarks'"):
            verb(clip, landmark="eyes")
        with pytest.raises(MekitError, match="with Curves"):
            verb(made(n=50), method="dis")


@pytest.mark.slow
def test_the_real_video_carries_its_banner(video):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        seen = spot(read_clip(video)[230:340], progress=False)
    assert "Too slow for micro timing" in seen.notes[0] and not seen.curves.lost.any() and np.isfinite(seen.curves.values).all()


# ---- fusion

def coded(rows): return pd.DataFrame(rows, columns=["video", "coder", "onset", "apex", "offset"])


spans = st.tuples(st.sampled_from("ab"), st.sampled_from(["ann", "ben", "cho", "dan"]), st.integers(0, 40), st.integers(0, 12)).map(lambda v: (v[0], v[1], v[2], v[2] + v[3] // 2, v[2] + v[3]))


@settings(max_examples=25, deadline=None)
@given(st.lists(spans, max_size=12, unique=True), st.randoms())
def test_fusion_does_not_depend_on_the_order_of_rows(rows, random):
    one = fuse(coded(rows), least=1, overlap=.4)
    random.shuffle(rows)
    two = fuse(coded(rows), least=1, overlap=.4)
    assert one.table.equals(two.table)
    assert one.table["seen"].sum() == len(rows) and all(len(set(c.split(", "))) == n for c, n in zip(one.table["coders"], one.table["seen"]))
    for e in one.table.itertuples():
        assert e.onset_first <= e.onset <= e.onset_last and e.offset_first <= e.offset <= e.offset_last and e.onset <= e.apex <= e.offset


@settings(max_examples=15, deadline=None)
@given(st.integers(3, 7), st.integers(0, 1000), st.data())
def test_the_median_stands_while_most_are_right(n, seed, data):
    late = data.draw(st.integers(0, (n - 1) // 2))
    rng = np.random.default_rng(seed)
    rows = [("v", f"c{k}", 100 + d, 112 + d, 140 + d) for k in range(n) for d in [int(rng.integers(-2, 3)) + (12 if k < late else 0)]]
    found = fuse(coded(rows), overlap=.2)
    assert len(found) == 1 and abs(int(found.table.onset[0]) - 100) <= 2 and abs(int(found.table.offset[0]) - 140) <= 2 and found.table.score[0] == 1


def test_coders_who_agree_are_one_interval_that_can_be_scored():
    rows = coded([("v", c, 10, 15, 30) for c in "xyz"]).assign(kind="micro")
    found = fuse(rows)
    assert found.table.iloc[0][["onset", "apex", "offset", "kind", "seen", "looked", "score"]].tolist() == [10, 15, 30, "micro", 3, 3, 1.]
    scored = score_intervals(found.table, [Interval("v", 11, 30, "micro")], videos=["v"])
    assert scored.f1() == 1
    assert fuse({"x": rows[:1].drop(columns="coder"), "y": rows[:0].drop(columns="coder")}, looked={"v": ("x", "y")}, least=1).table["looked"].tolist() == [2]


def test_how_many_must_have_seen_it():
    rows = coded([("v", "ann", 10, 15, 30), ("v", "ben", 11, 15, 30), ("v", "cho", 80, 85, 90)])
    assert len(fuse(rows)) == 1 and len(fuse(rows).alone) == 1 and len(fuse(rows, least=1)) == 2 and len(fuse(rows, least=3)) == 0
    assert len(fuse(rows, least=.5, looked={"v": ("ann", "ben", "cho", "dan", "eva")})) == 0


def test_who_is_out_of_step():
    rng = np.random.default_rng(0)
    rows = [("v", c, o + d, o + 10 + d, o + 40 + d) for c in ("ann", "ben", "cho", "late") for o in (0, 100, 200) for d in [int(rng.integers(-1, 2)) + (8 if c == "late" else 0)]]
    out = fuse(coded([*rows, ("v", "ben", 300, 310, 320)])).leave_out()
    assert out["onset: mean"].idxmax() == "late" and out.loc["late", "onset: mean"] == pytest.approx(8, abs=2.5)
    assert out["extra"].tolist() == [0, 1, 0, 0] and out["missed"].tolist() == [0, 0, 0, 0] and out["agreed"].tolist() == [3, 3, 3, 3]


def test_annotations_of_the_annotator():
    table = Annotations((Event("c", "ann", AU(12), 10, 20, 40), Event("c", "ann", AU(6), 11, 21, 44), Event("c", "ben", AU(12), 12, 22, 41), Event("c", "ben", AU(4), 80, 85, 90), Verdict("c", "cho", "none"), Verdict("c", "dan", "skipped")))
    found = fuse(table)
    assert found.table[["onset", "apex", "offset", "seen", "looked"]].values.tolist() == [[11, 21, 43, 2, 3]] and found.table["units"][0] == "AU12+AU6" and found.alone["units"].tolist() == ["AU4"]
    units = fuse(table, by="unit", least=1)
    assert units.table[["onset", "offset", "seen", "units"]].values.tolist() == [[11, 41, 2, "AU12"], [11, 44, 1, "AU6"], [80, 90, 1, "AU4"]]
    assert units.leave_out().loc["ann", "agreed"] == 1


def test_fusion_of_nothing_and_of_nonsense():
    empty = fuse(coded([]))
    assert len(empty) == 0 and "0 events" in repr(empty) and "0 events" in empty._repr_html_()
    for wrong in ("rows", coded([("v", "ann", 9, 5, 3)]), coded([("v", "ann", None, 5, 3)]), pd.DataFrame({"onset": [1]})):
        with pytest.raises(MekitError):
            fuse(wrong)
    with pytest.raises(MekitError, match="two coders"):
        fuse(coded([("v", "ann", 1, 2, 3)]), least=1).leave_out()
    with pytest.raises(MekitError, match="unknown video"):
        fuse(coded([("v", "ann", 1, 2, 3)]), least=1).picture("w")


NO_FUSION = {
    "a video of None": (dict(video=[None]), {}, "a video and a coder in every row"), "a coder of NaN": (dict(coder=[np.nan]), {}, "a video and a coder in every row"),
    "endless": (dict(onset=[-np.inf]), {}, "finite onset"), "an endless apex": (dict(apex=[np.inf]), {}, "finite onset"), "half a frame": (dict(onset=[1.5]), {}, "whole frame numbers"), "half an apex": (dict(apex=[2.5]), {}, "whole frame numbers"),
    "least in words": ({}, dict(least="x"), "least above 0"), "a flag": ({}, dict(least=True), "least above 0"), "overlap in words": ({}, dict(overlap="much"), "overlap above 0"), "NaN": ({}, dict(least=np.nan), "least above 0"),
    "a list of coders": ({}, dict(looked=["ann"]), "looked as a dict"), "one coder in words": ({}, dict(looked={"v": "ann"}), "looked as a dict"),
}


@pytest.mark.parametrize("case", NO_FUSION)
def test_what_cannot_be_fused_says_so(case):
    columns, options, words = NO_FUSION[case]
    with pytest.raises(MekitError, match=words):
        fuse(pd.DataFrame({"video": ["v"], "coder": ["ann"], "onset": [1], "apex": [2], "offset": [3], **columns}), **options)


def test_coders_may_be_numbers_and_an_apex_missing():
    table = pd.DataFrame([("v", 1, 1., np.nan, 9), ("v", 2, 1, 4, 9)], columns=["video", "coder", "onset", "apex", "offset"])
    assert fuse(table).table[["onset", "apex", "offset", "coders"]].values.tolist() == [[1, 4, 9, "1, 2"]]
    assert fuse({k: table[table["coder"] == k] for k in (1, 2)}, looked={"v": (1, 2, 3)}).table["looked"].tolist() == [3]
