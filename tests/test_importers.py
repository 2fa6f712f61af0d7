"Files of OpenFace, py-feat and LibreFace: headings in their variants, gaps left open, faces told apart, changes that do not depend on the level"
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mekit.core import MekitError, MekitWarning
from mekit.data.importers import LEAST_BEFORE, TOOLS, FaceTable, change, read_libreface, read_openface, read_pyfeat
from mekit.data.synthetic import synthesize

READ = {"openface": read_openface, "pyfeat": read_pyfeat, "libreface": read_libreface}
N = 12
LEVEL = np.linspace(1, 3, N)


def openface(n=N, **columns):
    base = {"frame": np.arange(n) + 1, "face_id": 0, "timestamp": np.arange(n) * .005, "confidence": .9, "success": 1, "pose_Rx": .1,
            "AU04_r": .2, "AU12_r": LEVEL[:n], "AU12_c": 1, "AU28_c": 0}
    return pd.DataFrame({**base, **columns})


def pyfeat(n=N, **columns):
    base = {"FaceRectX": 1., "FaceRectY": 2., "FaceRectWidth": 3., "FaceRectHeight": 4., "FaceScore": .9, "AU04": .1, "AU12": LEVEL[:n] / 5, "happiness": .2, "input": "a.mp4",
            "frame": np.arange(n), "approx_time": "00:00", "Identity": "Person_0"}
    return pd.DataFrame({**base, **columns})


def libreface(n=N, **columns):
    base = {"frame_idx": np.arange(n), "frame_time_in_ms": np.arange(n) * 5., "facial_expression": "Neutral", "au_7": 1, "au_12": 0, "au_4_intensity": .2, "au_12_intensity": LEVEL[:n], "lm_mp_0_x": .5}
    return pd.DataFrame({**base, **columns})


MADE = {"openface": openface, "pyfeat": pyfeat, "libreface": libreface}


@pytest.fixture
def write(tmp_path):
    def writer(table, name="a.csv", **options):
        table.to_csv(tmp_path / name, index=options.pop("index", False), **options)
        return tmp_path / name
    return writer


@pytest.mark.parametrize("spaces", ["", " "])
@pytest.mark.parametrize("face_id", [True, False])
def test_openface_headings(write, spaces, face_id):
    table = openface() if face_id else openface().drop(columns="face_id")
    table.columns = [table.columns[0], *(spaces + c + spaces for c in table.columns[1:])]
    read = read_openface(write(table))
    assert list(read.values["intensity"]) == [4, 12] and list(read.values["presence"]) == [12, 28]
    assert np.allclose(read.curve(12), LEVEL) and np.allclose(read.times, np.arange(N) * 5) and np.allclose(read.confidence, .9)
    assert "pose_Rx" in read.rest and read.units == {"intensity": "0 to 5", "presence": "0 or 1"}


def test_pyfeat_has_scores_and_no_times(write):
    read = read_pyfeat(write(pyfeat()))
    assert read.times is None and np.allclose(read.curve("AU12"), LEVEL / 5) and read.units == {"score": "0 to 1"}
    assert "not an intensity" in read.meaning["score"] and "happiness" in read.rest


def test_older_pyfeat_without_identity(write):
    table = pyfeat().drop(columns=["Identity", "input", "approx_time", "FaceScore"])
    assert len(read_pyfeat(write(table))) == N
    with pytest.raises(MekitError, match="no column that tells them apart"):
        read_pyfeat(write(pd.concat([table, table])))


def test_libreface_with_its_column_of_row_numbers(write):
    read = read_libreface(write(libreface(), index=True))
    assert list(read.values["presence"]) == [7, 12] and list(read.values["intensity"]) == [4, 12]
    assert list(read.rest) == ["facial_expression", "lm_mp_0_x"] and np.allclose(read.times, np.arange(N) * 5)


@pytest.mark.parametrize("tool", READ)
@pytest.mark.parametrize("seed", range(3))
def test_order_of_the_rows_does_not_matter(write, tool, seed):
    a, b = (READ[tool](write(t, name)) for t, name in ((MADE[tool](), "a.csv"), (MADE[tool]().sample(frac=1, random_state=seed), "b.csv")))
    for kind in a.values:
        pd.testing.assert_frame_equal(a.values[kind], b.values[kind])
    assert (a.times is None and b.times is None) or np.allclose(a.times, b.times)


