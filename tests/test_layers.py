"The order of the house: a notebook imports only lower numbers, and some edges never exist"
import ast
from itertools import product

import pytest
from notebook_reading import Cell, Notebook, library, tutorials

BOOKS = library()
NUMBER = {b.module: b.number for b in BOOKS}
VERBS_ONLY = {"mekit"}
HEAVY = {"mediapipe", "dask", "distributed", "diffusers", "torchvision", "plotly", "captum"}
ids = [b.path.stem for b in BOOKS]


def targets(imported, book: Notebook) -> list[str]:
    "The mekit modules an import statement reaches"
    name = imported.module
    if name.startswith("."):
        base = book.module.split(".")[: -len(name) + len(name.lstrip(".")) or None]
        name = ".".join([*base, name.lstrip(".")]).rstrip(".")
    if not name.split(".")[0] == "mekit":
        return []
    deeper = [f"{name}.{n}" for n in imported.names if f"{name}.{n}" in NUMBER]
    return deeper or [name]


def edges(book: Notebook) -> list[str]:
    return [t for cell in book.cells for i in cell.imports for t in targets(i, book)]


def upward(book: Notebook) -> list[str]:
    "Imports that reach this notebook's own number or a higher one, by module, by prefix, or through the top-level verbs"
    wrong = []
    for target in edges(book):
        if target in VERBS_ONLY or target == "mekit._assets":
            wrong += [target] if target in VERBS_ONLY else []
        elif target in NUMBER:
            wrong += [target] if NUMBER[target] >= book.number and target != book.module else []
        else:
            wrong.append(f"{target} (no such notebook)")
    return wrong


@pytest.mark.parametrize("book", BOOKS, ids=ids)
def test_imports_only_lower_numbers(book):
    assert not upward(book), f"{book.path.name} imports {upward(book)}; its number is {book.number}"


@pytest.mark.parametrize("book", BOOKS, ids=ids)
def test_one_notebook_one_module(book):
    assert book.default_exp == [book.module.removeprefix("mekit.")]


def forbidden(number: int, target: str) -> bool:
    "The edges that must not exist although the numbers would allow them"
    layer, in_ = number // 10, target.startswith
    return any([
        layer == 4 and in_("mekit.data.databases"),
        layer == 6 and (in_("mekit.train") or in_("mekit.models") and target != "mekit.models.base"),
        layer in (7, 8) and (in_("mekit.models") or in_("mekit.train")),
        in_("mekit.tutorials"),
    ])


@pytest.mark.parametrize("book", BOOKS, ids=ids)
def test_forbidden_edges(book):
    exported = [t for cell in book.cells if cell.exported for i in cell.imports for t in targets(i, book)]
    assert not [t for t in exported if forbidden(book.number[0], t)]


@pytest.mark.parametrize("book", BOOKS, ids=ids)
def test_no_torch_below_motion(book):
    "Layers 0x to 2x run where torch is absent; 05_weights aside, and 00_core asks for it only when a device is chosen"
    if book.number[0] >= 30 or book.path.stem == "05_weights":
        return
    found = [i for cell in book.cells if cell.exported for i in cell.imports if i.module.split(".")[0] == "torch"]
    if book.path.stem == "00_core":
        found = [i for i in found if i.level == "module"]
    assert not found


@pytest.mark.parametrize("book", BOOKS, ids=ids)
def test_heavy_packages_are_imported_inside_functions(book):
    wrong = [i.module for c in book.cells if c.exported for i in c.imports if i.level == "module" and i.module.split(".")[0] in HEAVY]
    assert not wrong


def is_import(node: ast.stmt) -> bool:
    return isinstance(node, (ast.Import, ast.ImportFrom))


def impure(cell: Cell) -> bool:
    "A cell that both imports at its top level and does something else"
    kinds = {is_import(n) for n in cell.tree.body}
    return kinds == {True, False}


@pytest.mark.parametrize("book", [*BOOKS, *tutorials()], ids=[*ids, *(t.path.stem for t in tutorials())])
def test_import_cells_are_pure(book):
    assert not [c.source[:80] for c in book.cells if impure(c)]


def test_tutorials_export_nothing():
    assert not [t.path.name for t in tutorials() for c in t.cells if c.exported or t.default_exp]


def test_the_rules_bite():
    "Each rule, shown something wrong, says so"
    def book(name, source):
        return Notebook(BOOKS[0].path.with_name(name), (Cell(source, True),), 0)
    assert upward(book("10_data.clip.ipynb", "from mekit.motion.flow import flow"))
    assert upward(book("10_data.clip.ipynb", "import mekit"))
    assert upward(book("10_data.clip.ipynb", "def f():\n    from mekit.widgets import scrubber"))
    assert upward(book("10_data.clip.ipynb", "from ..motion.flow import flow"))
    assert not upward(book("30_motion.flow.ipynb", "from mekit.core import need"))
    assert impure(Cell("import os\nx = 1", True)) and not impure(Cell("import os\nimport sys", True))
    bad = [(60, "mekit.train.loop"), (60, "mekit.models.ststnet"), (70, "mekit.models.zoo"), (80, "mekit.train.loop"), (41, "mekit.data.databases")]
    assert all(forbidden(*edge) for edge in bad)
    assert not any(forbidden(n, t) for n, t in product((60, 70, 80, 90), ("mekit.data.clip",)))
