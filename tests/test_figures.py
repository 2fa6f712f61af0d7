"Figures on paper: exact width, embedded type, nothing cut off or overlapping, true scales, and a sidecar that tells how"
import base64
import io
import json
import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pypdf
import pytest
from matplotlib.text import Text
from PIL import Image

from mekit.core import MekitError
from mekit.data.clip import read_clip
from mekit.data.synthetic import synthesize
from mekit.explain.core import Attribution
from mekit.figures.export import endings, export
from mekit.figures.motion import KINDS, figure
from mekit.labels import Label, Terms, parse_aus
from mekit.motion.flow import Flow
from mekit.motion.flow import flow as compute_flow

ALL = tuple(KINDS)


@pytest.fixture(scope="module")
def clip():
    return synthesize({"AU4": 2., "AU12L": 2.}, duration_ms=300, fps=100., size=96)


@pytest.fixture(scope="module")
def flow(clip):
    return compute_flow(clip)


@pytest.fixture(scope="module")
def cam(clip, flow):
    y, x = np.mgrid[:96, :96] / 96
    ramp = np.linspace(0, 1, len(clip))[:, None, None] * (np.exp(-((x - .5) ** 2 + (y - .4) ** 2) * 40) - .3)
    return Attribution(ramp.astype(np.float32), (10, 10), flow.pairs, "gradcam", "AU4", "join", "ststnet", clip, flow)


def texts(sheet) -> list[Text]:
    "Every text of the figure that would be drawn"
    return [t for t in sheet.figure.findobj(Text) if t.get_visible() and t.get_text().strip()]


def boxes(sheet) -> list:
    sheet.render("png", dpi=72)
    sheet.figure.canvas.draw()
    return [(t.get_text(), t.get_window_extent()) for t in texts(sheet)]


CASES = [dict(width_mm=85), dict(width_mm=178), dict(width_mm=85, layout="columns", rows=("frame", "flow", "strain", "cam")),
         dict(width_mm=178, layout="rows", limits={"flow": .913, "cam": .0123, "strain": 61.}), dict(width_mm=178, layout="columns", limits={"flow": .913, "cam": 120., "strain": .061}), dict(width_mm=178, rows=ALL), dict(width_mm=85, rows=("quiver", "difference"), frames=("onset", 8, "apex")),
         dict(width_mm=178, frames=("onset", 11, 12, 13, "apex", "offset"), rows=("frame", "flow")), dict(width_mm=120, frames=("apex",), rows=("frame", "cam"))]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_text_is_7_pt_or_more_inside_the_page_and_nothing_overlaps(cam, case):
    sheet = figure(cam, **case)
    assert min(t.get_fontsize() for t in texts(sheet)) >= 7
    page, found = sheet.figure.bbox, boxes(sheet)
    for text, box in found:
        assert box.x0 >= page.x0 - .5 and box.x1 <= page.x1 + .5 and box.y0 >= page.y0 - .5 and box.y1 <= page.y1 + .5, f"{text!r} leaves the page"
    for i, (a, one) in enumerate(found):
        for b, other in found[i + 1:]:
            w = min(one.x1, other.x1) - max(one.x0, other.x0)
            h = min(one.y1, other.y1) - max(one.y0, other.y0)
            assert w <= 1 or h <= 1, f"{a!r} overlaps {b!r}"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_panels_are_aligned_and_equal(cam, case):
    sheet = figure(cam, **case)
    n = len(sheet.content.columns) * len(sheet.content.values)
    panels = sorted(sheet.figure.axes, key=lambda a: -a.get_position().width * a.get_position().height)[:n]
    sizes = np.array([[a.get_position().width, a.get_position().height] for a in panels])
    assert np.ptp(sizes, 0).max() < 1e-9
    for side in ("x0", "y0"):
        assert len({round(getattr(a.get_position(), side), 6) for a in panels}) in (len(sheet.content.columns), len(sheet.content.values))


