"Spotting: one-to-one hits against every possible matching, sums over videos, and average precision against scikit-learn"
import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, f1_score

from mekit.core import MekitError
from mekit.eval.spotting import Interval, apex_table, overlaps, score_intervals, spot_then_recognise

VIDEOS = ("a", "b", "c")


def span(onset, offset, kind="micro", video="a", **more):
    return Interval(video, onset, offset, kind, **more)


def by_hand(a, b):
    "Frames in both over frames in either, frame by frame"
    x, y = set(range(a.onset, a.offset + 1)), set(range(b.onset, b.offset + 1))
    return len(x & y) / len(x | y)


def most_hits(truth, proposals, least=.5):
    "The largest one-to-one matching, by trying all"
    fits = [[by_hand(p, t) >= least and (p.video, p.kind) == (t.video, t.kind) for t in truth] for p in proposals]
    short, long = (fits, len(truth)) if len(proposals) <= len(truth) else ([list(r) for r in zip(*fits)], len(proposals))
    return max((sum(short[k][j] for k, j in enumerate(order)) for order in itertools.permutations(range(long), len(short))), default=0)


spans = st.tuples(st.integers(0, 12), st.integers(0, 9), st.sampled_from(["micro", "macro"]), st.sampled_from(["a", "b"]), st.sampled_from([.1, .5, .5001, .9])).map(
    lambda v: span(v[0], v[0] + v[1], v[2], v[3], score=v[4], apex=v[0] + v[1] // 2))
crowded = st.tuples(st.integers(0, 4), st.integers(6, 12), st.sampled_from([.1, .2, .2, .4])).map(lambda v: span(v[0], v[0] + v[1], score=v[2]))


@settings(max_examples=60, deadline=None)
@given(st.one_of(*[st.tuples(st.lists(s, max_size=5), st.lists(s, max_size=6)) for s in (spans, crowded)]))
def test_as_many_hits_as_there_can_be(drawn):
    truth, proposals = drawn
    found = score_intervals(truth, proposals, videos=VIDEOS)
    assert len(found.hits) == most_hits(truth, proposals)
    assert len(found.hits) + len(found.missed) == len(truth) and len(found.hits) + len(found.false) == len(proposals)
    assert len({id(t) for t, _, _ in found.hits}) == len({id(p) for _, p, _ in found.hits}) == len(found.hits)
    for t, p, worth in found.hits:
        assert (t.video, t.kind) == (p.video, p.kind) and worth == by_hand(t, p) >= .5
    for kind in ("micro", "macro"):
        assert found.scores(kind)["TP"] == most_hits([t for t in truth if t.kind == kind], [p for p in proposals if p.kind == kind])
    assert all(found.scores()[k] == found.scores("micro")[k] + found.scores("macro")[k] for k in ("TP", "FP", "FN", "truth", "proposals"))


@settings(max_examples=60, deadline=None)
@given(st.lists(spans, max_size=6), st.lists(spans, max_size=8), st.randoms())
def test_the_order_of_rows_changes_no_number(truth, proposals, random):
    one = score_intervals(truth, proposals, videos=VIDEOS)
    random.shuffle(truth), random.shuffle(proposals)
    two = score_intervals(truth, proposals, videos=VIDEOS[::-1])
    assert one.table.equals(two.table) and one.errors().equals(two.errors()) and apex_table(one).equals(apex_table(two))
    assert (one.hits, one.missed, one.false) == (two.hits, two.missed, two.false)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.sampled_from([.1, .2, .5, .7, .9])), min_size=1, max_size=15), st.integers(0, 4))
def test_average_precision_as_scikit_learn(drawn, unfound):
    "Events far apart: the hits are known, and scikit-learn's number only wants the events never found"
    hit, scores = np.array([h for h, _ in drawn]), np.array([s for _, s in drawn])
    proposals = [span(100 * k, 100 * k + 9, score=float(s)) for k, s in enumerate(scores)]
    truth = [span(100 * k, 100 * k + 9) for k in np.flatnonzero(hit)] + [span(100 * k, 100 * k + 9, video="b") for k in range(unfound)]
    found = score_intervals(truth, proposals, videos=VIDEOS).ap("micro")
    if not truth:
        assert math.isnan(found)
    else:
        assert found == pytest.approx(average_precision_score(hit, scores) * hit.sum() / len(truth) if hit.any() else 0)


