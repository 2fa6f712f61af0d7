"Reports: numbers that keep their protocol, whatever the order of rows, and refuse what would mislead"
import json
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from threading import Thread

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle

from mekit.core import MekitError, cache_dir
from mekit.data.folds import PART, Protocol, Split
from mekit.data.index import Entry, Index
from mekit.data.protocols import CD6ME_CLIPS, CD6ME_POSITIVES, cd6me, megc2019
from mekit.data.splits import kfold, leaky_random_split, leave_database_out, loso
from mekit.eval.inference import Threshold
from mekit.eval.ledger import count_scoring, fold_key, scored_words
from mekit.eval.pages import latex_table
from mekit.eval.report import read_report, report
from mekit.eval.scores import Scores
from mekit.labels import AU, CD6ME_AUS, Label

STSTNET = {"smic": [[54, 10, 6], [17, 30, 4], [14, 1, 28]], "casme2": [[83, 5, 0], [12, 19, 1], [2, 0, 23]], "samm": [[82, 7, 3], [11, 13, 2], [5, 2, 8]]}
WORDS = {"smic": ("negative", "positive", "surprise"), "casme2": ("disgust", "happiness", "surprise"), "samm": ("anger", "happiness", "surprise")}


@pytest.fixture(autouse=True)
def own_ledger(tmp_path, monkeypatch):
    "Every test has a cache of its own; chance is drawn a few times only"
    monkeypatch.setenv("MEKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("mekit.eval.scores.DRAWS", 3)


def entry(k, database="casme2", subject=None, aus=(4,), emotion="disgust", **more):
    subject = subject or f"{k % 4 + 1:02d}"
    return Entry(Label(aus=tuple(AU(n) for n in aus), emotion=emotion, subject=subject, database=database, sample=f"{database}/{subject}/{k:03d}"), **more)


def invented(n=48, seed=0, databases=("casme2", "samm"), **more) -> Index:
    rng = np.random.default_rng(seed)
    return Index([entry(k, databases[k % len(databases)], f"{k // 6 % 4 + 1:02d}", tuple(a for a in CD6ME_AUS if rng.random() < .3 and a != 5) or (4,),
                        str(rng.choice(["happiness", "disgust", "surprise"])), **more) for k in range(n)])


def units(index=None):
    return leave_database_out(index or invented())


def logits(protocol, seed=0, knows=1.5) -> dict:
    rng = np.random.default_rng(seed)
    return {s: knows * (2. * protocol.truth_array([s])[0] - 1) + rng.normal(size=len(protocol.classes)) for s in sorted(protocol.truth)}


def softmax(protocol, seed=0, knows=1.5) -> dict:
    rng = np.random.default_rng(seed)
    return {s: knows * np.eye(len(protocol.classes))[protocol.truth[s]] + rng.normal(size=len(protocol.classes)) for s in sorted(protocol.truth)}


def arrays(r):
    run = r.runs[0]
    return run.truth, run.decision, run.scores


def test_small_units_by_hand():
    "Three clips a person: AU4 in 3 of 6 with one miss and one false alarm, AU12 never said"
    index = Index([entry(k, subject=f"{k // 3 + 1:02d}", aus=a) for k, a in enumerate([(4,), (4, 12), (12,), (4,), (1,), (1,)])])
    p, names = loso(index, target="aus"), [f"AU{n}" for n in CD6ME_AUS]
    said = {s: np.zeros(12) for s in index.samples}
    for k in (0, 1, 4):
        said[index.samples[k]][names.index("AU4")] = 1
    r = report(p, said, scale="decision")
    f1 = r.au_f1()
    assert f1["AU4"] == pytest.approx(2 * 2 / (2 * 2 + 1 + 1)) and f1["AU12"] == 0
    assert r.au_f1(average="macro")["AU12"] == pytest.approx((0 + 2 * 4 / (2 * 4 + 2)) / 2)
    assert r.f1_table().loc["AU4", ["positives", "clips"]].tolist() == [3, 6]
    assert r.floors.loc["always yes", "AU4"] == pytest.approx(2 * 3 / (3 + 6))
    assert len(r.rows) == 6 and set(r.rows.fold) == {s.fold for s in p}


def test_golden_ststnet():
    "The published matrices give UF1, true UAR and macro precision, all and by database"
    entries, answers = [], {}
    for d, m in STSTNET.items():
        pairs = [(t, p) for t in range(3) for p in range(3) for _ in range(m[t][p])]
        for k, (t, p) in enumerate(pairs):
            e = entry(k, d, f"{k % {'smic': 16, 'casme2': 24, 'samm': 28}[d] + 1:02d}", emotion=WORDS[d][t])
            entries.append(e)
            answers[e.sample] = ("negative", "positive", "surprise")[p]
    r = report(megc2019(Index(entries)), answers, verdict="arithmetic")
    assert [round(v, 4) for v in (r.uf1(), r.uar(), r.war(), r.macro_precision())] == [.7353, .7186, .7692, .7605]
    assert r.matrix().tolist() == np.sum(list(STSTNET.values()), 0).tolist()
    assert r.uf1(by="database").round(4).to_dict() == {"casme2": .8382, "samm": .6588, "smic": .6801}
    assert r.uar(by="database").round(4).to_dict() == {"casme2": .8190, "samm": .6415, "smic": .6703}
    claims = {m: r.verdict(f"{m} as published", published=.7605, tolerance=.00005, metric=m).outcome for m in ("UAR", "macro precision")}
    assert claims == {"UAR": "refuted", "macro precision": "reproduced"}
    licensed = replace(r, stamp=r.stamp | {"verdict": "licensed data"})
    assert not any("published" in name for name in r.table().index)
    assert licensed.table().loc["STSTNet (published, not reproduced)", "UAR"] == .7186


@cache
def full_size() -> Index:
    rng, out = np.random.default_rng(0), []
    for d, n in CD6ME_CLIPS.items():
        has = np.stack([rng.permutation(n) < p for p in CD6ME_POSITIVES[d]], 1)
        out += [entry(k, d, str(k % 16 + 1), tuple(a for a, on in zip(CD6ME_AUS, row) if on) or (43,)) for k, row in enumerate(has)]
    return Index(out)


@cache
def whole() -> Protocol:
    return cd6me(full_size())


def test_full_size_constant():
    "Always yes on the published counts: 17.8 binary, 8.9 macro; AU5 is absent in casme and nothing breaks"
    p = whole()
    r = report(p, {s: np.ones(12) for s in p.truth}, scale="decision")
    assert round(100 * r.au_f1().mean(), 1) == 17.8 and round(100 * r.au_f1(average="macro").mean(), 1) == 8.9
    table = r.table()
    assert (table.loc["this report, one seed"].dropna() == table.loc["always yes"].dropna()).all()
    assert table.loc["SSSNet (published, not reproduced)", "F1 macro"] == .683
    assert r.au_f1(by="database").loc["casme", "AU5"] == 0
    heatmap = r.heatmap()
    assert sum(bool(c.get_hatch()) for c in heatmap.axes[0].patches) == 1
    assert [t.get_text() for t in heatmap.axes[0].texts].count("none") == 1


def test_against_scikit_learn():
    r = report(units(), logits(units()), scale="logit")
    truth, decision, scores = arrays(r)
    assert np.allclose(r.au_f1(), oracle.f1_score(truth, decision, average=None, zero_division=0))
    known = [k for k in range(12) if 0 < truth[:, k].sum() < len(truth)]
    assert np.allclose(r.auc().to_numpy()[known], [oracle.roc_auc_score(truth[:, k], scores[:, k]) for k in known])
    assert np.isnan(r.auc()["AU5"])
    p = loso(invented(), target="megc2019")
    c = report(p, softmax(p, knows=1))
    truth, decision, _ = arrays(c)
    assert np.isclose(c.uf1(), oracle.f1_score(truth, decision, labels=[0, 1, 2], average="macro", zero_division=0))
    assert np.isclose(c.uar(), oracle.recall_score(truth, decision, labels=[0, 1, 2], average="macro", zero_division=0))
    assert np.isclose(c.macro_precision(), oracle.precision_score(truth, decision, labels=[0, 1, 2], average="macro", zero_division=0))
    assert np.array_equal(c.matrix(), oracle.confusion_matrix(truth, decision, labels=[0, 1, 2]))


def same(a, b) -> bool:
    "Every number of two reports"
    tables = [(x.table(), x.subjects(), x.worst(5), x.rows) for x in (a, b)]
    for x, y in zip(*tables):
        pd.testing.assert_frame_equal(pd.DataFrame(x), pd.DataFrame(y))
    facts = [{k: v for k, v in x.stamp.items() if k not in ("made", "scored")} for x in (a, b)]
    return facts[0] == facts[1] and a.interval(resamples=20).high == b.interval(resamples=20).high


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.randoms(use_true_random=False), st.sampled_from([leave_database_out, loso]), st.sampled_from([(0,), (1, 2)]))
def test_order_changes_no_number(random, kind, seeds):
    "Rows of the index, rows and columns of the predictions, seeds: in any order"
    index, target = invented(24), "aus" if kind is leave_database_out else "megc2019"
    shuffled = Index(random.sample(list(index), len(index)))
    p, q = kind(index, target=target), kind(shuffled, target=target)
    make, options = (logits, {"scale": "logit"}) if target == "aus" else (softmax, {})
    runs = {s: make(p, s) for s in seeds}
    def table(said):
        t = pd.DataFrame(said, index=p.classes).T
        return t.loc[random.sample(list(t.index), len(t)), random.sample(list(t.columns), len(p.classes))]
    other = {s: table(runs[s]) for s in random.sample(seeds, len(seeds))}
    assert same(report(p, runs, **options), report(q, other, **options))


