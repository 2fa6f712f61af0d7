"Synthetic databases: independent of what they should be, different where they should be, the same from the same seed"
import json
from collections import Counter

import numpy as np
import pytest

from mekit.core import MekitError
from mekit.data.calibrate import calibrate, read_table
from mekit.data.factorial import FACTORS, MIXED, design, nuisance_grid
from mekit.data.identities import IDENTITIES
from mekit.data.index import combine, read_index
from mekit.data.synthetic import synthesize
from mekit.data.synthetic_sets import COUNTS, DEFECTS, STUDIOS, prevalence_of, remake, synthetic_index
from mekit.labels import CD6ME_AUS

SMALL = dict(n_databases=1, subjects=1, clips=6, identities=range(1))


@pytest.fixture(scope="module")
def large():
    "Labels only: nothing of it is drawn"
    return synthetic_index(6, subjects=10, clips=40, seed=11)


# the plan of a hundred

def test_the_grid_has_a_hundred_clips_one_factor_at_a_time():
    plan = design(0)
    assert len(plan) == 100 == sum(map(len, FACTORS.values())) + MIXED and plan.index.is_unique
    single = plan[(plan.factor != "mixed")].drop(columns=["factor", "level"])
    assert (single.notna().sum(axis=1) <= 2).all() and plan.drop(columns=["factor", "level"]).notna().any().all()
    for factor, rows in FACTORS.items():
        main = [v for k, v in ((next(iter(r)), next(iter(r.values()))) for r in rows) if k in (factor, next(iter(rows[0])))]
        assert main == sorted(main)


def test_a_clip_of_the_grid_logs_what_the_plan_says():
    grid = nuisance_grid(0, {"AU4": 2.0}, size=64, fps=30.0, duration_ms=600)
    for name in ("shift/04", "turn/04", "focus/04", "exposure/00", "mixed/07"):
        log, asked = grid[name].truth.nuisance, grid.nuisance(name)
        assert set(log) == set(asked)
        for k in ("translation", "yaw", "rotation", "focus", "exposure", "noise"):
            if k in asked: assert np.isclose(np.linalg.norm(np.asarray(log[k]).reshape(len(log[k]), -1), axis=1).max(), abs(asked[k]))
    assert grid["rotation/00"].label.sample != grid["rotation/01"].label.sample and len({grid[k].label.sample for k in range(0, 100, 9)}) == 12


def test_mixtures_differ_between_seeds_and_single_factors_do_not():
    a, b = design(0), design(1)
    assert a[a.factor != "mixed"].equals(b[b.factor != "mixed"]) and not a[a.factor == "mixed"].equals(b[b.factor == "mixed"])


# the index

def test_prevalence_is_that_of_cd6me(large):
    for database in large.databases:
        part = large.where(database=database)
        want, got = prevalence_of(STUDIOS[database].after, "cd6me"), part.aus(CD6ME_AUS).mean(0)
        short = np.array([want.get(n, 0) for n in CD6ME_AUS])
        assert np.corrcoef(short, got)[0, 1] > 0.97 and (got >= short - 1.01 / len(part)).all() and (got <= short * 1.9 + 0.02).all()
    pooled = synthetic_index(6, subjects=10, clips=40, seed=11, prevalence="pooled").aus(CD6ME_AUS).reshape(6, 400, -1).mean(1)
    assert np.ptp(pooled, axis=0).max() < 0.04


def test_skin_says_nothing_about_database_or_unit(large):
    tone = np.array([IDENTITIES[e.facts["recipe"]["identity"]].melanin for e in large])
    units, where = large.aus(CD6ME_AUS), np.array([e.database for e in large])
    spread = np.array([[tone[where == d].mean() for d in large.databases] for d in [0]])
    rng = np.random.default_rng(0)
    people = {e.person: t for e, t in zip(large, tone)}
    by_chance = [np.var(rng.permutation(list(people.values())).reshape(6, 10).mean(1)) for _ in range(500)]
    assert np.var(spread) <= np.quantile(by_chance, 0.99)
    for database in large.databases:                # units were dealt to clips at random within a database
        here = where == database
        for column in units[here].T:
            if 10 < column.sum() < here.sum() - 10:
                assert abs(np.corrcoef(tone[here], column)[0, 1]) < 0.2