@settings(max_examples=60, deadline=None)
@given(st.lists(crowded, min_size=1, max_size=4), st.lists(crowded, max_size=6))
def test_average_precision_by_cutting_the_list_at_every_score(truth, proposals):
    ap, recall = 0., 0.
    for least in sorted({p.score for p in proposals}, reverse=True):
        now = score_intervals(truth, [p for p in proposals if p.score >= least], videos=VIDEOS).scores("micro")
        ap, recall = ap + (now["recall"] - recall) * now["precision"], now["recall"]
    assert score_intervals(truth, proposals, videos=VIDEOS).ap("micro") == pytest.approx(ap)


def test_iou_at_its_edges():
    assert overlaps([span(10, 14)], [span(10, 19)])[0, 0] == .5 and len(score_intervals([span(10, 19)], [span(10, 14)], videos=["a"]).hits) == 1
    assert not score_intervals([span(10, 19)], [span(10, 13)], videos=["a"]).hits
    ms = [span(10, end, unit="ms") for end in (19, 14, 14.5)]
    assert not score_intervals(ms[:1], ms[1:2], videos=["a"]).hits and len(score_intervals(ms[:1], ms[2:], videos=["a"]).hits) == 1
    assert overlaps([span(0, 4)], [span(5, 9)])[0, 0] == 0 and overlaps([span(0, 5)], [span(5, 9)])[0, 0] == .1
    assert len(score_intervals([span(0, 9)], [span(3, 12)], videos=["a"], overlap=.5).hits) == 1 and not score_intervals([span(0, 9)], [span(3, 12)], videos=["a"], overlap=.6).hits
    assert overlaps([], [span(0, 1)]).shape == (0, 1)


def test_kind_and_video_must_be_the_same():
    truth = [span(10, 19)]
    for wrong in (span(10, 19, "macro"), span(10, 19, video="b")):
        found = score_intervals(truth, [wrong], videos=VIDEOS)
        assert not found.hits and found.f1() == 0
    assert math.isnan(score_intervals(truth, truth, videos=VIDEOS).f1("macro")) and score_intervals(truth, truth, videos=VIDEOS).f1() == 1


def test_sums_are_over_videos_and_not_means_of_videos():
    truth = [span(100 * k, 100 * k + 9) for k in range(9)] + [span(0, 9, video="b")]
    found = score_intervals(truth, truth[:9] + [span(50, 59, video="b"), span(0, 9, video="c")], videos=VIDEOS)
    assert found.scores()["TP"] == 9 and found.scores()["FP"] == 2 and found.f1() == pytest.approx(18 / 21)


def test_nothing_at_all():
    empty = score_intervals([], [], videos=["a"])
    assert math.isnan(empty.f1()) and math.isnan(empty.ap()) and empty.table["truth"].sum() == 0 and "-" in repr(empty)
    found = score_intervals([span(1, 5)], [], videos=["a"])
    assert found.f1() == 0 == found.ap() and math.isnan(found.scores()["precision"]) and found.errors()["n"].sum() == 0
    assert score_intervals([], [span(1, 5, score=.1)], videos=["a"]).f1() == 0


def test_a_table_with_the_columns_of_an_interval():
    table = pd.DataFrame({"video": ["a", "b"], "onset": [3, 5], "offset": [9, 8], "kind": ["micro", "macro"], "apex": [4, np.nan], "emotion": [1, np.nan], "note": "x"})
    found = score_intervals(table, [span(3, 9, apex=5, emotion=1)], videos=VIDEOS)
    assert found.truth[0] == span(3, 9, apex=4, emotion=1) and found.truth[1].apex is None and found.scores("micro")["TP"] == 1
    assert found.errors().loc["apex"].tolist() == [1, 1, 1] and spot_then_recognise(found, n_classes=3, kind="micro").recognition == pytest.approx(1 / 3)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.booleans(), st.booleans()), min_size=1, max_size=12))