@pytest.mark.parametrize("tool", READ)
def test_missing_frames_are_rows_of_nan(write, tool):
    read = READ[tool](write(MADE[tool]().drop(index=[4, 5])))
    first = read.frames[0]
    assert len(read) == N and read.failed == (first + 4, first + 5)
    assert read.curve(12).isna().to_numpy().nonzero()[0].tolist() == [4, 5]
    assert read.times is None or np.allclose(read.times, np.arange(N) * 5)


def test_failed_frames(write):
    bad = np.isin(np.arange(N), [3, 7])
    of = read_openface(write(openface(success=(~bad).astype(int), AU12_r=np.where(bad, 0, LEVEL))))
    assert of.failed == (4, 8) and of.curve(12).isna().sum() == 2 and of.curve(12, "presence").isna().sum() == 2
    feat = read_pyfeat(write(pyfeat(AU12=np.where(bad, np.nan, LEVEL / 5))))
    assert feat.failed == (3, 7) and feat.curve(4).isna().sum() == 2


def test_every_tenth_frame(write):
    read = read_pyfeat(write(pyfeat(frame=np.arange(N) * 10)), fps=100)
    assert len(read) == N and not read.failed and np.allclose(read.times, np.arange(N) * 100)


@pytest.mark.parametrize("of", READ)
@pytest.mark.parametrize("by", READ)
def test_files_of_another_program(write, of, by):
    path = write(MADE[of]())
    if of == by:
        assert len(READ[by](path)) == N
    else:
        with pytest.raises(MekitError, match=f"a.csv.*It looks like a file of {TOOLS[of].name}: use {TOOLS[of].reader}"):
            READ[by](path)


def test_missing_columns_are_named(write):
    with pytest.raises(MekitError, match="missing: success"):
        read_openface(write(openface().drop(columns="success")))
    with pytest.raises(MekitError, match="missing: AU01_r.*received frame, face_id"):
        read_openface(write(openface()[["frame", "face_id", "timestamp", "confidence", "success"]]))
    with pytest.raises(MekitError, match="FaceLandmarkImg"):
        read_openface(write(openface().drop(columns=["frame", "success"]).rename(columns={"face_id": "face"})))


@pytest.mark.parametrize("content, message", [("", "EmptyDataError"), ("frame,success,AU01_r\n", "headings only"), ("frame,success,AU01_r\n1,1,0\n2,1,0,9\n", "ParserError")])
def test_broken_files(tmp_path, content, message):
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(MekitError, match=message):
        read_openface(tmp_path / "a.csv")


def test_no_file(tmp_path):
    with pytest.raises(MekitError, match="no such file"):
        read_libreface(tmp_path / "none.csv")


@pytest.mark.parametrize("column, value, message", [("AU12_r", "much", "row 5, column 'AU12_r'.*'much'"), ("frame", 2.5, "row 5, column 'frame'"), ("frame", 1, "frame 1 twice|several faces|several in a frame")])
def test_cells_that_are_no_numbers(write, column, value, message):
    table = openface().astype({column: object})
    table.loc[3, column] = value
    with pytest.raises(MekitError, match=message):
        read_openface(write(table))


def test_several_faces(write):
    crowd = pd.concat([openface(), openface(face_id=1, AU12_r=LEVEL / 2)]).sample(frac=1, random_state=0)
    with pytest.raises(MekitError, match=r"face_id: [01] \(12 rows\), [01] \(12 rows\)"):
        read_openface(write(crowd))
    assert np.allclose(read_openface(write(crowd), face=1).curve(12), LEVEL / 2)
    with pytest.raises(MekitError, match="received 7"):
        read_openface(write(crowd), face=7)
    people = pd.concat([pyfeat(), pyfeat(Identity="Person_1", AU12=.5)])
    assert np.allclose(read_pyfeat(write(people), face="Person_1").curve(12), .5)


def test_several_recordings_in_one_file(write):
    both = pd.concat([pyfeat(input="/data/a.mp4"), pyfeat(input="/data/b.mp4", AU12=.5)])
    with pytest.raises(MekitError, match="2 in column 'input'"):
        read_pyfeat(write(both))
    assert np.allclose(read_pyfeat(write(both), recording="b.mp4").curve(12), .5)
    stills = pyfeat(input=[f"{k}.jpg" for k in range(N)])
    assert len(read_pyfeat(write(stills))) == N


