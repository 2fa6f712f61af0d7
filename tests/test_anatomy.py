"The canonical face, its regions and motions, and MediaPipe's points on a real face"
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from mekit.anatomy import (AU_MOTION, AU_REGION, CANONICAL, IBUG_TO_MEDIAPIPE, IN_PLANE, MIRROR, REGIONS, au_mask, carry, displacement, fill, iod_of, place,
                           region_mask, region_polygon, side_share, to_ibug)
from mekit.core import MekitError
from mekit.labels import AU_TABLE, CD6ME_AUS

FACE, SHAPE = place((256, 256)), (256, 256)
PEAKS = {1: ((22,), "up"), 2: ((25,), "up"), 4: ((22,), "down in"), 5: ((43,), "up"), 6: ((46,), "up in"), 7: ((46,), "up"), 9: ((35,), "up out"), 10: ((52,), "up"), 12: ((54,), "up out"),
         14: ((54,), "out"), 15: ((54,), "down"), 17: ((57,), "up"), 20: ((54,), "out"), 23: ((57,), "up"), 24: ((56, 57), "up"), 25: ((57, 66), "down"), 26: ((8,), "down"), 45: ((43, 44), "down")}
SIGNS = {"up": (1, -1), "down": (1, 1), "out": (0, 1), "in": (0, -1)}    # axis and sign on the subject's left half, the image's right


def test_the_canonical_face_is_symmetric_and_plausible():
    assert CANONICAL.shape == (68, 2) and np.allclose(CANONICAL[MIRROR] * (-1, 1), CANONICAL)
    assert np.allclose(CANONICAL[[36, 45]], [(-.5, 0), (.5, 0)])
    x, y = CANONICAL.T
    eye, mouth, face, nose = x[45] - x[42], x[54] - x[48], x[16] - x[0], x[35] - x[31]
    assert .28 < eye < .38 and .5 < mouth < .65 and 1.35 < face < 1.6 and .3 < nose < .4
    assert y[19] < y[37] < 0 < y[41] < y[30] < y[33] < y[51] < y[62] < y[66] < y[57] < y[8]
    assert 0 < y[66] - y[62] < .02, "the mouth is closed"
    assert y[62] - y[51] > .04 and y[57] - y[66] > .06, "the lips have thickness"
    assert len(np.unique(CANONICAL, axis=0)) == 68, "no two landmarks coincide"
    with pytest.raises(ValueError): CANONICAL[0] = 0


def test_the_face_fits_the_frame():
    assert FACE.min() > 0 and FACE.max() < 255 and region_polygon("face", FACE).min() > 0
    assert np.isclose(iod_of(place((100, 400))), 42) and np.allclose(place((99, 401))[27, 0], 200)


@pytest.mark.parametrize("name", REGIONS)
def test_a_region_has_its_area_and_its_side(name):
    mask = region_mask(name, FACE, SHAPE)
    x, y = region_polygon(name, FACE).T
    area = abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2
    assert abs(mask.sum() - area) < .5 * len(x) + .03 * area + 5
    middle = np.argwhere(mask).mean(0)[1] - 127.5
    assert middle > 5 if name.endswith("_L") else middle < -5 if name.endswith("_R") else abs(middle) < 1
    if name[-2:] in ("_L", "_R"):
        other = region_mask(name[:-1] + {"L": "R", "R": "L"}[name[-1]], FACE, SHAPE)
        assert (mask != other[:, ::-1]).sum() <= 3 * len(x) and not (mask & other).any()


@pytest.mark.parametrize("number", AU_TABLE)
def test_every_unit_has_a_mask(number):
    assert set(AU_REGION[number]) <= set(REGIONS)
    both, left, right = (au_mask(f"AU{number}{side}", FACE, SHAPE) for side in ("", "L", "R"))
    assert both.any() and np.array_equal(left | right, both) and not (left & right).any()
    assert np.argwhere(left)[:, 1].mean() > 127.5 > np.argwhere(right)[:, 1].mean()


