"What the hygiene tests need to know about the notebooks, read from their JSON"
import ast
import json
import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NBS = ROOT / "nbs"


@dataclass(frozen=True)
class Import:
    module: str
    names: tuple[str, ...]
    level: str  # "module" or "inside"


@dataclass(frozen=True)
class Cell:
    source: str
    exported: bool

    @property
    def tree(self) -> ast.Module:
        lines = ["pass" if re.match(r"\s*[%!]", line) else line for line in self.source.splitlines()]
        return ast.parse("\n".join(lines))

    @property
    def imports(self) -> list[Import]:
        "Imports in this cell, also those inside functions and through importlib"
        found, top = [], set(self.tree.body)
        for node in ast.walk(self.tree):
            level = "module" if node in top else "inside"
            if isinstance(node, ast.Import):
                found += [Import(a.name, (), level) for a in node.names]
            elif isinstance(node, ast.ImportFrom):
                found.append(Import("." * node.level + (node.module or ""), tuple(a.name for a in node.names), level))
            elif isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in ("import_module", "__import__"):
                if node.args and isinstance(node.args[0], ast.Constant):
                    found.append(Import(node.args[0].value, (), level))
        return found


@dataclass(frozen=True)
class Notebook:
    path: Path
    cells: tuple[Cell, ...]
    words: int

    @property
    def number(self) -> tuple[int, str]:
        "(30, '') of 30_motion.flow; (31, 'a') of 31a_motion.shear"
        digits, letter = re.match(r"(\d\d)([a-z]?)_", self.path.name).groups()
        return int(digits), letter

    @property
    def module(self) -> str:
        "mekit.motion.flow, from the notebook's name"
        return "mekit." + re.sub(r"^\d\d[a-z]?_", "", self.path.stem)

    @property
    def default_exp(self) -> list[str]:
        return [m for c in self.cells for m in re.findall(r"^#\|\s*default_exp\s+(\S+)", c.source, re.M)]


def read(path: Path) -> Notebook:
    raw = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = [Cell("".join(c["source"]), bool(re.match(r"#\|\s*export", "".join(c["source"])))) for c in raw if c["cell_type"] == "code"]
    words = sum(len("".join(c["source"]).split()) for c in raw if c["cell_type"] == "markdown")
    return Notebook(path, tuple(code), words)


def library() -> list[Notebook]:
    "The numbered notebooks, in order"
    return [read(p) for p in sorted(NBS.glob("[0-9][0-9]*_*.ipynb"))]


def tutorials() -> list[Notebook]:
    return [read(p) for p in sorted((NBS / "tutorials").glob("*.ipynb"))]
