"""Run a notebook without a browser and write it as one page that still scrubs, with no kernel and no network.

python tools/page.py nbs/tutorials/01_tour.ipynb _build/tour.html     one page
python tools/page.py nbs _build/docs                                  every notebook of a folder
"""
import re
import sys
import time
from pathlib import Path

import nbformat
from nbclient.exceptions import CellExecutionError
from nbconvert import HTMLExporter
from nbformat.v4 import new_output

from notebooks import is_private, notebooks, run

TEMPLATE = Path(__file__).parent / "template"
FETCH = re.compile(r"""<(?:script|link|img|iframe)\b[^>]*?\b(?:src|href)\s*=\s*["']?(?:https?:)?//[^"'>\s]+""", re.I)

LEFT_OUT = "A private face is shown here in the live notebook; it is left out of this page."


def without_private(nb: nbformat.NotebookNode) -> nbformat.NotebookNode:
    "The notebook with a sentence in place of every private face"
    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.outputs = [new_output("display_data", {"text/plain": LEFT_OUT}) if is_private(o) else o for o in cell.outputs]
    return nb


def to_html(nb: nbformat.NotebookNode, title: str) -> str:
    "The notebook as one self-contained page"
    exporter = HTMLExporter(template_name="template", extra_template_basedirs=[str(TEMPLATE.parent)], embed_images=True)
    exporter.exclude_input_prompt = exporter.exclude_output_prompt = True
    html, _ = exporter.from_notebook_node(without_private(nb), resources={"metadata": {"name": title}})
    fetched = FETCH.findall(html)
    if fetched:
        sys.exit(f"{title}: the page would ask the network for {fetched[:3]}")
    return html


def ran(source: Path) -> nbformat.NotebookNode:
    "The notebook after a run in which widgets show themselves as pages; a cell's error ends it in one line"
    try:
        return run(source, MEKIT_WIDGETS="page")
    except CellExecutionError as error:
        sys.exit(f"{source.name}: {error.ename}: {error.evalue}")


def write_page(source: Path, target: Path, live: bool = True) -> None:
    "Write `target` whole or not at all; with `live` the notebook is run, else its saved outputs are shown"
    start = time.perf_counter()
    html = to_html(ran(source) if live else nbformat.read(source, 4), source.stem)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_suffix(".html.tmp")
    temporary.write_text(html, encoding="utf-8")
    temporary.replace(target)
    print(f"{target}: {target.stat().st_size / 2**20:.1f} MB in {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    source, target = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    if source.is_dir():
        for path in notebooks(source):      # library notebooks keep the outputs they were saved with; the others scrub
            write_page(path, target / path.relative_to(source).with_suffix(".html"), live=not path.name[0].isdigit() or path.parent != source)
    else:
        write_page(source, target)
