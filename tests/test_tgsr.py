"TGSR: the solver against a direct one, what it keeps, and that nothing depends on the order of rows or groups"
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mekit.core import MekitError, MekitWarning
from mekit.models.tgsr import SIGNS, TGSR, onto_simplex, solve
from mekit.models.tgsr_regions import choose_on_source, choose_on_target_labels_which_leaks, mean_f1, region_boxes, region_features, region_map

SETTINGS = [(rho, mu) for rho in (1.0, 1.05, 1.1, 1.5, 2.0) for mu in (1e-3, 0.1, 10.0)]


def planted(seed, groups=12, width=6, n=60, outputs=3, true_groups=3):
    draws = np.random.default_rng(seed)
    of = np.repeat(np.arange(groups), width)
    chosen = np.sort(draws.choice(groups, true_groups, replace=False))
    weights = draws.normal(size=(groups * width, outputs)) * np.isin(of, chosen)[:, None]
    x = draws.normal(size=(n, groups * width))
    return x, x @ weights, of, chosen, weights


def direct(x, y, groups, kappa, rho, mu, steps, sign):
    "The same iteration with the large inverse written out"
    c = np.zeros((x.shape[1], y.shape[1]))
    p = np.zeros_like(c)
    for _ in range(steps):
        d = np.linalg.solve(mu * np.eye(len(c)) + 2 * x.T @ x, 2 * x.T @ y + p + mu * c)
        z = d - p / mu
        size = np.array([np.linalg.norm(z[groups == g]) for g in range(groups.max() + 1)])
        least = sorted([*size, 0.0], reverse=True)[kappa] if kappa < len(size) else 0.0
        c = np.concatenate([max(0, 1 - least / size[g]) * z[groups == g] for g in range(groups.max() + 1)])
        p = p + sign * mu * (c - d)
        mu *= rho
    return c


@pytest.mark.parametrize("sign", SIGNS)
def test_equals_the_direct_iteration(sign):
    x, y, groups, _, _ = planted(4)
    found = solve(x, y, groups, 3, steps=8, sign=sign, tolerance=0)
    np.testing.assert_allclose(found.weights, direct(x, y, groups, 3, 1.05, 1e-3, 8, SIGNS[sign]), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("rho, mu", SETTINGS)
def test_corrected_keeps_the_true_groups_and_printed_diverges(rho, mu):
    x, y, groups, chosen, _ = planted(0)
    good, bad = (solve(x, y, groups, 3, rho=rho, mu=mu, sign=s) for s in SIGNS)
    assert list(good.kept) == list(chosen) and good.gap[-1] < 1e-5
    assert not bad.converged and bad.gap[-1] > 1e90


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 12))
def test_exactly_kappa_groups(seed, kappa):
    x, y, groups, _, _ = planted(seed)
    noisy = y + np.random.default_rng(seed).normal(size=y.shape)
    found = solve(x, noisy, groups, kappa)
    assert len(found.kept) == kappa or not found.converged
    assert (found.weights.reshape(12, 6, 3)[np.setdiff1d(np.arange(12), found.kept)] == 0).all()


def test_order_of_samples_and_of_groups_does_not_matter():
    x, y, groups, _, _ = planted(2)
    draws = np.random.default_rng(0)
    rows, columns = draws.permutation(len(x)), draws.permutation(x.shape[1])
    base, other = solve(x, y, groups, 3), solve(x[rows][:, columns], y[rows], groups[columns], 3)
    np.testing.assert_allclose(other.weights, base.weights[columns], atol=1e-6)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6))
def test_simplex(seed, c):
    z = 3 * np.random.default_rng(seed).normal(size=(7, c))
    found = onto_simplex(z)
    assert (found >= 0).all() and np.allclose(found.sum(1), 1)
    others = np.random.default_rng(seed).dirichlet(np.ones(c), size=200)
    away = np.linalg.norm(others[:, None] - z, axis=2).min(0)
    assert (np.linalg.norm(found - z, axis=1) <= away + 1e-9).all()
    assert (found[np.arange(7), z.argmax(1)] == found.max(1)).all()