def test_spot_then_recognise_is_a_product(drawn):
    truth = [span(100 * k, 100 * k + 9, emotion=None if other else t) for k, (t, _, _, other) in enumerate(drawn)]
    proposals = [span(100 * k, 100 * k + (9 if hit else 2), emotion=p) for k, (_, p, hit, _) in enumerate(drawn)]
    both = spot_then_recognise(score_intervals(truth, proposals, videos=VIDEOS), n_classes=3)
    named = [(t, p) for t, p, hit, other in drawn if hit and not other]
    hits = sum(hit for _, _, hit, _ in drawn)
    recognition = f1_score(*zip(*named), labels=range(3), average="macro", zero_division=0) if named else 0
    assert both.product == pytest.approx(hits / len(drawn) * recognition) and (both.hits, both.left_out) == (len(named), hits - len(named))


def test_apexes():
    truth = [span(10, 30, apex=20), span(100, 130, apex=110), span(0, 50, "macro", apex=25), span(5, 9, video="b", apex=7), span(60, 70)]
    proposals = [span(22, 22, apex=22), span(95, 95, apex=95), span(40, 44)]
    table = apex_table(score_intervals(truth, proposals, videos=VIDEOS))
    assert table.loc["micro"].tolist() == [3, 2, (2 + 15) / 2, 1 / 3] and table.loc["macro"].isna().tolist() == [False, False, True, False]
    assert table.loc["overall", "events"] == 4 and table.loc["overall", "share inside"] == .25


WRONG = {
    "unknown video": (lambda: score_intervals([span(1, 2)], [span(1, 2, video="z")], videos=["a"]), "1 other: z"),
    "unknown video in truth": (lambda: score_intervals([span(1, 2, video="z")], [], videos=["a"]), "truth in the 1 videos"),
    "no videos": (lambda: score_intervals([], [], videos=[]), "at least one video"),
    "two units": (lambda: score_intervals([span(1, 2)], [span(1, 2, unit="ms")], videos=["a"]), "frames and ms"),
    "no overlap": (lambda: score_intervals([], [], videos=["a"], overlap=0), "above 0"),
    "tuples": (lambda: score_intervals([("a", 1, 2)], [], videos=["a"]), "Interval objects"),
    "a table of something else": (lambda: score_intervals(pd.DataFrame({"x": [1]}), [], videos=["a"]), "columns video"),
    "backwards": (lambda: span(9, 3), "onset <= apex"), "apex outside": (lambda: span(3, 9, apex=12), "onset <= apex"),
    "no onset": (lambda: span(None, 3), "onset <= apex"), "NaN": (lambda: span(1, math.nan, unit="ms"), "finite onset"), "a word": (lambda: span("1", 3), "finite onset"),
    "half a frame": (lambda: span(1, 2.5), "whole frame"), "a kind": (lambda: span(1, 2, "mini"), "unknown kind"), "a unit": (lambda: span(1, 2, unit="s"), "unknown unit"),
    "an emotion by name": (lambda: span(1, 2, emotion="happy"), "class number"), "half an emotion": (lambda: span(1, 2, emotion=.5), "class number"),
    "NaN score": (lambda: span(1, 2, score=math.nan), "finite score"),
    "a kind of score": (lambda: score_intervals([], [], videos=["a"]).f1("all"), "unknown kind"),
    "no scores": (lambda: score_intervals([span(1, 2)], [span(1, 2)], videos=["a"]).ap(), "1 of 1 without"),
    "no emotion": (lambda: spot_then_recognise(score_intervals([span(1, 2, emotion=1)], [span(1, 2)], videos=["a"]), n_classes=3), "1 without: a 1 to 2"),
    "an emotion too high": (lambda: spot_then_recognise(score_intervals([span(1, 2, emotion=1)], [span(1, 2, emotion=3)], videos=["a"]), n_classes=3), "0 to 2"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_says_so(case):
    call, words = WRONG[case]
    with pytest.raises(MekitError, match=words):
        call()


def test_a_challenge_is_scored_whole():
    "500 events and 5,000 proposals in 147 videos"
    rng = np.random.default_rng(0)
    names = [f"v{k}" for k in range(147)]

    def many(n):
        return [span(int(o), int(o) + int(d), rng.choice(["micro", "macro"]), names[v], score=float(rng.random()))
                for o, d, v in zip(rng.integers(0, 7000, n), rng.integers(20, 200, n), rng.integers(0, 147, n))]

    truth, proposals = many(500), many(5_000)
    assert score_intervals(truth, proposals, videos=names).table.loc["overall", "TP"] > 30