def test_forms_of_predictions_agree():
    "By sample, by fold, by seed, by column: the same rows"
    p = units()
    said, more = logits(p, 1), logits(p, 2)
    nested = {s.fold: {k: said[k] for k in reversed(s.test)} for s in reversed(list(p))}
    wide = pd.DataFrame(said, index=p.classes).T
    plain = report(p, said, scale="logit", seed=7)
    for form in (nested, {7: said}, {7: nested}, wide, wide.assign(seed=7), wide.assign(fold=[next(s.fold for s in p if k in s.test) for k in wide.index])):
        assert report(p, form, scale="logit", seed=7).rows.equals(plain.rows)
    both = report(p, {7: said, 8: more}, scale="logit")
    assert report(p, [said, more], seed=[7, 8], scale="logit").rows.equals(both.rows)
    assert both.seeds == (7, 8) and both.clips == plain.clips


@pytest.mark.parametrize("spoil, said", [
    (lambda d, s: {k: v for k, v in d.items() if k != s}, "1 missing: {s}"),
    (lambda d, s: d | {"casme2/99/x": d[s]}, "1 others: casme2/99/x"),
    (lambda d, s: d | {s: d[s] * np.nan}, "NaN or infinite for 1 clips: {s}"),
    (lambda d, s: d | {s: d[s] + np.inf}, "NaN or infinite for 1 clips: {s}"),
    (lambda d, s: d | {s: d[s][:3]}, "{s}: expected 12 scores"),
    (lambda d, s: d | {s: None}, "{s}: expected 12 scores"),
    (lambda d, s: list(d.values()), "seed="),
    (lambda d, s: np.stack(list(d.values())), "keyed by sample"),
    (lambda d, s: {}, "missing"),
    (lambda d, s: {"casme2": d}, "folds"),
    (lambda d, s: {"casme2": d, "samm": d}, "too many"),
    (lambda d, s: {"seed one": d}, "whole numbers"),
    (lambda d, s: {True: d}, "whole numbers"),
    (lambda d, s: d | {s: [str(v) for v in d[s]]}, "{s}: expected 12 scores"),
    (lambda d, s: d | {s: d[s] + 1j}, "{s}: expected 12 scores"),
    (lambda d, s: d | {s: d[s][:, None]}, "{s}: expected 12 scores"),
    (lambda d, s: pd.DataFrame(d).T.set_axis([*range(11, -1, -1)], axis=1), "a column for each class"),
    (lambda d, s: {k: 1 / (1 + np.exp(-v)) if k.startswith("samm") else v for k, v in d.items()}, "within 0..1 in fold samm"),
    (lambda d, s: pd.concat([t := pd.DataFrame(d).T, t.iloc[:1]]), "each sample once"),
])
def test_incomplete_predictions_are_refused(spoil, said):
    p = units()
    d = logits(p)
    sample = sorted(d)[3]
    with pytest.raises(MekitError, match=re.escape(said.format(s=sample))):
        report(p, spoil(d, sample), scale="logit")


