"Regions of a face: where they lie, what their means are, what they keep out"
import numpy as np
import pytest

from mekit.anatomy import AU_MOTION, AU_REGION, REGIONS, region_mask
from mekit.core import MekitError, MekitWarning
from mekit.data.clip import Clip, read_clip
from mekit.data.synthetic import SUPPORTED, synthesize
from mekit.face.align import align
from mekit.face.landmarks import landmarks
from mekit.face.regions import mean_over, regions
from mekit.labels import Label, Terms, parse_au
from mekit.motion.flow import flow
from mekit.motion.strain import strain


@pytest.fixture(scope="module")
def clip():
    return synthesize({"AU12L": 2.}, fps=20)


@pytest.fixture(scope="module")
def found(clip):
    return regions(clip)


def test_masks_are_those_of_anatomy(clip, found):
    onset = clip.truth.landmarks[clip.label.onset]
    assert found.how == "from the synthetic truth" and found.number == clip.label.onset and np.array_equal(found.frame, clip.frames[clip.label.onset])
    for name in REGIONS: assert np.array_equal(found.mask(name), region_mask(name, onset, clip.shape))
    assert found.names == tuple(REGIONS) and np.array_equal(found.face, found.mask("face"))


def test_left_and_right_share_the_face(found):
    left, right = found.mask("left"), found.mask("right")
    assert np.array_equal(left | right, found.face) and not (left & right).any()
    assert (left & found.mask("cheek_L")).sum() == found.mask("cheek_L").sum() and (right & found.mask("eye_R")).sum() == found.mask("eye_R").sum()
    assert abs(left.sum() / right.sum() - 1) < .03


@pytest.mark.parametrize("unit", SUPPORTED)
def test_a_unit_moves_most_in_its_own_mask(unit):
    made = synthesize({unit: 2.}, fps=20)
    where, apex = regions(made), made.label.apex
    motion = np.asarray(made.truth.motion[apex])[None]
    own, rest = where.mean(motion, unit)[0], where.mean(motion, where.face & ~where.au(unit))[0]
    assert own > 2 * rest and where.mean(motion, f"AU{unit}")[0] == where.mean(motion, parse_au(f"AU{unit}"))[0] == own


def test_means_are_of_lengths_and_leave_out_what_is_unknown(found):
    uv = np.zeros((2, 2, *found.shape), np.float32)
    uv[1, 0], uv[1, 1] = 3, 4
    assert np.allclose(found.mean(uv, "chin"), [0, 5]) and np.allclose(found.mean(uv[:, 0], "chin"), [0, 3])
    uv[1, :, :, ::2] = np.nan
    assert np.allclose(found.mean(uv, "chin"), [0, 5])
    assert np.isnan(mean_over(uv, np.zeros(found.shape, bool))).all()
    assert np.isclose(found.mean(np.where(found.mask("left"), 1., 0.)[None], "left")[0], 1) and found.mean(np.where(found.mask("left"), 1., 0.)[None], "right")[0] == 0


def test_lazy_fields_and_flows_are_taken(clip, found):
    curve = found.mean(clip.truth.motion, "AU12L")
    assert curve.argmax() == clip.label.apex and len(curve) == len(clip)
    assert found.mean(flow(clip, pairs="apex"), "AU12L")[0] > 2 * found.mean(flow(clip, pairs="apex"), "AU12R")[0]


def test_the_mask_and_the_alignment_take_the_head_out_of_strain():
    head = synthesize((), fps=20, nuisance={"translation": 3., "rotation": 2.}, seed=1)
    far = int(np.abs(np.asarray(head.truth.flow)).max((1, 2, 3)).argmax())
    where = regions(head)
    moving, still = (100 * strain(flow(c, pairs=[(head.label.onset, far)])) for c in (head, align(head)))
    everywhere, inside, aligned = moving.mean(), where.mean(moving, "face")[0], where.mean(still, "face")[0]
    print(f"leaked strain: picture {everywhere:.2f} %, face {inside:.2f} %, face of the aligned clip {aligned:.2f} %")
    assert inside < .7 * everywhere and aligned < .35 * inside


def test_its_picture_names_the_regions(found):
    page = found._repr_html_()
    assert all(word in page for word in ("glabella", "cheek", "nasolabial", 'data-terms="publishable"')) and page.count("<polyline") == len(REGIONS) - 1
    for name, where in AU_REGION.items():
        assert name not in AU_MOTION or where
    private = regions(found.clip.replace(label=Label(onset=5, terms=Terms("private"))))
    assert 'data-terms="private"' in private._repr_html_()


def test_landmarks_from_elsewhere(clip, found):
    assert regions(clip, landmarks=landmarks(clip, method="eyes")).how == "estimated from the eyes"
    moved = regions(clip, landmarks=found.points + (5, 0))
    assert moved.how == "given" and np.array_equal(moved.mask("chin")[:, 5:], found.mask("chin")[:, :-5])


def test_no_onset_is_said(clip):
    with pytest.warns(MekitWarning, match="frame 0 stands for it"):
        assert regions(Clip(np.array(clip.frames), label=Label()), landmarks=clip.truth.landmarks[0]).number == 0


@pytest.mark.parametrize("call, message", [
    (lambda c, r: regions(None), "a Clip, received NoneType"), (lambda c, r: regions(read_clip(np.full((2, 90, 99, 3), 9, np.uint8), fps=25).mark(onset=0)), "expected a face, received none"),
    (lambda c, r: regions(c, landmarks=np.full((68, 2), np.nan)), "finite landmarks"), (lambda c, r: r.mask("chim"), "Did you mean 'chin'"),
    (lambda c, r: r.mean(np.zeros((1, 256, 256)), "AU99"), "unknown region or action unit"), (lambda c, r: r.mean(np.zeros((1, 64, 64)), "chin"), "256 x 256"),
    (lambda c, r: r.mean(np.zeros((256, 256)), "chin"), "n h w"), (lambda c, r: r.mean(np.zeros((1, 256, 256)), np.ones((256, 256))), "a mask of bool")])
def test_what_is_refused(clip, found, call, message):
    with pytest.raises(MekitError, match=message): call(clip, found)
