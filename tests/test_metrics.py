"Metrics against scikit-learn with the label set fixed, published numbers, and the order of rows"

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics as sk

from mekit.core import MekitError, MekitWarning
from mekit.eval import metrics as m

STSTNET = {    # truth by row; published UF1 and "UAR" (Liong et al. 2019), and the log's matrices
    "Full": ([[219, 22, 9], [40, 62, 7], [21, 3, 59]], .7353, .7605, .7186), "CASME II": ([[83, 5, 0], [12, 19, 1], [2, 0, 23]], .8382, .8686, .8190),
    "SMIC": ([[54, 10, 6], [17, 30, 4], [14, 1, 28]], .6801, .7013, .6703), "SAMM": ([[82, 7, 3], [11, 13, 2], [5, 2, 8]], .6588, .6810, .6415)}
METRICS = ("uf1", "uar", "war", "macro_precision")


def rows_of(matrix):
    "A truth and a prediction with this confusion matrix"
    matrix = np.array(matrix)
    i, j = np.indices(matrix.shape)
    return np.repeat(i.ravel(), matrix.ravel()), np.repeat(j.ravel(), matrix.ravel())


@st.composite
def classes(draw):
    "A fixed label set, of which truth and prediction may use any part"
    n_classes, n = draw(st.integers(2, 6)), draw(st.integers(1, 30))
    used = draw(st.lists(st.integers(0, n_classes - 1), min_size=1, unique=True)), draw(st.lists(st.integers(0, n_classes - 1), min_size=1, unique=True))
    return (*(np.array(draw(st.lists(st.sampled_from(u), min_size=n, max_size=n))) for u in used), n_classes)


@settings(max_examples=40, deadline=None)
@given(classes())
def test_classes_as_scikit_learn_with_the_label_set_fixed(drawn):
    t, p, n = drawn
    fixed = dict(labels=range(n), average="macro", zero_division=0)
    assert np.array_equal(m.confusion(t, p, n_classes=n), sk.confusion_matrix(t, p, labels=range(n)))
    assert m.uf1(t, p, n_classes=n) == pytest.approx(sk.f1_score(t, p, **fixed), abs=1e-12)
    assert m.uar(t, p, n_classes=n) == pytest.approx(sk.recall_score(t, p, **fixed), abs=1e-12)
    assert m.macro_precision(t, p, n_classes=n) == pytest.approx(sk.precision_score(t, p, **fixed), abs=1e-12)
    assert m.war(t, p, n_classes=n) == pytest.approx(sk.accuracy_score(t, p), abs=1e-12)
    assert np.array_equal(m.support(t, n_classes=n), np.bincount(t, minlength=n))


def test_an_absent_class_counts_as_zero_and_scikit_learn_without_labels_drops_it():
    t, p = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1])
    assert m.uf1(t, p, n_classes=3) == pytest.approx(sk.f1_score(t, p, average="macro") * 2 / 3)
    assert m.uar(t, p, n_classes=3) == pytest.approx(.75 * 2 / 3)
    assert m.uf1([0, 0], [2, 0], n_classes=3) == pytest.approx(2 / 3 / 3)
    assert list(m.per_class(m.confusion(t, p, n_classes=3))["support"]) == [2, 2, 0]


def flags(shape):
    return arrays(bool, shape, elements=st.booleans())


pairs = st.tuples(st.integers(1, 25), st.integers(1, 6)).flatmap(lambda shape: st.tuples(flags(shape), flags(shape)))


@settings(max_examples=40, deadline=None)
@given(pairs)
def test_units_as_scikit_learn(pair):
    t, p = pair
    binary = np.array([sk.f1_score(a, b, labels=[0, 1], average=None, zero_division=0) for a, b in zip(t.T.astype(int), p.T.astype(int))])
    assert np.allclose(m.au_f1(t, p), binary[:, 1], atol=1e-12) and np.allclose(m.au_f1(t, p, average="macro"), binary.mean(1), atol=1e-12)
    assert m.counts(t, p).sum(0).tolist() == [len(t)] * t.shape[1]
    facs = m.facs_agreement(t, p)
    assert np.isnan(facs) if not (t | p).any() else facs == pytest.approx(sk.f1_score(t.ravel(), p.ravel()), abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 30).flatmap(lambda n: st.tuples(flags((n, 3)), arrays(float, (n, 3), elements=st.sampled_from([-1., 0., .25, .5, 2.]) | st.floats(-3, 3, width=32)))))