def test_regions_that_touch_share_no_pixel():
    skin = [n for n in REGIONS if n not in ("face", "jaw")]
    count = np.sum([region_mask(n, FACE, SHAPE) for n in skin], axis=0)
    assert (count > 1).sum() < .02 * (count > 0).sum(), "regions overlap by slivers at most"


@pytest.mark.parametrize("number", AU_MOTION)
def test_motion(number):
    move = displacement(number)
    assert np.isclose(np.hypot(*move.T).max(), IN_PLANE.get(number, 1)) and np.allclose(move[MIRROR] * (-1, 1), move)
    assert np.allclose(displacement(f"AU{number}L") + displacement(f"AU{number}R"), move)
    assert not displacement(f"AU{number}L")[CANONICAL[:, 0] < 0].any()


@pytest.mark.parametrize("number", AU_MOTION)
def test_every_peak_goes_the_way_facs_says(number):
    move, (landmarks, ways) = displacement(number), PEAKS[number]
    left = np.flatnonzero(CANONICAL[:, 0] >= 0)
    size = np.hypot(*move[left].T)
    assert left[size.argmax()] in landmarks
    for way in ways.split():
        axis, sign = SIGNS[way]
        assert np.sign(move[landmarks[0], axis]) == sign and abs(move[landmarks[0], axis]) > .05 * size.max()
    main = SIGNS[ways.split()[0]][0]
    assert abs(move[landmarks[0], main]) > .8 * size.max() or number in (12,), "the main direction is the first named"


def test_the_dimpler_pulls_into_the_face():
    "At equal strength a picture shows less of AU14 than of AU20, which pulls the same corner within the picture"
    assert np.hypot(*displacement(14)[54]) < .5 * np.hypot(*displacement(20)[54])


def test_sides_share_the_midline_without_a_step():
    x = np.linspace(-.6, .6, 121)
    left, right = side_share(x, "L"), side_share(x, "R")
    assert np.allclose(left + right, 1) and left[60] == .5 and np.abs(np.diff(left)).max() < .2 and left[-1] == 1 and left[0] == 0
    assert (side_share(x, None) == 1).all()


def turning(points):
    "Points follow each other clockwise (on the screen) around their middle, once"
    steps = np.diff(np.unwrap(np.arctan2(*(np.vstack([points, points[:1]]) - points.mean(0)).T[::-1])))
    return (steps > 0).all() and np.isclose(steps.sum(), 2 * np.pi)


def test_turning_sees_two_points_exchanged():
    for ring in (slice(48, 60), slice(60, 68), slice(36, 42), slice(42, 48)):
        points = CANONICAL[ring].copy()
        assert turning(points)
        points[[1, 2]] = points[[2, 1]]
        assert not turning(points)


def test_motion_covers_what_is_used(): assert set(CD6ME_AUS) | {20, 23, 24, 25, 26, 45} == set(AU_MOTION)


@pytest.mark.parametrize("number", AU_MOTION)
def test_the_peak_lies_near_the_units_mask(number):
    import cv2
    mask = au_mask(number, FACE, SHAPE)
    near = cv2.dilate(mask.astype(np.uint8), np.ones((17, 17))) > 0
    x, y = FACE[np.hypot(*displacement(number).T).argmax()].round().astype(int)
    assert near[y, x]


finite = st.floats(-2, 2)


@given(st.tuples(finite, finite, finite, finite).filter(lambda m: abs(m[0] * m[3] - m[1] * m[2]) > .05), st.floats(20, 400), st.floats(-500, 500))
def test_regions_follow_any_affine_map_exactly(m, scale, shift):
    turn = np.array(m).reshape(2, 2) * scale
    for name in ("forehead_L", "chin", "nose_wing_R"):
        assert np.allclose(carry(REGIONS[name], CANONICAL @ turn + shift), REGIONS[name] @ turn + shift, atol=1e-4 * scale)


@settings(max_examples=20)
@given(st.integers(0, 2**31))
def test_jitter_of_the_landmarks_moves_regions_a_little(seed):
    noise = np.random.default_rng(seed).normal(0, .5, (68, 2))
    for name in REGIONS:
        assert np.abs(region_polygon(name, FACE + noise) - region_polygon(name, FACE)).max() < 4