def test_recogniser_learns_names_and_refuses_nonsense():
    draws = np.random.default_rng(0)
    labels = np.repeat(["brow", "lip"], 30)
    x = draws.normal(size=(60, 4, 3))
    x[:, 1] += np.where(labels == "lip", 1.5, -1.5)[:, None]
    order = draws.permutation(60)
    model, shuffled = TGSR(1, 0.1).fit(x, labels, x[:20]), TGSR(1, 0.1).fit(x[order], labels[order], x[:20])
    assert list(model.solution.kept) == [1] and mean_f1(labels, model.predict(x)) > 0.85
    assert (model.predict(x) == shuffled.predict(x)).all()
    for bad in (lambda: model.predict(x[:, :3]), lambda: TGSR().predict(x), lambda: TGSR(1).fit(x, labels[:5]), lambda: TGSR(1).fit(x, ["a"] * 60),
                lambda: TGSR(5).fit(x, labels), lambda: TGSR(1, -1.0).fit(x, labels), lambda: TGSR(1).fit(np.full_like(x, np.nan), labels)):
        with pytest.raises(MekitError):
            bad()
    with pytest.warns(MekitWarning, match="not converged"):
        TGSR(1, 0.1, dict(steps=2)).fit(x, labels)


def test_source_only_choice_never_sees_target_labels_and_holds_people_out(monkeypatch):
    draws = np.random.default_rng(1)
    x, labels, people = draws.normal(size=(40, 4, 3)), draws.integers(0, 2, 40), np.repeat(np.arange(8), 5)
    seen = []
    real = TGSR.fit
    monkeypatch.setattr(TGSR, "fit", lambda self, a, b, t=None: (seen.append(len(a)), real(self, a, b, t))[1])
    choice = choose_on_source(x, labels, people, x[:7] + 5, kappas=(1, 4), xis=(0.1,), folds=4)
    assert set(seen) == {30} and len(choice.table) == 2 and choice.seen == "the source"
    leak = choose_on_target_labels_which_leaks(x, labels, x, labels, kappas=(1, 99), xis=(0.1,))
    assert "leak" in repr(leak) and len(leak.table) == 1


def test_regions_tile_the_face():
    boxes = region_boxes()
    assert boxes.shape == (85, 4) and np.isclose(((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).sum(), 4)
    for k in (0, 3, 20, 84):
        seen = region_map(np.eye(85)[k], (64, 64)) > 0
        left, top, right, bottom = np.rint(boxes[k] * 64).astype(int)
        assert seen[top:bottom, left:right].all() and seen.sum() == (bottom - top) * (right - left)
    assert (region_map(np.zeros(85)) == 0).all()


def test_features_come_from_their_region():
    draws = np.random.default_rng(0)
    still = np.repeat(draws.integers(0, 255, (1, 112, 112), np.uint8), 16, 0)
    moved = still.copy()
    moved[:, 4:10, 4:10] = draws.integers(0, 255, (16, 6, 6), np.uint8)
    changed = np.flatnonzero(np.abs(region_features(moved) - region_features(still)).max(1) > 1e-9)
    assert set(changed) == {0, 1, 5, 21}


def test_settings_that_cannot_be_tried_are_said():
    draw = np.random.default_rng(0)
    x, labels, people = draw.normal(size=(20, 4, 3)), np.tile([0, 1], 10), np.repeat(range(5), 4)
    chosen = [choose_on_source(source, labels, people, kappas=(2, 9), xis=(.1,)) for source in (x, x.tolist())]
    assert chosen[0].table.equals(chosen[1].table) and chosen[0].table.kappa.tolist() == [2]
    with pytest.raises(MekitError, match=r"choose_on_source: expected kappas from 1 to 4, the number of groups, at least one, received \[5, 20, 50, 85\]"):
        choose_on_source(x, labels, people)
    with pytest.raises(MekitError, match="one xi or more"):
        choose_on_source(x, labels, people, kappas=(2,), xis=())
    with pytest.raises(MekitError, match=r"features by group \(n k d\)"):
        choose_on_source(x[:, 0], labels, people)
    with pytest.raises(MekitError, match="choose_on_target_labels_which_leaks: expected kappas from 1 to 4"):
        choose_on_target_labels_which_leaks(x, labels, x, labels)