@pytest.mark.filterwarnings("ignore::mekit.core.MekitWarning")
def test_auc_as_scikit_learn_ties_included(drawn):
    t, s = drawn
    for a, b, found in zip(t.T, s.T, m.auc(t, s)):
        assert np.isnan(found) if a.all() or not a.any() else found == pytest.approx(sk.roc_auc_score(a, b), abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 25).flatmap(lambda n: st.tuples(flags((n, 4)), arrays(float, (n, 4), elements=st.sampled_from([0., .2, .4, .4001, .9])), st.lists(st.sampled_from(["casme", "samm", "smic"]), min_size=n, max_size=n), st.permutations(range(n)))))
@pytest.mark.filterwarnings("ignore::mekit.core.MekitWarning")
def test_permuting_the_rows_changes_no_number(drawn):
    t, s, groups, order = drawn
    p, groups, order, c = s > .3, np.array(groups), np.array(order), np.array([len(g) % 4 for g in groups])
    for average in ("binary", "macro"):
        assert np.array_equal(m.au_f1(t, p, average=average), m.au_f1(t[order], p[order], average=average))
        a, b = m.au_f1_by_group(t, p, groups, average=average), m.au_f1_by_group(t[order], p[order], groups[order], average=average)
        assert a.groups == b.groups and np.array_equal(a.f1, b.f1) and np.array_equal(a.pooled, b.pooled) and a.table.equals(b.table)
    assert np.array_equal(m.auc(t, s), m.auc(t[order], s[order]), equal_nan=True)
    assert m.au_table(t, p, scores=s).equals(m.au_table(t[order], p[order], scores=s[order]))
    d = t[:, 0] + 2 * t[:, 1]
    for name in METRICS:
        assert getattr(m, name)(c, d, n_classes=4) == getattr(m, name)(c[order], d[order], n_classes=4)


def test_groups_by_hand():
    rng = np.random.default_rng(1)
    t, p, g = rng.random((200, 5)) < .3, rng.random((200, 5)) < .3, rng.choice(["casme", "casme2", "samm"], 200)
    t[g == "casme", 2] = False
    grouped = m.au_f1_by_group(t, p, g, aus=(1, 2, 5, 6, 7))
    by_hand = {d: m.au_f1(t[g == d], p[g == d]) for d in ("casme", "casme2", "samm")}
    assert np.array_equal(grouped.f1, list(by_hand.values())) and grouped.by_group == {d: pytest.approx(v.mean()) for d, v in by_hand.items()}
    assert grouped.mean_over_groups == pytest.approx(np.mean([v.mean() for v in by_hand.values()])) and grouped.mean == pytest.approx(m.au_f1(t, p).mean())
    assert grouped.without_positives == (("casme", 5),) and grouped.f1[0, 2] == 0 and "casme 5 (0 by definition)" in repr(grouped)
    assert grouped.clips.tolist() == [(g == d).sum() for d in by_hand] and grouped.table.loc["pooled", "clips"] == 200


@pytest.mark.parametrize("name", STSTNET)
def test_the_number_published_as_uar_is_macro_precision(name):
    matrix, f1, printed, recall = STSTNET[name]
    t, p = rows_of(matrix)
    assert np.array_equal(m.confusion(t, p, n_classes=3), matrix)
    assert round(m.uf1(t, p, n_classes=3), 4) == f1 and round(m.macro_precision(t, p, n_classes=3), 4) == printed and round(m.uar(t, p, n_classes=3), 4) == recall
    assert m.from_confusion(matrix) == {k: pytest.approx(getattr(m, k)(t, p, n_classes=3)) for k in METRICS}


def test_the_other_golden_matrix_of_ststnet():
    found = m.from_confusion([[195, 39, 16], [36, 68, 5], [12, 7, 64]])
    assert [round(found[k], 4) for k in ("uf1", "uar", "war")] == [.7209, .7250, .7398]


def test_many_matrices_at_once():
    many = np.array([v[0] for v in STSTNET.values()])
    found = m.from_confusion(many)
    for k in METRICS:
        assert np.allclose(found[k], [m.from_confusion(x)[k] for x in many])


@given(st.lists(st.integers(0, 40), min_size=1, max_size=5), st.integers(40, 60), st.sampled_from(["binary", "macro"]), st.booleans())
def test_the_constant_predictor_is_what_it_says(positives, n, average, value):
    t = np.arange(n)[:, None] < np.array(positives)
    assert np.allclose(m.constant_f1(positives, n, average=average, value=value), m.au_f1(t, np.full_like(t, value), average=average))


def test_tables_out_of_step_are_refused():
    t = pd.DataFrame(np.eye(3, dtype=bool), index=list("abc"), columns=[1, 2, 4])
    assert m.au_f1(t, t.copy()).tolist() == [1, 1, 1] and list(m.au_table(t, t).index) == [1, 2, 4]
    with pytest.raises(MekitError, match="same index"):
        m.au_f1(t, t[::-1])
    with pytest.raises(MekitError, match="same columns"):
        m.au_f1(t, t[[2, 1, 4]])
    with pytest.raises(MekitError, match="same index"):
        m.uf1(t[1].astype(int), t[1].astype(int)[::-1], n_classes=2)


