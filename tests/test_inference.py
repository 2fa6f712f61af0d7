"Thresholds that refuse the test, and resampling by subject against brute force and simulation"
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mekit.core import MekitError
from mekit.eval import metrics as m
from mekit.eval.inference import METRICS, Tally, Threshold, bootstrap, fit_threshold, permutation, spread, tally

KEYS = [f"casme2/sub{k:02d}/x" for k in range(40)]


# ---- thresholds

@settings(max_examples=80, deadline=None)
@given(st.integers(1, 15).flatmap(lambda n: st.tuples(arrays(bool, (n, 1)), arrays(float, (n, 1), elements=st.sampled_from([-1., 0., .5, np.nextafter(.5, 1), 2.]) | st.floats(-3, 3)))))
def test_best_f1_and_prevalence_by_trying_every_threshold(drawn):
    t, s = drawn
    keys, every = KEYS[:len(t)], [-np.inf, *np.unique(s), np.inf]
    best = fit_threshold(s, t, keys, policy="best_f1", test=["new"])
    assert m.au_f1(t, best.decide(s, ["new"] + [f"n{k}" for k in range(len(t) - 1)]))[0] == pytest.approx(max(m.au_f1(t, s > v)[0] for v in every))
    level = fit_threshold(s, t, keys, policy="prevalence", test=["new"])
    assert abs((s > level.values).sum() - t.sum()) == min(abs((s > v).sum() - t.sum()) for v in every)
    if not t.any():
        assert best.values[0] == level.values[0] == np.inf and best.positives == (0,)


def test_units_are_chosen_apart_and_a_threshold_lies_between_scores():
    s, t = np.array([[.9, 9], [.5, 1], [.1, 5]]), np.array([[1, 0], [0, 1], [0, 0]], bool)
    found = fit_threshold(s, t, KEYS[:3], policy="best_f1", test=[])
    assert found.values[0] == pytest.approx(.7) and found.values[1] == -np.inf and found.samples == frozenset(KEYS[:3]) and "best_f1 chosen on 3 samples" in repr(found)


@pytest.mark.parametrize("policy", ["prevalence", "best_f1"])
def test_a_sample_on_both_sides_is_refused_at_both_ends(policy):
    s, t = np.arange(6.)[:, None], np.arange(6)[:, None] > 3
    with pytest.raises(MekitError, match="1 on both sides: casme2/sub05/x"):
        fit_threshold(s, t, KEYS[:6], policy=policy, test=KEYS[5:9])
    chosen = fit_threshold(s, t, KEYS[:6], policy=policy, test=KEYS[6:9])
    assert chosen.decide(s[:3], KEYS[6:9]).shape == (3, 1)
    with pytest.raises(MekitError, match="2 on both sides"):
        chosen.decide(s[:3], KEYS[4:7])
    with pytest.raises(MekitError, match="3 sample keys, received none"):
        chosen.decide(s[:3])


def test_fixed_needs_no_data_and_is_strict():
    assert fit_threshold(value=.5).decide(np.array([[.5, .6]])).tolist() == [[False, True]]
    assert fit_threshold(policy="fixed").values == 0


