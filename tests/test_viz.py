"Colours and pictures: neutral zero, hatched NaN, honest sizes, round trips"
import io

import cv2
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays

from mekit.core import MekitError
from mekit.labels import AU_TABLE, CD6ME_AUS
from mekit.viz.frames import (colour_map, colour_wheel, encode_jpeg, encode_png, flow_to_rgb, grid, overlay, quiver_image, robust_limit, strip, to_rgb)
from mekit.viz.style import AU_COLOURS, CMAPS, COLOURS, NO_DATA, VISION, WHEEL, distance, lut, paper_style, rgb_of, seen_by, separation, to_lab

GREYS = {tuple(c) for c in NO_DATA}
rgb = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)


def colours(image) -> set: return {tuple(int(c) for c in p) for p in image.reshape(-1, 3)}


@pytest.mark.parametrize("vision", VISION)
def test_palettes_can_be_told_apart(vision):
    assert separation([AU_COLOURS[n] for n in CD6ME_AUS], vision=vision) > 18
    assert distance(WHEEL / 255, np.roll(WHEEL, 90, 0) / 255, vision=vision).min() > 20
    assert distance(WHEEL / 255, np.roll(WHEEL, 180, 0) / 255, vision=vision).min() > 28
    ends = seen_by(lut("signed")[[0, 255]] / 255, vision)
    assert distance(ends[0], ends[1]) > 25
    assert (np.diff(to_lab(seen_by(lut("strain") / 255, vision))[:, 0]) > -1).all()


def test_lab_against_scikit_image():
    color = pytest.importorskip("skimage.color")
    assert np.abs(color.rgb2lab(rgb / 255) - to_lab(rgb / 255)).max() < .5


def test_every_unit_has_a_colour(): assert set(AU_COLOURS) == set(AU_TABLE) and len(rgb_of(COLOURS.values())) == 8


def test_zero_is_neutral():
    assert colours(flow_to_rgb(np.zeros((2, 4, 4)), limit=1)) == {(255, 255, 255)}
    (r, g, b), = colours(colour_map(np.zeros((4, 4)), limit=1, signed=True))
    assert max(r, g, b) - min(r, g, b) <= 4 and r > 225
    assert np.array_equal(overlay(rgb, np.zeros((20, 30)), limit=1), rgb) and np.array_equal(overlay(rgb, np.zeros((20, 30)), limit=1, signed=True), rgb)
    assert np.array_equal(quiver_image(rgb, np.zeros((2, 20, 30))), rgb)


@given(st.floats(0, 359.9), st.floats(.05, 3))
def test_direction_and_length_can_be_read_back(degrees, length):
    u, v = length * np.cos(np.radians(degrees)), length * np.sin(np.radians(degrees))
    pixel = flow_to_rgb(np.full((2, 1, 1), [[[u]], [[v]]]), limit=1)[0, 0]
    wanted = 255 + (WHEEL[round(degrees) % 360] - 255.) * min(length, 1)
    assert np.abs(pixel - wanted).max() <= 3


def test_up_is_yellow_and_light_down_is_dark():
    up, down = (flow_to_rgb(np.stack([np.zeros((1, 1)), np.full((1, 1), v)]), limit=1)[0, 0].astype(int) for v in (-1., 1.))
    assert up[0] > 200 > up[2] and down.max() < 140
    wheel = colour_wheel(65)
    assert tuple(wheel[0, 0]) == (255, 255, 255) and np.abs(wheel[0, 32].astype(int) - up).max() < 12 and np.abs(wheel[64, 32].astype(int) - down).max() < 12


def test_nan_is_hatched_everywhere():
    values = np.ones((12, 12)); values[:6] = np.nan
    assert colours(colour_map(values, limit=1)[:6]) == GREYS and not colours(colour_map(values, limit=1)[6:]) & GREYS
    assert colours(flow_to_rgb(np.stack([values, values * 0 + 1]), limit=1)[:6]) == GREYS
    assert colours(to_rgb(values)[:6]) == GREYS
    plain = np.full((12, 12, 3), 200, np.uint8)
    assert (overlay(plain, values, limit=1)[:6] != 200).all()
    assert (quiver_image(plain, np.stack([values, values]) * 3, step=4)[:2] == 200).all()
    for table in (WHEEL, lut("strain"), lut("signed")): assert not colours(table) & GREYS, "the hatching is no value"


@given(arrays(np.float64, (3, 4), elements=st.floats(allow_nan=True, allow_infinity=True)), st.booleans())
def test_any_values_give_a_picture(values, signed):
    out = colour_map(values, limit=2.5, signed=signed)
    assert out.shape == (3, 4, 3) and out.dtype == np.uint8
    assert overlay(np.zeros((3, 4), np.uint8), values, limit=2.5, signed=signed).shape == (3, 4, 3)


@given(arrays(np.float32, (2, 3, 4), elements=st.floats(width=32, allow_nan=True, allow_infinity=True)))
def test_any_flow_gives_a_picture(uv): assert flow_to_rgb(uv, limit=1).shape == (3, 4, 3)


@pytest.mark.parametrize("image, pixel", [
    (np.full((2, 2), 7, np.uint8), (7, 7, 7)), (np.full((2, 2, 1), 7, np.uint8), (7, 7, 7)), (np.full((2, 2), .5), (128, 128, 128)),
    (np.full((2, 2), 257 * 9, np.uint16), (9, 9, 9)), (np.ones((2, 2), bool), (255, 255, 255)), (np.full((2, 2, 4), (10, 20, 30, 255), np.uint8), (10, 20, 30)),
    (np.full((2, 2, 4), (0., 0., 0., .5)), (128, 128, 128)), (np.full((2, 2, 3), (1., 0., 0.), np.float32), (255, 0, 0))])
