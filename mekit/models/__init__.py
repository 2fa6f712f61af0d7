"""The models, one architecture a module; called, the package itself is the verb `mekit.models()`: the table of `zoo.models`"""
import sys as _sys
from importlib import import_module as _import_module
from importlib.util import find_spec as _find_spec
from types import ModuleType as _ModuleType


class _Models(_ModuleType):
    "A package and a verb of one name: whichever was loaded first, `me.models()` and `me.models.zoo.build(...)` both work"
    def __call__(self, **options):
        return self.zoo.models(**options)

    def __getattr__(self, name):        # a module is loaded when it is first asked for
        module = f"{self.__name__}.{name}"
        if name.startswith("_") or _find_spec(module) is None:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        return _import_module(module)


_sys.modules[__name__].__class__ = _Models