def test_skin_can_be_confounded_on_request():
    index = synthetic_index(6, subjects=10, clips=1, seed=11, confound="skin")
    tone = np.array([IDENTITIES[e.facts["recipe"]["identity"]].melanin for e in index]).reshape(6, 10)
    assert (np.diff(tone.mean(1)) > 0).all() and tone[0].max() <= tone[1].min()


def test_nobody_is_in_two_databases_and_no_recipe_occurs_twice(large):
    people = {}
    for e in large: people.setdefault(e.person, set()).add(e.database)
    assert len(people) == 60 and all(len(d) == 1 for d in people.values())
    assert len({json.dumps({k: v for k, v in e.facts["recipe"].items() if k != "seed"}, sort_keys=True) for e in large}) == len(large)


def test_databases_differ_in_rate_and_camera(large):
    assert {e.fps for e in large} == {60.0, 200.0, 90.0, 30.0}
    styles = {d: frozenset(large.where(database=d).entries[0].facts["recipe"]["nuisance"]) for d in large.databases}
    assert len(set(styles.values())) == 6


def test_labels_fit_the_frames(large):
    for e in large.entries[::37]:
        n = round(e.facts["recipe"]["duration_ms"] * e.fps / 1000)
        assert 0 <= e.onset < e.apex < e.offset < n and 0.09 < e.duration_ms / 1000 < 0.95 and e.emotion is None


def test_the_same_seed_gives_the_same_index_and_clips():
    a, b, c = (synthetic_index(**SMALL, seed=s) for s in (4, 4, 5))
    assert a.digest() == b.digest() != c.digest()
    sample = a.samples[4]
    assert all(np.array_equal(a[sample].frames[k], b[sample].frames[k]) for k in (0, 9, 20))
    assert not np.array_equal(a[sample].frames[0], a[a.samples[5]].frames[0])


def test_shuffled_rows_change_no_clip():
    index = synthetic_index(**SMALL, seed=4)
    other = index[list(reversed(index.samples))]
    assert type(other) is type(index) and np.array_equal(index[index.samples[1]].frames[3], other[index.samples[1]].frames[3])


def test_written_clips_are_the_made_ones_and_stay_after_a_merge(tmp_path):
    made, kept = synthetic_index(**SMALL, seed=4), synthetic_index(**SMALL, seed=4, folder=tmp_path)
    two = kept[kept.samples[:2]].write()
    for sample in two.samples:
        a, b = made[sample], two[sample]
        assert b.truth is None and np.array_equal(np.asarray(a.frames), np.asarray(b.frames)) and a.label == b.label
    joined = combine(two)
    assert np.array_equal(joined[two.samples[0]].frames[0], two[two.samples[0]].frames[0])
    again = read_index(kept.to_csv(tmp_path / "index.csv"))
    assert remake(again.entry(kept.samples[5])).digest() == made[made.samples[5]].digest()


def test_truth_holds_in_the_clips_of_an_index():
    import cv2
    index = synthetic_index(**SMALL, seed=4)
    clip = index[index.samples[0]]
    quiet = synthesize(**{**index.entry(index.samples[0]).facts["recipe"], "nuisance": {k: v for k, v in index.entry(index.samples[0]).facts["recipe"]["nuisance"].items() if k in ("translation", "rotation", "scale", "yaw", "pitch")}})
    t = clip.label.apex
    y, x = np.mgrid[: clip.shape[0], : clip.shape[1]].astype(np.float32)
    uv = quiet.truth.flow[t]
    back = cv2.remap(quiet.frames[t].astype(np.float32), x + uv[0], y + uv[1], cv2.INTER_CUBIC)
    good = quiet.truth.valid[t] & ~quiet.truth.appearance[t]
    assert np.median(np.abs(back - quiet.frames[quiet.label.onset])[good]) < 1
    assert np.allclose(clip.truth.flow[t], uv)