@pytest.mark.parametrize("width", [85, 178])
def test_exact_width_and_embedded_fonts(cam, tmp_path, width):
    sheet = figure(cam, width_mm=width)
    page = pypdf.PdfReader(sheet.save(tmp_path / "f.pdf")).pages[0]
    assert abs(float(page.mediabox.width) / 72 * 25.4 - width) < .01
    fonts = [f.get_object() for f in page["/Resources"]["/Font"].values()]
    assert fonts and all("/FontFile2" in f["/DescendantFonts"][0].get_object()["/FontDescriptor"] for f in fonts)
    assert "onset" in page.extract_text() and "%IOD" in page.extract_text()
    svg = sheet.save(tmp_path / "f.svg").read_text()
    assert abs(float(re.search(r'width="([\d.]+)pt"', svg)[1]) / 72 * 25.4 - width) < .01
    assert "<text" not in svg
    image = Image.open(sheet.save(tmp_path / "f.png", dpi=300))
    assert abs(image.size[0] / 300 * 25.4 - width) < .1 and round(image.info["dpi"][0]) == 300


@pytest.mark.parametrize("kind", ["pdf", "svg", "png"])
def test_the_same_cell_gives_the_same_bytes(cam, kind):
    assert figure(cam, width_mm=85).render(kind) == figure(cam, width_mm=85).render(kind)


def test_the_onset_column_is_zero_and_the_others_are_the_flow(clip, flow):
    noisy = Flow(flow.uv + 1, flow.pairs, "noisy", {}, clip.iod)
    sheet = figure(clip, flow=noisy, rows=("flow", "strain"))
    assert not sheet.content.values["flow"][0].any() and not sheet.content.values["strain"][0].any()
    assert np.array_equal(sheet.content.values["flow"][1], noisy.uv[clip.label.apex])


def test_missing_flow_is_computed_and_named(clip, flow):
    sheet = figure(clip, rows=("flow",))
    assert np.array_equal(sheet.content.values["flow"][1], flow.uv[clip.label.apex])
    assert sheet.facts["flow"]["method"] == "dis" and sheet.facts["flow"]["params"]


def test_units_on_both_sides_of_the_flow_key(clip, flow):
    sheet = figure(clip, flow=flow, rows=("flow",), limits={"flow": 2.})
    shown = [t.get_text() for t in texts(sheet)]
    assert "px" in shown and "%IOD" in shown and "2" in shown and f"{200 / clip.iod:.2g}" in shown
    alone = [t.get_text() for t in texts(figure(clip.replace(iod=None), flow=flow, rows=("flow",)))]
    assert "%IOD" not in alone and any("pixels only" in t.replace("\n", " ") for t in alone)


def test_one_limit_a_kind_shared_by_the_columns(clip, flow):
    sheet = figure(clip, flow=flow, frames=("onset", 12, "apex"), rows=("flow", "strain"))
    assert set(sheet.content.limits) == {"flow", "strain"}
    assert all(0 <= share < .01 for share in sheet.facts["clipped"].values())
    assert figure(clip, flow=flow, rows=("flow",), limits={"flow": .5}).facts["limits"] == {"flow": .5}


def test_sidecar_tells_what_made_the_figure(cam, clip, tmp_path):
    figure(cam, width_mm=178).save(tmp_path / "a.pdf")
    told = json.loads((tmp_path / "a.pdf.json").read_text())
    apex = clip.label.apex
    assert told["clip"]["digest"] == clip.digest() and told["file"] == "a.pdf" and told["terms"]["access"] == "publishable"
    assert told["frames"] == [clip.label.onset, apex] and told["times_ms"][1] == pytest.approx(clip.times[apex])
    assert told["flow"]["pairs"] == [[clip.label.onset, apex]] and told["width_mm"] == 178
    assert told["attribution"]["grid"] == [10, 10] and told["attribution"]["target"] == "AU4" and "pair (onset, t)" in told["attribution"]["caption"]
    assert set(told["limits"]) == {"flow", "strain", "cam"}


def test_the_map_row_says_it_explains_a_pair(cam):
    said = " ".join(t.get_text().replace("\n", " ") for t in texts(figure(cam)))
    assert "explains the pair (onset, t)" in said and "10 x 10 grid" in said


def test_a_pair_alone_leaves_the_onset_without_a_map(cam, clip):
    k = clip.label.apex
    pair = replace(cam, maps=cam.maps[k:k + 1], pairs=cam.pairs[k:k + 1], flow=None)
    shown = [t.get_text() for t in texts(figure(pair, rows=("frame", "cam")))]
    assert shown.count("no map") == 1
    with pytest.raises(MekitError, match="explains the pair"):
        figure(pair, frames=("onset", k - 1), rows=("cam",))


