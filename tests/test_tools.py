"The scripts behind the Makefile: what they keep of a notebook, and what they refuse to publish"
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from notebook_reading import ROOT

sys.path.insert(0, str(ROOT / "tools"))
from notebooks import clean  # noqa: E402
from page import to_html  # noqa: E402


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