def test_times(write):
    with pytest.warns(MekitWarning, match="do not increase"):
        assert read_openface(write(openface(timestamp=0.))).times is None
    assert np.allclose(read_openface(write(openface(timestamp=0.)), fps=100).times, np.arange(N) * 10)
    with pytest.warns(MekitWarning, match="fps=100 is used as declared, but the times in the file say 200"):
        assert np.allclose(read_openface(write(openface()), fps=100).times, np.arange(N) * 10)
    with pytest.raises(MekitError, match="positive number"):
        read_openface(write(openface()), fps=0)


def test_off_the_scale(write):
    with pytest.warns(MekitWarning, match="12 values are off the scale 0 to 5, the first in row 2, AU12: 50"):
        read_openface(write(openface(AU12_r=LEVEL * 50)))


def test_presence_is_no_intensity(write):
    of = read_openface(write(openface()))
    with pytest.raises(MekitError, match="There is its presence: kind='presence'"):
        change(of, 3, 28)
    assert change(of, 3, 28, kind="presence").peak == 0
    with pytest.raises(MekitError, match="AU9 among the units with intensity: 4, 12"):
        of.curve(9)


@given(st.lists(st.floats(0, 4), min_size=10, max_size=40), st.floats(0, 1), st.integers(0, 9))
@settings(max_examples=50, deadline=None)
def test_a_level_drops_out(values, level, onset):
    "Adding a constant to every frame changes no change and no noise"
    def table(v):
        frames = np.arange(len(v))
        return FaceTable("t", "f", frames, None, {"intensity": pd.DataFrame({12: v}, index=frames)}, {"intensity": "0 to 5"}, {"intensity": ""})
    a, b = change(table(values), onset, 12), change(table(np.array(values) + level), onset, 12)
    assert np.allclose(a.values, b.values) and a.before == b.before == onset
    assert (a.noise is None) == (onset < LEAST_BEFORE) and (a.noise is None or np.isclose(a.noise, b.noise, atol=1e-9))
    assert a.noise is None or np.isclose(a.noise, np.std(values[:onset], ddof=1), atol=1e-9)


def test_change(write):
    clip = synthesize({"AU12": "C"}, fps=100., duration_ms=600, onset_ms=100, apex_ms=250, offset_ms=500, size=64)
    truth, n = clip.truth.intensity["AU12"] * .5, len(clip)
    numbered = clip.replace(numbers=np.arange(n) + 46)  # the database's own frame numbers
    level = np.random.default_rng(0).normal(1, .05, n) + truth
    of = read_openface(write(openface(n=n, AU12_r=level)))
    found = change(of, numbered, 12)
    assert (found.onset, found.offset, found.before) == (11, 51, 10) and found.times[10] == 0
    assert abs(found.peak - truth.max()) < .25 and abs(found.peak_frame - 26) <= 4 and .02 < found.noise < .09
    assert f"{found.before} frames" in repr(found)
    mean = change(of, 11, 12, reference="before")
    assert np.isclose(mean.values[11], level[10] - level[:10].mean()) and mean.ratio > found.ratio * 1.1
    with pytest.raises(MekitError, match="a table of the clip's 50 frames"):
        change(of, numbered[10:], 12)
    with pytest.raises(MekitError, match="an onset among the frames 1 to 60"):
        change(of, 0, 12)
    with pytest.raises(MekitError, match="clip with an onset"):
        change(of, numbered.mark(onset=None, apex=None, offset=None), 12)


def test_change_at_a_failed_frame(write):
    of = read_openface(write(openface(success=(np.arange(N) != 6).astype(int))))
    with pytest.raises(MekitError, match="a failed frame at the onset 7"):
        change(of, 7, 12)
    assert change(of, 7, 12, reference="before").before == 6
    down = read_openface(write(openface(AU12_r=LEVEL[::-1])))
    assert change(down, 1, 12).peak == -2 and change(down, 1, 12).peak_frame == N


def test_unknown_options(write):
    with pytest.raises(TypeError, match="Did you mean 'recording'"):
        read_pyfeat(write(pyfeat()), recordin="a")
    with pytest.raises(MekitError, match="Did you mean 'before'"):
        change(read_openface(write(openface())), 3, 12, reference="befor")