# planted defects

def test_planted_defects_are_where_they_say_and_nowhere_else():
    clean, dirty = synthetic_index(6, subjects=2, clips=10, seed=2), synthetic_index(6, subjects=2, clips=10, seed=2, defects=dict.fromkeys(DEFECTS, 3))
    changed = {s for s in clean.samples if repr(clean.entry(s)) != repr(dirty.entry(s)) or clean.entry(s).facts != dirty.entry(s).facts}
    assert Counter(p.what for p in dirty.planted) == dict.fromkeys(DEFECTS, 3) and changed == {p.sample for p in dirty.planted} and len(changed) == 27
    for p in dirty.planted:
        old, new = clean.entry(p.sample), dirty.entry(p.sample)
        if p.what == "apex missing": assert new.apex is None
        if p.what == "offset before onset": assert new.offset < new.onset or new.onset < 3
        if p.what == "units of another clip": assert {a.number for a in new.aus} != {a.number for a in old.aus}
        if p.what == "wrong side": assert [a.side for a in new.aus] != [a.side for a in old.aus]
        if p.what == "recorded twice": assert any(new.facts["recipe"] == clean.entry(s).facts["recipe"] for s in clean.samples if s != p.sample)


def test_planted_errors_do_not_end_a_run():
    index = synthetic_index(1, subjects=1, clips=12, identities=range(1), seed=2, defects={k: 1 for k in DEFECTS if k != 'recorded twice'})
    opened = [index[p.sample] for p in index.planted[:4]]
    assert all(len(c) > 3 for c in opened)


@pytest.mark.parametrize("options, message", [
    (dict(n_databases=0), "n_databases from 1 to 6"), (dict(n_databases=True), "n_databases from 1"), (dict(subjects=11), "at most 64 people"), (dict(clips=0), "clips from 1"),
    (dict(prevalence="equal"), "unknown prevalence"), (dict(prevalence={"AU4": 2}), "shares from 0 to 1"), (dict(confound="age"), "confound=None or 'skin'"),
    (dict(defects={"apex": 1}), "unknown defect"), (dict(defects={"apex missing": -1}), "0 or more"), (dict(defects={"apex missing": 999}), "at most one a clip"),
])
def test_wrong_options_are_named(options, message):
    with pytest.raises(MekitError, match=message):
        synthetic_index(**options)


def test_counts_are_cd6me():
    assert {d: sum(r[f"AU{n}"] for n in CD6ME_AUS) for d, r in COUNTS.items()} == dict(casme=217, casme2=363, casme3a=928, mmew=444, samm=168) | {"4dme": 401}


# calibration

class Flow:
    "A flow that says what it is told"
    def __init__(self, size): self.size = size
    def __call__(self, clip, pairs):
        uv = clip.truth.motion[clip.label.apex] * np.float32(self.size)
        return type("Found", (), dict(uv=uv[None]))


class Many:
    "An index of one face's clips under several names"
    def __init__(self, clips, people): self.clips, self.people = clips, people
    def __len__(self): return len(self.clips)
    def __iter__(self): return (type("Row", (), dict(sample=f"private/{k}/secret", aus=c.label.aus, person=p)) for k, (c, p) in enumerate(zip(self.clips, self.people)))
    def __getitem__(self, sample): return self.clips[int(sample.split("/")[1])]


@pytest.fixture(scope="module")
def filmed():
    sizes = np.linspace(1, 4, 9)
    return [synthesize({"AU4": s}, size=96, fps=60.0, duration_ms=800, onset_ms=250, apex_ms=310 + 20 * k, offset_ms=550, nuisance={"noise": 2.0}, seed=k) for k, s in enumerate(sizes)]