ONE = np.array([[1.], [0.]]), np.array([[1], [0]], bool)
WRONG = {
    "no data": (lambda: fit_threshold(policy="best_f1"), "not all of them"),
    "no test": (lambda: fit_threshold(*ONE, KEYS[:2], policy="best_f1"), "not all of them"),
    "keys twice": (lambda: fit_threshold(*ONE, ["a", "a"], policy="best_f1", test=[]), "each once"),
    "keys too few": (lambda: fit_threshold(*ONE, ["a"], policy="best_f1", test=[]), "2 sample keys"),
    "NaN score": (lambda: fit_threshold(ONE[0] * np.nan, ONE[1], KEYS[:2], policy="best_f1", test=[]), "2 not finite"),
    "truth of another shape": (lambda: fit_threshold(ONE[0], ONE[1][:1], KEYS[:2], policy="best_f1", test=[]), "one shape"),
    "truth of scores": (lambda: fit_threshold(ONE[0], ONE[0] / 2, KEYS[:2], policy="best_f1", test=[]), "True and False"),
    "an unknown policy": (lambda: fit_threshold(policy="prevalance"), "Did you mean 'prevalence'"),
    "no number": (lambda: fit_threshold(value=np.nan), "finite value"),
    "scores of other units": (lambda: Threshold("fixed", np.zeros(3)).decide(ONE[0]), "3 units"),
    "no seeds": (lambda: spread([]), "at least one"), "a seed without a number": (lambda: spread([.1, np.nan]), "1 not finite"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_says_so(case):
    call, words = WRONG[case]
    with pytest.raises(MekitError, match=words):
        call()


def test_one_seed_has_no_spread():
    assert spread([.4]).sd is None and repr(spread([.4])) == "0.4 (one seed)"
    assert spread([1, 2, 4]).sd == pytest.approx(np.std([1, 2, 4], ddof=1)) and "3 seeds" in repr(spread([1, 2, 4]))


# ---- counts by subject

def study(rng, subjects=12, units=3, per=(1, 9), alike=1.):
    who = np.repeat([f"db/s{k:02d}" for k in range(subjects)], rng.integers(*per, subjects))
    at = np.unique(who, return_inverse=True)[1]
    rate = (1 / (1 + np.exp(-(alike * rng.normal(size=(2, subjects, units)) - .5))))[:, at]
    t = rng.random((len(who), units)) < rate[0]
    return t, np.where(rng.random(t.shape) < rate[1] / 2, ~t, t), who


def test_tally_is_the_counts_of_each_subject():
    t, p, who = study(np.random.default_rng(0))
    found = tally(t, p, who)
    for name, four in zip(found.subjects, found.counts):
        assert np.array_equal(four, m.counts(t[who == name], p[who == name]))
    c, d = t @ [1, 1, 1], p @ [1, 1, 1]
    classes = tally(c, d, who, n_classes=4)
    for name, matrix in zip(classes.subjects, classes.counts):
        assert np.array_equal(matrix, m.confusion(c[who == name], d[who == name], n_classes=4))
    assert np.array_equal(tally(t.astype(int), p.astype(int), who).counts, found.counts)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_permuting_the_rows_changes_no_number(seed):
    rng = np.random.default_rng(seed)
    t, p, who = study(rng)
    q, order = np.where(rng.random(t.shape) < .3, ~t, t), rng.permutation(len(who))
    a, b = bootstrap(tally(t, p, who), resamples=50), bootstrap(tally(t[order], p[order], who[order]), resamples=50)
    assert (a.value, a.low, a.high) == (b.value, b.low, b.high)
    one, two = permutation(tally(t, p, who), tally(t, q, who), resamples=99), permutation(tally(t[order], p[order], who[order]), tally(t[order], q[order], who[order]), resamples=99)
    assert (one.a, one.b, one.p) == (two.a, two.b, two.p)


def rows_metric(name, t, p):
    "The metric from rows, not from counts"
    if name.startswith("F1"):
        f1 = m.au_f1(t, p, average=name.split()[1])
        return f1 if "unit" in name else f1.mean()
    if name == "FACS agreement":
        return m.facs_agreement(t, p)
    return getattr(m, name.lower().replace(" ", "_"))(t @ [1, 1, 1], p @ [1, 1, 1], n_classes=4)


@pytest.mark.parametrize("name", METRICS)
def test_bootstrap_by_brute_force(name):
    "Rows of the drawn subjects put together one after the other, and the metric of those rows"
    t, p, who = study(np.random.default_rng(3))
    classes = METRICS[name][0] == "classes"
    table = tally(t @ [1, 1, 1], p @ [1, 1, 1], who, n_classes=4) if classes else tally(t, p, who)
    s, values = len(table.subjects), []
    for times in np.random.default_rng(7).multinomial(s, np.full(s, 1 / s), size=60):
        rows = np.concatenate([np.flatnonzero(who == name) for name, k in zip(table.subjects, times) for _ in range(k)])
        values.append(rows_metric(name, t[rows], p[rows]))
    found = bootstrap(table, metric=name, resamples=60, seed=7)
    assert np.allclose(found.value, rows_metric(name, t, p))
    assert np.allclose([found.low, found.high], np.quantile(values, [.025, .975], axis=0))


def test_subjects_are_drawn_and_not_clips():
    "Two people, one always right and one always wrong: by subject the interval is everything, by clip it is narrow"
    t = np.tile([[True], [False]], (100, 1))
    p = np.where(np.arange(200)[:, None] < 100, t, ~t)
    who = np.repeat(["right", "wrong"], 100)
    by_subject, by_clip = bootstrap(tally(t, p, who)), bootstrap(tally(t, p, np.arange(200)))
    assert (by_subject.low, by_subject.high) == (0, 1) and .4 < by_clip.low < by_clip.high < .6 and by_subject.subjects == 2
    assert "few subjects" in repr(by_subject) and "few" not in repr(by_clip)


def test_any_function_of_counts_and_no_value_at_all():
    t, p, who = study(np.random.default_rng(0))

    def precision(c):
        return c[..., 0, :].sum(-1) / c[..., :2, :].sum((-1, -2))

    found = bootstrap(tally(t, p, who), metric=precision)
    assert found.value == pytest.approx((t & p).sum() / p.sum()) and found.metric == "precision" and found.low < found.value < found.high
    nothing = tally(np.zeros((4, 2), bool), np.zeros((4, 2), bool), list("aabb"))
    with pytest.raises(MekitError, match="NaN in all"):
        bootstrap(nothing, metric="FACS agreement")
    rare = tally(np.array([[True], [False], [False]]), np.array([[True], [False], [False]]), list("abc"))
    assert 0 < bootstrap(rare, metric="FACS agreement").undefined < 1000


# ---- two systems

def all_swaps(t, a, b, who, metric):
    "The two-sided p-value from every arrangement, with rows swapped subject by subject"
    names = np.unique(who)
    seen, hits = metric(t, a) - metric(t, b), 0
    for swap in itertools.product([False, True], repeat=len(names)):
        row = np.array(swap)[np.searchsorted(names, who)][:, None]
        hits += abs(metric(t, np.where(row, b, a)) - metric(t, np.where(row, a, b))) >= abs(seen) - 1e-12
    return hits / 2 ** len(names)


@pytest.mark.parametrize("seed", range(3))
def test_permutation_by_every_arrangement(seed):
    rng = np.random.default_rng(seed)
    t, a, who = study(rng, subjects=7)
    b = np.where(rng.random(t.shape) < .35, ~t, t)
    exact = all_swaps(t, a, b, who, lambda t, p: m.au_f1(t, p).mean())
    found = permutation(tally(t, a, who), tally(t, b, who))
    assert found.exact and found.p == pytest.approx(exact) and found.resamples == 2**found.differ
    drawn = permutation(tally(t, a, who), tally(t, b, who), resamples=30)
    assert not drawn.exact and abs(drawn.p - exact) < .3 and round(float(drawn.p) * 31) == pytest.approx(drawn.p * 31)
    back = permutation(tally(t, b, who), tally(t, a, who))
    assert back.difference == -found.difference and back.p == found.p


def test_p_is_never_zero_and_says_how_small_it_can_be():
    t = np.ones((60, 1), bool)
    best = permutation(tally(t, t, np.arange(60)), tally(t, ~t, np.arange(60)), resamples=199)
    assert best.p == 1 / 200 == best.least
    few = permutation(tally(t, t, np.arange(60) % 3), tally(t, ~t, np.arange(60) % 3))
    assert few.p == .25 == few.least and "p cannot be below 0.25" in repr(few)
    same = permutation(tally(t, t, np.arange(60)), tally(t, t, np.arange(60)))
    assert same.p == 1 and same.differ == 0


def test_by_unit_gives_one_p_each():
    rng = np.random.default_rng(2)
    t, a, who = study(rng, subjects=30)
    b = a.copy()
    b[:, 1] = rng.random(len(t)) < .5
    found = permutation(tally(t, a, who), tally(t, b, who), metric="F1 binary by unit", resamples=499)
    assert found.p.shape == (3,) and found.p[0] == found.p[2] == 1 and found.p[1] < .05


def test_systems_of_other_clips_are_refused():
    t, p, who = study(np.random.default_rng(0))
    others = [tally(t[1:], p[1:], who[1:]), tally(~t, p, who), tally(t, p, [w + "x" for w in who]), tally(t[:, 0].astype(int), p[:, 0].astype(int), who, n_classes=2)]
    for other in others:
        with pytest.raises(MekitError, match="differ in clips, subjects or truth"):
            permutation(tally(t, p, who), other)


# ---- what the numbers claim, over many simulated studies

@pytest.mark.slow
def test_intervals_by_subject_cover_and_by_clip_do_not():
    rng = np.random.default_rng(11)
    goal = m.au_f1(*study(rng, subjects=100_000, per=(2, 16), alike=1.5)[:2]).mean()
    hits = np.zeros(2)
    for k in range(500):
        t, p, who = study(rng, subjects=60, per=(2, 16), alike=1.5)
        for j, group in enumerate((who, np.arange(len(who)))):
            e = bootstrap(tally(t, p, group), resamples=500, seed=k)
            hits[j] += e.low <= goal <= e.high
    assert hits[0] / 500 > .90 and hits[1] / 500 < .85


@pytest.mark.slow
@pytest.mark.parametrize("subjects", [8, 30])
def test_p_values_of_equal_systems_are_uniform(subjects):
    rng, found = np.random.default_rng(5), []
    for k in range(1500):
        t, _, who = study(rng, subjects=subjects)
        at = np.unique(who, return_inverse=True)[1]
        a, b = (np.where(rng.random(t.shape) < rng.beta(1.5, 3, subjects)[at, None], ~t, t) for _ in range(2))
        found.append(permutation(tally(t, a, who), tally(t, b, who), resamples=199, seed=k).p)
    found = np.sort(found)
    for level in (.05, .1, .2, .5):
        assert abs((found <= level).mean() - level) < .03
    assert np.abs(found - (np.arange(1500) + .5) / 1500).max() < .05


def test_tally_says_what_it_holds():
    t, p, who = study(np.random.default_rng(0))
    assert isinstance(tally(t, p, who), Tally) and repr(tally(t, p, who)) == f"Tally({len(t)} clips of 12 subjects, 3 units)"
    with pytest.raises(MekitError, match="Did you mean 'F1 binary'"):
        bootstrap(tally(t, p, who), metric="f1 binary")
    with pytest.raises(TypeError, match="resamples"):
        bootstrap(tally(t, p, who), resample=10)


def test_neighbouring_scores_are_parted():
    "Halfway between two numbers with none between is one of them, and it must be the lower"
    low = .5
    for _ in range(4):
        high = np.nextafter(low, 1)
        s, t = np.array([[low], [high]]), np.array([[False], [True]])
        assert fit_threshold(s, t, KEYS[:2], policy="best_f1", test=[]).decide(s, KEYS[2:4]).tolist() == [[False], [True]]
        low = high


@pytest.mark.parametrize("made, said", [(lambda: Threshold("best_f1", np.zeros(2)), "chosen on, received none"), (lambda: Threshold("best", [0.]), "unknown policy"), (lambda: Threshold("fixed", [np.nan]), "a value a unit"), (lambda: Threshold("fixed", [[0.]]), "a value a unit")])
def test_a_threshold_says_what_it_was_chosen_on(made, said):
    with pytest.raises(MekitError, match=said):
        made()


def test_a_threshold_stays_as_it_is():
    values = np.zeros(2)
    kept = Threshold("fixed", values)
    values[0] = 9
    assert kept.values.tolist() == [0, 0] and not kept.values.flags.writeable and Threshold("fixed", [0., 1.]).decide(np.ones((1, 2))).tolist() == [[True, False]]