def test_slow_video_bears_its_timing_note():
    slow = read_clip(np.random.default_rng(0).integers(0, 255, (6, 64, 64, 3), np.uint8), fps=25).mark(onset=0, apex=4)
    sheet = figure(slow, rows=("frame",))
    assert any("Too slow for micro timing" in t.get_text().replace("\n", " ") for t in texts(sheet)) and sheet.facts["timing_note"]
    untimed = figure(slow.replace(times=None, timebase="unknown"), rows=("frame",))
    assert not any(re.search(r"\d ms", t.get_text()) for t in texts(untimed)) and untimed.facts["times_ms"] is None


def test_private_faces_are_shown_but_not_written(clip, tmp_path):
    secret = clip.replace(label=replace(clip.label, terms=Terms("private")))
    sheet = figure(secret, rows=("frame",))
    assert any("PRIVATE" in t.get_text() for t in texts(sheet))
    for shown in (sheet, sheet.figure):
        data, metadata = shown._repr_mimebundle_()
        assert list(data) == ["text/html"] and metadata == {"mekit": {"terms": "private"}}
        assert 'data-terms="private"' in data["text/html"] and "private: shown to you only" in data["text/html"]
        for name in ("a.pdf", "a.png"):
            with pytest.raises(MekitError, match="is private"):
                export(shown, tmp_path / name)
    with pytest.raises(MekitError, match="is private"):
        sheet.figure.savefig(tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == [] and sheet.render("png")[:4] == b"\x89PNG"


def test_export_asks_any_matplotlib_figure_that_knows_its_clip(tmp_path):
    from matplotlib.figure import Figure
    drawn = Figure()
    drawn.clip_label = Label(terms=Terms("private"))
    with pytest.raises(MekitError, match="is private"):
        export(drawn, tmp_path / "a.pdf")


def test_the_sidecar_leaves_other_files_alone(clip, tmp_path):
    (tmp_path / "apex.json").write_text("mine")
    for name in ("apex.pdf", "apex.png"):
        figure(clip, rows=("frame",), width_mm=85).save(tmp_path / name)
    assert (tmp_path / "apex.json").read_text() == "mine"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["apex.json", "apex.pdf", "apex.pdf.json", "apex.png", "apex.png.json"]


def test_a_clip_without_label_is_named():
    plain = read_clip(np.zeros((3, 64, 64, 3), np.uint8), fps=200)
    for source, head in (("/films/smile.mp4", "smile.mp4"), ("/films/" + "x" * 90 + ".mp4", "x...")):
        sheet = figure(plain.replace(source=source), frames=(0,), rows=("frame",), width_mm=60)
        assert any(t.get_text().endswith(head) and t.get_fontweight() == "bold" for t in texts(sheet))


@pytest.mark.parametrize("layout", ["rows", "columns"])
def test_labels_share_baselines_the_foot_starts_with_the_panels_and_minus_is_minus(cam, layout):
    sheet = figure(cam, width_mm=178 if layout == "rows" else 85, rows=("frame", "flow", "cam"), frames=("onset", "apex") if layout == "rows" else ("apex",), layout=layout)
    found = {t.get_text(): t for t in texts(sheet)}
    kinds = [found[k].get_position() for k in ("frame", "flow", "attribution")]
    assert len({round(p[1 if layout == "columns" else 0], 6) for p in kinds}) == 1
    marks = [t for text, t in found.items() if text.startswith(("onset", "apex"))]
    assert len({round(t.get_position()[1 if layout == "rows" else 0], 6) for t in marks}) == 1 and all(t.get_va() == "baseline" for t in marks)
    left = min(a.get_position().x0 for a in sheet.figure.axes)
    assert found[next(t for t in found if t.startswith("Motion since"))].get_position()[0] == pytest.approx(left)
    assert any(t.startswith("\N{MINUS SIGN}") for t in found) and not any(re.fullmatch(r"-[\d.]+", t) for t in found)


@pytest.mark.parametrize("layout", ["rows", "columns"])
def test_the_wheel_has_no_frame(clip, flow, layout):
    sheet = figure(clip, flow=flow, rows=("flow",), frames=("apex",), width_mm=85, layout=layout)
    wheel = min(sheet.figure.axes, key=lambda a: a.get_position().width)
    for ax in (wheel, *wheel.child_axes):
        assert not any(s.get_visible() for s in ax.spines.values())
    assert wheel.child_axes and all(t.tick1line.get_markersize() == 0 for t in wheel.yaxis.get_major_ticks())


def test_a_failure_leaves_nothing_half_written(clip, tmp_path, monkeypatch):
    sheet = figure(clip, rows=("frame",))
    (tmp_path / "a.pdf").write_text("old")
    monkeypatch.setattr(sheet, "facts", sheet.facts | dict(bad=object()))
    with pytest.raises(TypeError):
        sheet.save(tmp_path / "a.pdf")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("a.pdf", "old")]