def landmarks(frame): return synthesize(size=len(frame), duration_ms=100, fps=60.0).truth.landmarks[0]


def test_calibration_finds_what_was_put_in(filmed, tmp_path):
    table = calibrate(Many(filmed, "abcabcabc"), flow=Flow(1.0), landmarks=landmarks, path=tmp_path / "t.json")
    unit = table["units"]["AU4"]
    true = [np.hypot(*c.truth.motion[c.label.apex]).max() / c.iod * 100 for c in filmed]
    for q in ("q10", "q50", "q90"): assert unit["amplitude_iod_percent"][q] == pytest.approx(np.quantile(true, float(q[1:]) / 100), rel=0.25)
    assert unit["duration_ms"]["q50"] == pytest.approx(300, abs=17) and unit["rise_share"]["q50"] == pytest.approx(140 / 300, abs=0.06)
    assert table["noise_grey_levels"]["q50"] == pytest.approx(2, abs=0.5) and unit["noise_grey_levels"]["clips"] == 9
    assert read_table(tmp_path / "t.json") == json.loads(json.dumps(table))


def test_a_table_holds_no_face_and_no_name(filmed, tmp_path):
    calibrate(Many(filmed, "abcabcabc"), flow=Flow(1.0), landmarks=landmarks, path=tmp_path / "t.json")
    text = (tmp_path / "t.json").read_text()
    assert len(text) < 4000 and not any(word in text for word in ("private", "secret", "identity", "/"))


@pytest.mark.parametrize("count, people", [(4, "abcd"), (9, "ababababa")])
def test_few_clips_or_people_are_left_out(filmed, count, people):
    table = calibrate(Many(filmed[:count], people), flow=Flow(1.0), landmarks=landmarks)
    assert table["units"] == {} and "AU4" in table["left_out"] and table["noise_grey_levels"] is None


def test_the_generator_follows_the_table(filmed):
    table = calibrate(Many(filmed, "abcabcabc"), flow=Flow(1.0), landmarks=landmarks)
    sizes = [synthesize({"AU4": letter}, table=table, size=64, fps=60.0).truth.intensity["AU4"].max() for letter in "ABCDE"]
    assert np.allclose(sizes, [table["units"]["AU4"]["amplitude_iod_percent"][q] for q in ("q10", "q30", "q50", "q70", "q90")])
    assert synthesize({"AU4": "C"}, table=table, size=64, nuisance={"noise": 5.0}).truth.nuisance["noise"][0] == 5
    made = synthetic_index(1, subjects=1, clips=20, identities=range(1), prevalence={4: 1.0}, table=table)
    assert np.median([e.duration_ms for e in made]) == pytest.approx(table["units"]["AU4"]["duration_ms"]["q50"], rel=0.1)


def test_a_clip_that_cannot_be_measured_is_left_out_and_said(filmed):
    broken = [*filmed, filmed[0].mark(onset=None, apex=None, offset=None)]
    def picky(frame):
        picky.calls += 1
        if picky.calls == 2: raise MekitError("no face")
        return landmarks(frame)
    picky.calls = 0
    with pytest.warns(UserWarning, match="1 of 10 clips could not be measured"):
        table = calibrate(Many(broken, "abcabcabca"), flow=Flow(1.0), landmarks=picky)
    assert table["failed"] == 1 and table["units"]["AU4"]["amplitude_iod_percent"]["clips"] == 8


def test_clips_of_one_person_are_no_near_duplicates():
    "Grey levels between any two clips, at onset and apex, on a small copy where grain counts little"
    import cv2
    index = synthetic_index(**SMALL, seed=4)
    small = [np.stack([cv2.resize(c.frames[t].astype(np.float32), (64, 64), interpolation=cv2.INTER_AREA) for t in (c.label.onset, c.label.apex)]) for c in map(index.clip, index.samples)]
    assert min(np.abs(a - b).mean() for k, a in enumerate(small) for b in small[:k]) > 1