def test_a_clip_of_several_folds_needs_predictions_by_fold():
    p = units()
    twice = replace(p, splits=(*p.splits, replace(p.splits[0], fold="again")))
    with pytest.raises(MekitError, match="by fold"):
        report(twice, logits(p), scale="logit")
    nested = {s.fold: {k: logits(p)[k] for k in s.test} for s in twice}
    assert report(twice, nested, scale="logit").clips == len(p.index) + len(p.splits[0].test)
    parts = replace(p, splits=tuple(replace(s, fold=f"{s.fold}{PART}x") for s in p.splits))
    with pytest.raises(MekitError, match=r"2 parts: casme2, samm"):
        report(parts, logits(p), scale="logit")


def test_scales_are_stated_and_checked():
    p = units()
    z = logits(p)
    chances = {s: 1 / (1 + np.exp(-v)) for s, v in z.items()}
    assert report(p, chances, scale="probability").table().iloc[0, 0] == report(p, z, scale="logit").table().iloc[0, 0]
    for wrong, scale in ((z, None), (chances, "logit"), (z, "probability"), (chances, "decision"), (z, "logits")):
        with pytest.raises(MekitError, match="scale"):
            report(p, wrong, scale=scale)
    assert "stated by the caller" in report(p, z, scale="logit", threshold=.3).stamp["threshold"]["text"]


