"The scripts behind the Makefile: what they keep of a notebook, and what they refuse to publish"
import os
import sys
from dataclasses import replace

import nbformat
import numpy as np
import pytest
from IPython.core.formatters import DisplayFormatter
from IPython.core.pylabtools import print_figure
from matplotlib.figure import Figure
from nbformat.v4 import new_code_cell, new_notebook, new_output
from notebook_reading import ROOT

from mekit.data.synthetic import synthesize
from mekit.explain.core import attribute
from mekit.figures.export import endings, export
from mekit.figures.motion import figure
from mekit.labels import Terms
from mekit.models.zoo import load
from mekit.motion.flow import flow
from mekit.viz.frames import flow_to_rgb
from mekit.widgets.scrubber import scrub
from mekit.widgets.workbench_panel import workbench

sys.path.insert(0, str(ROOT / "tools"))
from notebooks import clean, is_private, run  # noqa: E402
from page import LEFT_OUT, to_html, write_page  # noqa: E402


def shown(html: str):
    return new_output("display_data", {"text/html": html, "text/plain": "a clip"}, metadata={"machine": "x"})


def test_cleaning_keeps_pictures_and_drops_private_faces_counts_and_live_views():
    view = new_output("display_data", {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "image/png": "AAAA"})
    outputs = [shown("<p>ours</p>"), shown('<div data-terms="private">face</div>'), view, new_output("stream", name="stderr", text="warning")]
    cell = new_code_cell("1", outputs=outputs, execution_count=7, metadata={"scrolled": True})
    nb = clean(new_notebook(cells=[cell], metadata={"widgets": {"state": {}}}))
    nbformat.validate(nb)
    kept = nb.cells[0].outputs
    assert [sorted(o.data) for o in kept] == [["text/html", "text/plain"], ["image/png"]]
    assert nb.cells[0].execution_count is None and not nb.cells[0].metadata and not kept[0].metadata and "widgets" not in nb.metadata


def test_a_page_that_would_ask_the_network_is_refused():
    with pytest.raises(SystemExit, match="cdn.example.org"):
        to_html(new_notebook(cells=[new_code_cell("1", outputs=[shown('<script src="https://cdn.example.org/x.js"></script>')])]), "page")
    page = to_html(new_notebook(cells=[new_code_cell("1", outputs=[shown("<p>ours</p>")])]), "page")
    assert "<p>ours</p>" in page and "require.js" not in page


def test_what_is_private_is_found_in_html_and_in_metadata():
    for metadata in ({"mekit": {"terms": "private"}}, {"image/png": {"mekit": {"terms": "private"}, "width": 3}}):
        face = new_output("display_data", {"image/png": "FACE"}, metadata=metadata)
        assert is_private(face) and not clean(new_notebook(cells=[new_code_cell("1", outputs=[face])])).cells[0].outputs
        page = to_html(new_notebook(cells=[new_code_cell("1", outputs=[face])]), "page")
        assert "FACE" not in page and LEFT_OUT in page
    assert not is_private(new_output("display_data", {"image/png": "AAAA"}, metadata={"mekit": {"terms": "publishable"}, "width": 3}))
    assert not is_private(new_output("stream", name="stdout", text='data-terms="private"'))


@pytest.fixture(scope="module")
def secrets():
    "All that shows a private clip, by name"
    clip = synthesize({"AU4": 2.}, duration_ms=300, fps=100., size=96)
    clip, model = clip.replace(label=replace(clip.label, terms=Terms("private"))), load("ststnet")
    sheet, bench = figure(clip, rows=("frame",)), workbench(model, clip)
    return dict(clip=clip, attribution=attribute(model, clip, "AU4"), scrubber=scrub(clip, "frame"), preview=scrub(clip, "frame").preview(), workbench=bench, still=bench.preview(), figure=sheet, matplotlib=sheet.figure)


def as_output(thing):
    "What a notebook with inline pictures would hold"
    formatter = DisplayFormatter()
    formatter.formatters["image/png"].for_type(Figure, lambda f: print_figure(f, "png", base64=True))
    data, metadata = formatter.format(thing)
    return new_output("display_data", data, metadata=metadata)


@pytest.mark.parametrize("mode", ["", "page"])
@pytest.mark.parametrize("name", ["clip", "attribution", "scrubber", "workbench", "still", "preview", "figure", "matplotlib"])
def test_no_private_face_is_saved_published_or_exported(secrets, name, mode, tmp_path, monkeypatch):
    monkeypatch.setenv("MEKIT_WIDGETS", mode)
    thing = secrets[name]
    for out in clean(new_notebook(cells=[new_code_cell("1", outputs=[as_output(thing)])])).cells[0].outputs:
        assert list(out.data) == ["text/plain"]
    bare = to_html(new_notebook(cells=[new_code_cell("1", outputs=[new_output("display_data", {"text/plain": "x"})])]), "page")
    page = to_html(new_notebook(cells=[new_code_cell("1", outputs=[as_output(thing)])]), "page")
    assert page.count("data:image") == bare.count("data:image") and "data-state" not in page
    assert LEFT_OUT in page or "which is private" in page or mode != "page"      # live widgets are nothing in a page
    for ending in endings(thing):
        with pytest.raises(ValueError, match="is private"):
            export(thing, tmp_path / f"face{ending}")
    assert list(tmp_path.iterdir()) == []


def test_the_picture_of_a_flow_is_motion_and_no_face(secrets, monkeypatch):
    clip, drawn = secrets["clip"], []
    monkeypatch.setattr("mekit.motion.fields.encode_png", lambda image: drawn.append(image) or b"png")
    motion = flow(clip)
    assert "data:image" in motion._repr_html_()
    size = np.hypot(*motion.uv[motion.peak])
    assert np.array_equal(drawn[0], flow_to_rgb(motion.uv[motion.peak], limit=max(float(np.percentile(size, 99.5)), 1e-3)))


def test_what_a_private_workbench_shows(secrets, monkeypatch):
    bench = secrets["workbench"]
    assert sorted(bench._repr_mimebundle_()) == ["application/vnd.jupyter.widget-view+json", "text/plain"]
    monkeypatch.setenv("MEKIT_WIDGETS", "page")
    assert list(bench._repr_mimebundle_()) == ["text/plain"] and "is private" in bench._repr_mimebundle_()["text/plain"]


def test_the_banner_is_on_every_private_picture(secrets):
    for name in ("clip", "attribution", "figure", "matplotlib"):
        shown = as_output(secrets[name]).data["text/html"]
        assert 'data-terms="private"' in shown and "private: shown to you only" in shown


def test_a_failing_cell_ends_the_page_in_one_line_and_leaves_nothing(tmp_path):
    nbformat.write(new_notebook(cells=[new_code_cell("raise ValueError('no such clip')")]), tmp_path / "broken.ipynb")
    with pytest.raises(SystemExit, match="^broken.ipynb: ValueError: no such clip$"):
        write_page(tmp_path / "broken.ipynb", tmp_path / "page.html")
    assert [p.name for p in tmp_path.iterdir()] == ["broken.ipynb"]


def test_a_run_tells_the_kernel_and_nobody_else(tmp_path):
    nbformat.write(new_notebook(cells=[new_code_cell("import os; print(os.environ['MEKIT_WIDGETS'], os.environ['PLOTLY_RENDERER'])")]), tmp_path / "told.ipynb")
    before = dict(os.environ)
    assert run(tmp_path / "told.ipynb", MEKIT_WIDGETS="page").cells[0].outputs[0].text == "page plotly_mimetype\n"
    assert dict(os.environ) == before