def test_any_image_becomes_rgb(image, pixel): assert colours(to_rgb(image)) == {pixel}


ZERO = np.zeros((8, 8))
@pytest.mark.parametrize("call, message", [
    (lambda: to_rgb(np.zeros((3, 8, 8))), "Channels go last"), (lambda: to_rgb(ZERO + 2), "floats from 0 to 1"), (lambda: to_rgb(ZERO - 1), "floats from 0 to 1"),
    (lambda: to_rgb(ZERO.astype(int)), "Convert to uint8"), (lambda: to_rgb(np.zeros((0, 8))), "shape"), (lambda: to_rgb("x.png"), "to_rgb"), (lambda: to_rgb(ZERO + np.inf), "floats from 0"),
    (lambda: flow_to_rgb(np.zeros((1, 2, 8, 8)), limit=1), r"uv\[i\]"), (lambda: flow_to_rgb(np.zeros((8, 8, 2)), limit=1), "2 h w"),
    (lambda: flow_to_rgb(np.zeros((2, 8, 8)), limit=np.nan), "positive number"), (lambda: colour_map(ZERO, limit=-1), "positive number"), (lambda: colour_map(ZERO, limit="1"), "positive number"),
    (lambda: colour_map(ZERO, limit=None), "robust_limit"), (lambda: colour_map(ZERO[0], limit=1), "h w"), (lambda: colour_map(ZERO, limit=1, cmap="viridus"), "Did you mean 'viridis'"),
    (lambda: overlay(rgb, ZERO, limit=1), r"image's size \(20, 30\)"), (lambda: overlay(ZERO, ZERO, limit=1, alpha=2), "alpha from 0 to 1"),
    (lambda: quiver_image(rgb, np.zeros((2, 8, 8))), r"image's size \(20, 30\)"), (lambda: quiver_image(rgb, np.zeros((2, 20, 30)), step=0), "step"),
    (lambda: strip([rgb, rgb[:5]]), "20x30, 5x30|5x30, 20x30"), (lambda: strip([]), "equally many"), (lambda: strip([None]), "at least one"), (lambda: strip([rgb], titles=["a", "b"]), "2 titles"),
    (lambda: grid([[rgb], [rgb, rgb]]), "None where"), (lambda: grid({}), "equally many"), (lambda: encode_jpeg(rgb, 0), "1 to 100"), (lambda: paper_style(nope=1).__enter__(), "unknown setting")])
def test_what_is_refused(call, message):
    with pytest.raises(MekitError, match=message): call()


def test_arrows_point_where_the_flow_points():
    uv = np.zeros((2, 41, 41)); uv[0] = 12
    plain = np.full((41, 41, 3), 255, np.uint8)
    touched = np.argwhere((quiver_image(plain, uv, step=40) != 255).any(-1))
    assert plain.min() == 255, "the image given is not changed"
    assert touched[:, 1].min() >= 17 and 31 <= touched[:, 1].max() <= 35 and abs(touched[:, 0].mean() - 20) < 1


@given(st.floats(1e-9, 1e9))
def test_a_robust_limit_is_round_and_not_below(value):
    limit = robust_limit([value, -value])
    assert value <= limit * (1 + 1e-6) and limit <= value * 2.5 * (1 + 1e-6)
    assert f"{limit:.3e}"[0] in "125"


def test_a_robust_limit_of_nothing(): assert robust_limit([]) == robust_limit([np.nan, np.inf]) == robust_limit([0.]) == 1.


def test_bytes_round_trip():
    back = lambda data: cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert np.array_equal(back(encode_png(rgb)), rgb)
    smooth = cv2.resize(rgb, (120, 80), interpolation=cv2.INTER_CUBIC)
    assert np.abs(back(encode_jpeg(smooth)).astype(int) - smooth).mean() < 4 and len(encode_jpeg(smooth, 30)) < len(encode_jpeg(smooth))
    assert encode_jpeg(smooth)[:2] == b"\xff\xd8" and encode_png(rgb)[1:4] == b"PNG"


def test_strips_and_grids():
    fig = strip({"onset": rgb, "apex": rgb})
    assert [a.get_title() for a in fig.axes] == ["onset", "apex"] and not plt.fignum_exists(fig.number if hasattr(fig, "number") else -1)
    fig = grid({"frame": {"onset": rgb, "apex": rgb}, "flow": [None, rgb]})
    assert [a.get_title() for a in fig.axes] == ["onset", "apex", "", ""] and [a.get_ylabel() for a in fig.axes] == ["frame", "", "flow", ""]
    assert [len(a.images) for a in fig.axes] == [1, 1, 0, 1]
    assert len(grid([[rgb, rgb], [rgb, rgb]], titles=["a", "b"]).axes) == 4
    fig.savefig(io.BytesIO(), format="pdf")


def test_paper_style_leaves_no_trace():
    before = dict(mpl.rcParams)
    with pytest.raises(RuntimeError), paper_style(font_size=9):
        assert mpl.rcParams["pdf.fonttype"] == 42 and mpl.rcParams["font.size"] == 9
        raise RuntimeError
    assert dict(mpl.rcParams) == before


def test_colour_maps_are_colour_maps():
    assert all(isinstance(c, mpl.colors.Colormap) for c in CMAPS.values()) and lut("viridis", 5).shape == (5, 3)