T = np.array([[1, 0], [0, 1]], bool)
WRONG = {
    "probabilities": (lambda: m.au_f1(T, np.array([[.2, .9], [.1, .1]])), "threshold first"),
    "zero and one floats": (lambda: m.au_f1(T, T.astype(float)), "threshold first"),
    "a two": (lambda: m.au_f1(T, T.astype(int) * 2), "from 0 to 2"),
    "objects": (lambda: m.au_f1(T, T.astype(object)), "received object"),
    "one dimension": (lambda: m.au_f1(T[:, 0], T[:, 0]), r"x\[:, None\]"),
    "shapes": (lambda: m.au_f1(T, T[:1]), "one shape"),
    "empty": (lambda: m.au_f1(T[:0], T[:0]), "at least one row"),
    "NaN score": (lambda: m.auc(T, np.array([[0, np.nan], [1, 1.]])), "1 NaN"),
    "infinite score": (lambda: m.auc(T, np.array([[0, np.inf], [1, 1.]])), "finite"),
    "class too high": (lambda: m.uf1([0, 1], [0, 3], n_classes=3), "0 to 2"),
    "class negative": (lambda: m.uf1([0, -1], [0, 1], n_classes=3), "-1 to 0"),
    "class scores": (lambda: m.uf1([0, 1], [.1, .9], n_classes=3), "argmax"),
    "nan class": (lambda: m.uf1([0, 1], [0, np.nan], n_classes=3), "1 NaN"),
    "words": (lambda: m.uf1(["a"], ["b"], n_classes=3), "class numbers"),
    "no rows": (lambda: m.uf1([], [], n_classes=3), "at least one row"),
    "a matrix that is none": (lambda: m.from_confusion([[1, 2]]), "counts"),
    "an empty matrix": (lambda: m.from_confusion([[0, 0], [0, 0]]), "counts"),
    "no matrix": (lambda: m.from_confusion(np.zeros((0, 0))), "counts"),
    "percentages": (lambda: m.from_confusion([[.8, .2], [.5, .5]]), "Percentages"),
    "a negative count": (lambda: m.from_confusion([[1, -1], [0, 2]]), "counts"),
    "too many positives": (lambda: m.constant_f1([5], 4), "0 to n"),
    "a group missing": (lambda: m.au_f1_by_group(T, T, ["casme", None]), "1 missing"),
    "groups too few": (lambda: m.au_f1_by_group(T, T, ["casme"]), "a group for each of 2"),
    "names too few": (lambda: m.au_table(T, T, aus=[1]), "2 names"),
    "support of scores": (lambda: m.support(np.array([[.2]])), "True and False"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_says_so(case):
    call, words = WRONG[case]
    with pytest.raises(MekitError, match=words):
        call()


def test_an_undefined_auc_warns_and_its_support_is_shown():
    with pytest.warns(MekitWarning, match="column 1: 2 of 2 positive"):
        assert np.isnan(m.auc(np.array([[1, 1], [0, 1]], bool), np.ones((2, 2)))[1])
    table = m.au_table(np.array([[1, 1], [0, 1]], bool), T, scores=np.ones((2, 2)))
    assert np.isnan(table["AUC"][1]) and table["positives"][1] == 2 and table["AUC"][0] == .5


def test_verdicts_do_not_mix():
    said = m.Verdict("arithmetic", "UF1", .7353, .73533, 5e-5)
    assert said.outcome == "reproduced" and m.Verdict("licensed data", "UF1", .7353, .7354, 5e-5).outcome == "refuted"
    assert m.Verdict("mechanism", "x", computed=np.bool_(False), basis="noise").outcome == "not supported"
    assert m.verdict_table([said])["verdict"].tolist() == ["reproduced"]
    for wrong in (lambda: m.Verdict("arithmetic", "x"), lambda: m.Verdict("arithmetic", "x", .5, np.nan, .1), lambda: m.Verdict("mechanism", "x", computed=.4, basis="noise"), lambda: m.Verdict("arithmetic", "x", .5, .5, -1),
                  lambda: m.Verdict("mechanism", "x", computed=True), lambda: m.Verdict("mechanism", "x", .5, True, basis="noise"), lambda: m.Verdict("logic", "x"), lambda: m.verdict_table([])):
        with pytest.raises(MekitError):
            wrong()


@pytest.mark.parametrize("kind", ["uint8", "int8", "uint64", "int64"])
def test_class_numbers_of_every_width(kind):
    "No width overflows or turns into floats: 20 classes are 400 cells"
    a = np.arange(20).astype(kind)
    assert np.array_equal(m.confusion(a, a[::-1].copy(), n_classes=20), np.eye(20, dtype=int)[::-1])