@given(st.integers(0, 2**31))
def test_a_mask_is_the_points_inside(seed):
    from matplotlib.path import Path
    polygon = np.random.default_rng(seed).uniform(-8, 40, (3, 2))
    y, x = np.mgrid[:24, :32]
    assert np.array_equal(fill(polygon, (24, 32)), Path(polygon).contains_points(np.stack([x.ravel(), y.ravel()], 1)).reshape(24, 32))


def test_a_polygon_outside_the_frame_is_empty():
    assert not fill([(100, 100), (120, 100), (110, 130)], (32, 32)).any() and not fill([(-50, -50), (-20, -50), (-30, -10)], (32, 32)).any()


@pytest.mark.parametrize("call, message", [
    (lambda: region_mask("chin", np.zeros((478, 2)), SHAPE), "to_ibug"), (lambda: region_mask("chinn", FACE, SHAPE), "Did you mean 'chin'"),
    (lambda: au_mask("AU4", np.full((68, 2), np.nan), SHAPE), "Was a face found"), (lambda: au_mask("AU99", FACE, SHAPE), "one action unit"),
    (lambda: displacement("AU38"), "unknown action unit '38'"), (lambda: to_ibug(np.zeros((68, 2))), "478"), (lambda: place((0, 3)), "height, width"),
    (lambda: place(iod_fraction=0), "between 0 and 2"), (lambda: iod_of([1, 2]), "68, 2")])
def test_what_is_refused(call, message):
    with pytest.raises(MekitError, match=message): call()


def test_mediapipe_points_sit_right_on_a_real_face(video, landmarker):
    "Eyes, brows, nose, mouth and jaw of a real frame, found by an independent model, in the order and places iBUG means"
    mp = pytest.importorskip("mediapipe")
    av = pytest.importorskip("av")
    with av.open(str(video)) as container: frame = next(container.decode(video=0)).to_ndarray(format="rgb24")
    options = mp.tasks.vision.FaceLandmarkerOptions(base_options=mp.tasks.BaseOptions(model_asset_path=str(landmarker)))
    with mp.tasks.vision.FaceLandmarker.create_from_options(options) as model:
        found = model.detect(mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(frame))).face_landmarks[0]
    mesh = np.array([(p.x * frame.shape[1] - .5, p.y * frame.shape[0] - .5) for p in found])
    points = to_ibug(mesh)
    assert len(set(IBUG_TO_MEDIAPIPE)) == 68
    corners = np.array([(*CANONICAL[i], 1) for i in range(17, 68)])
    fit = np.linalg.lstsq(corners, points[17:], rcond=None)[0]                 # best affine map of our face onto hers
    left_over = np.hypot(*(np.c_[CANONICAL, np.ones(68)] @ fit - points).T) / iod_of(points)
    assert left_over[17:].max() < .16 and np.median(left_over[17:]) < .06 and left_over[:17].max() < .3
    for ring in (slice(36, 42), slice(42, 48), slice(48, 60)): assert turning(points[ring]), f"points {ring} out of order"
    assert (np.diff(points[60:65, 0]) > 0).all() and (np.diff(points[[64, 65, 66, 67, 60], 0]) < 0).all(), "inner lips of a closed mouth: there and back"
    assert (np.diff(points[:9, 1]) > 0).all() and (np.diff(points[8:17, 1]) < 0).all() and (np.diff(points[17:27, 0]) > 0).all() and (np.diff(points[27:31, 1]) > 0).all() and (np.diff(points[31:36, 0]) > 0).all()
    brow, skin = (frame[region_mask(n, points, frame.shape[:2])].mean() for n in ("brow_inner_L", "cheek_L"))
    lips = frame[fill(points[48:60], frame.shape[:2])].mean(0); cheek = frame[region_mask("cheek_R", points, frame.shape[:2])].mean(0)
    assert brow < skin - 10, "the brow is darker than the cheek"
    assert lips[0] / lips[1] > 1.05 * cheek[0] / cheek[1], "the lips are redder than the cheek"