def learning(p, side="train", seed=3):
    rng = np.random.default_rng(seed)
    return {s.fold: {k: 2. * p.truth_array([k])[0] + 4 + rng.normal(size=12) for k in getattr(s, side)} for s in p}


def test_test_scores_never_move_a_threshold():
    "Whatever the test clips score, the chosen values stay; choosing on them is refused"
    p = units()
    learn = learning(p)
    chosen = [report(p, logits(p, k, knows), scale="logit", threshold="best_f1", learn=learn).stamp["threshold"]["values"] for k, knows in ((0, 1.5), (1, -9.), (2, 0.))]
    assert chosen[0] == chosen[1] == chosen[2] and len(chosen[0]) == 2
    moved = report(p, logits(p), scale="logit", threshold="best_f1", learn=learning(p, seed=4)).stamp["threshold"]["values"]
    assert moved != chosen[0]
    for bad in ({s.fold: logits(p) for s in p}, {s.fold: {**learn[s.fold], s.test[0]: np.zeros(12)} for s in p}, {s.fold: {k: np.zeros(12) for k in s.test} for s in p}):
        with pytest.raises(MekitError, match="test clips is refused"):
            report(p, logits(p), scale="logit", threshold="best_f1", learn=bad)
    with pytest.raises(MekitError, match="both sides"):
        report(p, logits(p), scale="logit", threshold=Threshold("best_f1", np.zeros(12), frozenset(p.index.samples)))
    with pytest.raises(MekitError, match="Did you mean 'best_f1'"):
        report(p, logits(p), scale="logit", threshold="best_f2", learn=learn)


def test_validation_clips_may_choose():
    p = loso(invented(), target="aus", valid=2)
    r = report(p, logits(p), scale="logit", threshold="prevalence", learn=learning(p, "valid"))
    assert "prevalence" in r.stamp["threshold"]["text"] and len(r.stamp["threshold"]["values"]) == len(p)
    assert {len(v["above"]) for v in r.stamp["threshold"]["values"]} == {12}


def test_the_ledger_counts():
    "Twice is 2; another configuration is another; the name of a protocol does not matter; nothing is forgotten"
    p = units()
    def counts(r): return set(map(tuple, r.stamp["scored"]["folds"].values()))
    assert counts(report(p, logits(p), scale="logit", config={"lr": 1})) == {(1, 1)}
    assert counts(report(p, logits(p, 1), scale="logit", config={"lr": 1})) == {(2, 1)}
    assert counts(report(p, logits(p), scale="logit", config={"lr": 2})) == {(3, 2)}
    assert counts(report(replace(p, name="mine"), logits(p), scale="logit", config={"lr": 2})) == {(4, 2)}
    assert counts(report(p, logits(p), scale="logit", config={"lr": 2}, threshold=.5)) == {(5, 3)}
    assert fold_key({"a": 1, "b": 0}) == fold_key({"b": 0, "a": True}) != fold_key({"a": 1, "b": 1})
    assert (cache_dir("scored") / "ledger.sqlite").stat().st_size > 0
    other = loso(invented(), target="aus")
    assert counts(report(other, logits(other), scale="logit")) == {(1, 1)}
    assert counts(report(other, logits(other), scale="logit")) == {(2, 1)}
    assert counts(report(other, logits(other, 1), scale="logit")) == {(3, 2)}