def test_wide_frames_many_units_and_odd_sizes(flow):
    wide = read_clip(np.zeros((4, 36, 90, 3), np.uint8), fps=200).mark(onset=0, apex=3)
    wide = wide.replace(label=replace(wide.label, aus=parse_aus("1+2+L4B+R12A+15+17+25+26").aus, emotion="surprise", sample="a/very/long/name/of/a/sample/that/goes/on"))
    for width in (40, 85, 250):
        sheet = figure(wide, rows=("frame", "difference"), width_mm=width)
        page = sheet.figure.bbox
        assert all(box.x1 <= page.x1 + .5 for _, box in boxes(sheet))
        assert sheet.figure.axes[0].get_position().width * width / (sheet.figure.axes[0].get_position().height * sheet.size_mm[1]) == pytest.approx(2.5)
    one = read_clip(np.zeros((1, 64, 64, 3), np.uint8))
    assert figure(one, frames=(0,), rows=("frame", "flow"))._repr_mimebundle_()[0]["image/png"]


BAD = [(dict(rows=("strian",)), "Did you mean 'strain'"), (dict(rows=()), "at least one row"), (dict(rows=("frame", "frame")), "each once"),
       (dict(frames=("aplex",)), "Did you mean 'apex'"), (dict(frames=(99,)), "a frame from 0 to"), (dict(frames=()), "at least one frame"), (dict(frames=(True, 2.5)), "a frame from 0"),
       (dict(width_mm=20), "40 to 250 mm"), (dict(limits={"flow": -1.}, rows=("flow",)), "positive number"), (dict(limits={"cam": 1.}, rows=("flow",)), "unknown row"),
       (dict(layout="diagonal"), "unknown layout"), (dict(rows=("cam",)), "attribute(model, clip, target)")]


@pytest.mark.parametrize("options, message", BAD, ids=[m for _, m in BAD])
def test_bad_options(clip, flow, options, message):
    with pytest.raises(MekitError, match=re.escape(message)):
        figure(clip, **dict(flow=flow) | options)


def test_bad_sources(clip, flow):
    for wrong in (np.zeros((3, 8, 8, 3)), "clip.mp4", None, flow):
        with pytest.raises(MekitError, match="a Clip or an Attribution"):
            figure(wrong)
    with pytest.raises(MekitError, match="flow of"):
        figure(clip, flow=Flow(flow.uv[..., :40, :40], flow.pairs, "dis", {}, None))
    with pytest.raises(MekitError, match="holds the pair"):
        figure(clip, flow=Flow(flow.uv[:2], flow.pairs[:2], "dis", {}, None))
    with pytest.raises(TypeError):
        figure(clip, width=85)


def test_export_knows_methods_and_no_classes(cam, tmp_path):
    assert endings(object()) == {} and endings(SimpleNamespace(to_html=print)) == {".html": "page"}
    export(cam, tmp_path / "cam.svg", width_mm=85)
    assert json.loads((tmp_path / "cam.svg.json").read_text())["width_mm"] == 85
    import matplotlib.pyplot as plt
    drawn, ax = plt.subplots()
    ax.plot([1, 2])
    export(drawn, tmp_path / "plot.pdf")
    plt.close(drawn)
    assert len(pypdf.PdfReader(tmp_path / "plot.pdf").pages) == 1
    refused = SimpleNamespace(preview=lambda: SimpleNamespace(data=b"face"), allow_writing=lambda what: (_ for _ in ()).throw(MekitError("private")))
    with pytest.raises(MekitError, match="private"):
        export(refused, tmp_path / "still.png")
    assert not (tmp_path / "still.png").exists()
    shown = Image.open(io.BytesIO(base64.b64decode(figure(cam)._repr_mimebundle_()[0]["image/png"])))
    assert shown.size[0] == pytest.approx(178 / 25.4 * 100, abs=2)