def test_many_writers_lose_nothing():
    "Eight threads, five scorings each"
    fold = {"f": {"a": 1}}
    threads = [Thread(target=lambda k=k: [count_scoring(fold, f"c{k}") for _ in range(5)]) for k in range(8)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert count_scoring(fold, "last")["folds"]["f"] == [41, 9]


@pytest.mark.parametrize("how", ["no folder", "broken"])
def test_a_ledger_that_cannot_be_kept_stops_nobody(how, tmp_path, monkeypatch):
    place = tmp_path / "place"
    if how == "no folder":
        place.write_text("a file")
    else:
        (place / "scored").mkdir(parents=True)
        (place / "scored" / "ledger.sqlite").write_text("this is no data base " * 99)
    monkeypatch.setenv("MEKIT_CACHE", str(place))
    r = report(units(), logits(units()), scale="logit")
    assert r.stamp["scored"]["folds"] is None and scored_words(r.stamp["scored"]).startswith("not counted (")
    assert "not counted" in r._repr_html_()


def test_round_trip(tmp_path):
    for p, options in ((units(), dict(scale="logit", config={"lr": 1e-4}, pretraining="none")), (loso(invented(), target="megc2019"), {})):
        r = report(p, {s: (logits if p.multilabel else softmax)(p, s) for s in (1, 2)}, **options)
        back = read_report(r.to_json(tmp_path / "r.json"), protocol=p)
        pd.testing.assert_frame_equal(back.rows, r.rows)
        assert back.stamp == r.stamp and repr(back) == repr(r) and back._repr_html_() == r._repr_html_()
        assert same(back, r)
        json.loads((tmp_path / "r.json").read_text(), parse_constant=lambda c: pytest.fail(f"{c} is not JSON"))
        rows = pd.read_csv(r.to_csv(tmp_path / "r.csv"), dtype={"subject": str})
        assert rows["sample"].tolist() == r.rows["sample"].tolist() and json.loads((tmp_path / "r.stamp.json").read_text()) == r.stamp
    with pytest.raises(MekitError, match="the protocol of the report"):
        read_report(tmp_path / "r.json", protocol=units())
    (tmp_path / "x.json").write_text('{"a": 1}')
    with pytest.raises(MekitError, match="written by to_json"):
        read_report(tmp_path / "x.json")


def test_one_row_and_unknown_subject(tmp_path):
    "Clips that name nobody: numbers, but no interval, and the card says why"
    index = Index([replace(e, label=replace(e.label, subject=None)) for e in invented(12)])
    p = units(index)
    r = report(p, logits(p), scale="logit")
    assert "no interval" in r._repr_html_() and "people" in r._repr_html_()
    assert same_table(read_report(r.to_json(tmp_path / "r.json")), r)
    assert r.by_subject() is not None
    with pytest.raises(MekitError, match="a subject for every clip"):
        r.interval()


def same_table(a, b) -> bool:
    return pd.DataFrame(a.table()).equals(pd.DataFrame(b.table()))


def balanced(source: str) -> bool:
    "Braces in pairs, once escaped ones are gone; environments closed in order"
    open_braces, stack = 0, []
    for c in re.sub(r"\\[\\{}%&$#_]", "", source):
        open_braces += (c == "{") - (c == "}")
        assert open_braces >= 0
    for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", source):
        if kind == "begin":
            stack.append(name)
        else:
            assert stack.pop() == name
    return open_braces == 0 and not stack


def test_latex(tmp_path):
    p = replace(units(), name="100 % of smic_vis & {others} #1 ~ ^ \\ $")
    r = report(p, {s: logits(p, s) for s in (1, 2)}, scale="logit")
    source = r.to_latex(tmp_path / "t.tex", label="tab:mine")
    assert (tmp_path / "t.tex").read_text() == source and balanced(source)
    assert r"100 \% of smic\_vis \& \{others\} \#1 \textasciitilde{} \textasciicircum{} \textbackslash{} \$" in source
    assert "one seed" not in source and "mean of 2 seeds" in source and r"$\pm$" in source and "silent" not in source
    wide = len(re.search(r"\\begin\{tabular\}\{([lr]+)\}", source)[1])
    body = [line for line in source.splitlines() if line.endswith(r"\\")]
    assert len(body) == 1 + len(r.table()) and {len(re.findall(r"(?<!\\)&", line)) for line in body} == {wide - 1}
    code = "\n".join(line for line in source.splitlines() if not line.startswith("%"))
    assert not re.search(r"(?<!\\)[%#]", code) and not re.search(r"(?<!\\)_", code)


def test_macro_hides_failure_and_the_constant_shows_it():
    p = units()
    r = report(p, {s: np.full(12, -1.) for s in p.truth}, scale="logit")
    table = r.table()
    assert table.loc["this report, one seed", "F1 binary"] == 0 and table.loc["this report, one seed", "F1 macro"] > .4
    assert table.loc["always no", "F1 macro"] == table.loc["this report, one seed", "F1 macro"]
    assert {"always yes", "always no"} < set(table.index) and any(name.startswith("chance") for name in table.index)


def test_most_frequent_is_learned_from_training_rows():
    "The majority of all rows is known to nobody: each fold has its own"
    emotions = ["disgust"] * 3 + ["happiness"] * 3 + ["disgust"] + ["happiness"] * 2
    index = Index([entry(k, subject=f"{k // 3 + 1:02d}", emotion=w) for k, w in enumerate(emotions)])
    p = loso(index, target="megc2019")
    r = report(p, softmax(p))
    said = {s.fold: p.classes[int(np.argmax(r.stamp["rates"][s.fold]))] for s in p}
    assert said == {"casme2/1": "positive", "casme2/2": "negative", "casme2/3": "negative"}
    assert r.floors.loc["most frequent in training", "WAR"] == pytest.approx(1 / 9)
    assert list(r.floors.index[:3]) == ["most frequent in training", "always negative", "always positive"]


def test_verdicts_stay_apart(tmp_path):
    "Pretend clips are a mechanism; licensed data cannot be claimed of them; published rows stay away"
    p = whole()
    fake = cd6me(Index([replace(e, facts={"pretend": True}) if k == 7 else e for k, e in enumerate(full_size())]))
    zeros = {s: np.zeros(12) for s in p.truth}
    assert report(p, zeros, scale="decision").stamp["verdict"] == "licensed data"
    r = report(fake, zeros, scale="decision")
    assert r.stamp["verdict"] == "mechanism" and not any("published" in n for n in r.table().index) and "silent on any published number" in r._repr_html_()
    with pytest.raises(MekitError, match="verdict='mechanism'"):
        report(fake, zeros, scale="decision", verdict="licensed data")
    (tmp_path / "db" / "sub01").mkdir(parents=True)
    (tmp_path / "db" / "planted.json").write_text("[]")
    q = units(Index([replace(e, path=tmp_path / "db" / "sub01" / str(k)) for k, e in enumerate(invented(8))]))
    assert report(q, logits(q), scale="logit").stamp["verdict"] == "mechanism"


def test_leaks_put_up_a_banner():
    p = leaky_random_split(invented(), target="aus")
    assert "leaks on purpose" in report(p, logits(p), scale="logit")._repr_html_()
    assert "leaks on purpose" in report(p, logits(p), scale="logit").to_latex()
    assert "banner\">" not in report(units(), logits(units()), scale="logit")._repr_html_()


def test_seeds_and_comparisons():
    p = units()
    one, three = report(p, logits(p), scale="logit"), report(p, {s: logits(p, s) for s in (5, 6, 7)}, scale="logit")
    assert "one seed" in repr(one) and one.spread().sd is None and "± sd over seeds" not in one.table().index
    singles = [report(p, logits(p, s), scale="logit").au_f1().mean() for s in (5, 6, 7)]
    assert three.spread().values == pytest.approx(singles) and three.table().loc["± sd over seeds", "F1 binary"] == pytest.approx(np.std(singles, ddof=1))
    assert three.interval(resamples=50).value == pytest.approx(np.mean(singles))
    shuffled = replace(three, rows=three.rows.sample(frac=1, random_state=0))
    assert same_table(shuffled, three) and shuffled.worst(20).equals(three.worst(20)) and shuffled.interval(resamples=20).low == three.interval(resamples=20).low
    for metric in ("F1 macro", "FACS agreement"):
        assert three.interval(metric, resamples=20).value == pytest.approx(three.spread(metric).mean)
    better = report(p, {s: logits(p, s, 6.) for s in (5, 6, 7)}, scale="logit")
    assert better.compare(three, resamples=199).difference > 0
    assert better.compare(better, resamples=19).p == 1
    with pytest.raises(MekitError, match="under one protocol"):
        one.compare(report(q := kfold(invented(), k=2, target="aus"), logits(q), scale="logit"))
    with pytest.raises(MekitError, match="same number of seeds"):
        one.compare(three)
    c = loso(invented(), target="megc2019")
    runs = report(c, {s: softmax(c, s, 1.) for s in (1, 2)})
    assert runs.interval("UAR", resamples=20).value == pytest.approx(runs.uar())
    paired = runs.compare(report(c, {s: softmax(c, s, 3.) for s in (1, 2)}), metric="UF1", resamples=99)
    assert paired.difference < 0 and paired.differ <= paired.subjects == 8


def test_ties_go_to_the_first_class():
    p = loso(invented(), target="megc2019")
    r = report(p, {s: np.zeros(3) for s in p.truth})
    assert set(r.rows.decision) == {"negative"} and "48 ties" in r.stamp["threshold"]["text"]


def test_worst_clips_open_in_the_index():
    p = units()
    said = logits(p, knows=30.)
    bad = sorted(said)[5]
    r = report(p, said | {bad: -said[bad]}, scale="logit")
    assert r.worst(3).index[0] == bad and bad in p.index and len(r.worst(3)) == 3
    c = loso(invented(), target="megc2019")
    said = softmax(c, knows=30.)
    r = report(c, said | {bad: -said[bad]})
    assert r.worst(1).index[0] == bad and r.worst(1).loc[bad, "truth"] != r.worst(1).loc[bad, "decision"]


def test_outputs_hold_no_faces_and_no_paths(tmp_path):
    "Clips are never opened; their folders appear in no file"
    p = units(Index([replace(e, path=Path(f"/nowhere/PRIVATE_FACES/{k}")) for k, e in enumerate(invented(12))]))
    r = report(p, logits(p), scale="logit")
    r.to_json(tmp_path / "a.json"), r.to_csv(tmp_path / "a.csv"), r.to_html(tmp_path / "a.html"), r.to_latex(tmp_path / "a.tex")
    text = "".join(f.read_text(encoding="utf-8-sig") for f in tmp_path.glob("a*"))
    assert "PRIVATE_FACES" not in text and "<script" not in text and "http" not in text
    page = (tmp_path / "a.html").read_text()
    assert page.count("<img") == len(r.figures()) == 2 and "<img" not in r._repr_html_()


def test_names_are_escaped_in_html():
    p = replace(units(), name="<b>&x")
    html = report(p, logits(p), scale="logit", pretraining="<script>alert(1)</script>", config={"<i>": 1})._repr_html_()
    assert "<script" not in html and "<b>&x" not in html and "<i>" not in html and "&lt;b&gt;&amp;x" in html


def test_pictures_leave_nothing_behind():
    before, open_figures = dict(matplotlib.rcParams), plt.get_fignums()
    p, c = units(), loso(invented(), target="megc2019")
    r, k = report(p, logits(p), scale="logit"), report(c, softmax(c))
    for figure in (r.heatmap(average="macro"), k.confusion(), k.by_subject(worst=1)):
        assert isinstance(figure, matplotlib.figure.Figure) and figure.to_png(dpi=40).startswith(b"\x89PNG")
        sizes = [t.get_fontsize() for a in figure.axes for t in a.findobj(matplotlib.text.Text) if t.get_text()]
        assert min(sizes) >= 6
    assert plt.get_fignums() == open_figures and dict(matplotlib.rcParams) == before
    with pytest.raises(MekitError, match="heatmap"):
        r.confusion()


def test_an_option_of_no_meaning_is_a_type_error():
    p = loso(invented(), target="megc2019")
    with pytest.raises(TypeError, match="Did you mean 'threshold'"):
        report(p, softmax(p), treshold=1)
    with pytest.raises(MekitError, match="The highest score decides"):
        report(p, softmax(p), threshold=.5)
    assert isinstance(report(p, softmax(p)), Scores)


@pytest.mark.parametrize("options, said", [(dict(seed="a"), "whole number"), (dict(seed=1.5), "whole number"), (dict(seed=True), "whole number"), (dict(threshold=True), "threshold="), (dict(threshold=np.zeros(12)), "threshold="),
                                           (dict(threshold=np.nan), "finite"), (dict(threshold={"casme2": .5, "samm": .5}), "a Threshold")])
def test_seeds_and_thresholds_of_another_kind_are_refused(options, said):
    with pytest.raises(MekitError, match=said):
        report(units(), logits(units()), scale="logit", **options)


def test_two_runs_have_two_seeds():
    with pytest.raises(MekitError, match="different seeds"):
        report(units(), [logits(units(), 1), logits(units(), 2)], seed=[1, 1], scale="logit")
    p = loso(invented(), target="megc2019")
    with pytest.raises(MekitError, match="a class number"):
        report(p, dict.fromkeys(p.truth, True))


class Lenient(Protocol):
    "Checks nothing"
    checks = ()
    def __post_init__(self): pass


def test_a_report_checks_its_protocol_again():
    p = units()
    clips = p.index.samples
    half = Split(clips[:40], clips[40:], fold="x")
    with pytest.raises(MekitError, match="same person: found"):
        report(Lenient("CD6ME", p.index, (half,), p.classes, p.truth, True, "au_f1"), {s: np.zeros(12) for s in half.test}, scale="decision")
    object.__setattr__(p, "splits", (half,))
    with pytest.raises(MekitError, match="same person: found"):
        report(p, {s: np.zeros(12) for s in half.test}, scale="decision")


def test_configurations_are_told_apart():
    "Whatever moves a decision is another configuration; another seed of a named one is not"
    p = units()
    def tried(said=None, **options):
        return next(iter(report(p, said or logits(p), scale="logit", **options).stamp["scored"]["folds"].values()))[1]
    assert [tried(threshold=v) for v in (.1234567, .1234568, .1234567)] == [1, 2, 2]
    assert [tried(threshold="best_f1", learn=learning(p, seed=k)) for k in (3, 4, 3)] == [3, 4, 4]
    assert [tried(threshold={s.fold: Threshold("fixed", np.full(12, v)) for s in p}, config=1) for v in (.1, .2, .1)] == [5, 6, 6]
    assert [tried(said={s: logits(p, s) for s in seeds}, threshold="best_f1", learn={s: learning(p, seed=s) for s in seeds}, config="mine") for seeds in ((1,), (2,), (1, 2, 3))] == [7, 7, 7]
    long = np.arange(5000.)
    assert [tried(config={"w": pd.DataFrame(long)}), tried(config={"w": pd.DataFrame(np.where(long == 2500, 7, long))})] == [8, 9]


def test_a_threshold_says_whose_it_is():
    p = units()
    said = {s.fold: Threshold("fixed", np.full(12, .1 * k)) for k, s in enumerate(p)}
    text = report(p, logits(p), scale="logit", threshold=said).stamp["threshold"]["text"]
    assert "caller's" in text and "chosen on" not in text
    strange = {f: Threshold("best_f1", t.values, frozenset({"elsewhere/1/a", p[f].train[0]})) for f, t in said.items()}
    assert "chosen on 2 clips that the fold does not test, of which up to 1 are not in its training or validation" in report(p, logits(p), scale="logit", threshold=strange).stamp["threshold"]["text"]
    learned = report(p, logits(p), scale="logit", threshold="best_f1", learn=learning(p)).stamp["threshold"]["text"]
    assert "not in its training" not in learned and "caller" not in learned
    assert "every answer is a no" in report(p, {s: v - 99 for s, v in logits(p).items()}, scale="logit").stamp["threshold"]["text"]


def test_a_number_printed_alone_carries_its_protocol():
    p = units()
    r = report(p, {s: logits(p, s) for s in (1, 2)}, scale="logit")
    for shown in (r, r.spread(), r.spread("F1 macro"), r.interval(resamples=9), r.compare(r, resamples=9), r.table(), r.floors, r.subjects(), r.f1_table()):
        assert "leave one database out" in repr(shown) and "licensed data" in repr(shown), shown
        if hasattr(shown, "_repr_html_"):
            assert "leave one database out" in shown._repr_html_()
    assert repr(r).count("leave one database out") == 1


def test_a_report_that_was_edited_is_not_its_protocols(tmp_path):
    p = units()
    r = report(p, logits(p), scale="logit")
    whole = json.loads(r.to_json(tmp_path / "r.json").read_text())
    for spoil in (lambda rows: rows["truth AU4"].__setitem__(0, not rows["truth AU4"][0]), lambda rows: [column.pop() for column in rows.values()], lambda rows: rows["sample"].__setitem__(0, rows["sample"][1])):
        edited = json.loads(json.dumps(whole))
        spoil(edited["rows"])
        (tmp_path / "e.json").write_text(json.dumps(edited))
        with pytest.raises(MekitError, match="the clips and the truth of the protocol"):
            read_report(tmp_path / "e.json", protocol=p)


def test_published_rows_stand_beside_the_published_counts_only():
    "The name alone is not enough; labels that differ are said"
    p = whole()
    zeros = {s: np.zeros(12) for s in p.truth}
    renamed = report(replace(p, notices=()), zeros, scale="decision")
    assert not any("published" in n for n in renamed.table().index) and "not those counted in print" in renamed._repr_html_()
    other = cd6me(Index([replace(e, label=replace(e.label, aus=())) if k == 0 else e for k, e in enumerate(full_size())]))
    r = report(other, zeros, scale="decision")
    assert any("published" in n for n in r.table().index) and "of 72 counts differ" in r._repr_html_() and "of 72 counts differ" in r.to_latex()


def test_synthetic_clips_recompute_nothing():
    fake = units(Index([replace(e, facts={"pretend": True}) for e in invented(12)]))
    with pytest.raises(MekitError, match="verdict='mechanism'"):
        report(fake, logits(fake), scale="logit", verdict="arithmetic")


def test_people_are_counted_once_under_all_their_names():
    p = loso(invented(), target="aus", people={"casme2/1": "samm/1"})
    r = report(p, logits(p), scale="logit")
    assert r.stamp["protocol"]["people"] == 7 == r.interval(resamples=9).subjects


def test_latex_of_hostile_names():
    "A bracket after a line's end is an optional argument to LaTeX; long heads stand in lines"
    table = pd.DataFrame({"F1 binary, mean of databases": [.5, .25]}, index=["[a] *", "* b\nc"])
    source = latex_table(table, caption="x [y]", rules=(1,))
    assert not re.search(r"(\\\\|\\midrule|\\toprule)\s*[\[*]", source) and "{[}a{]} {*} & 0.500" in source and "{*} b c & 0.250" in source
    assert balanced(source) and r"\shortstack[r]{F1 binary, \\ mean of \\ databases}" in source
