"""mekit: facial micro-expressions in the notebook.

`import mekit as me` loads nothing heavy; each verb below brings its module when it is first used.
"""
from importlib import import_module as _import_module

import lazy_loader as _lazy

__version__ = "0.1.0"

_VERBS = {
    "data.clip": ["read_clip"],
    "data.synthetic": ["synthesize", "demo"],
    "data.index": ["combine", "read_index"],
    "data.quality": ["quality"],
    "data.agreement": ["agreement"],
    "face.detect": ["detect", "crop_face"],
    "face.landmarks": ["landmarks"],
    "face.align": ["align"],
    "face.regions": ["regions"],
    "motion.flow": ["flow"],
    "motion.strain": ["strain"],
    "motion.magnify": ["magnify"],
    "motion.spotting": ["spot"],
    "motion.samples": ["samples"],
    "models.zoo": ["build", "load"],
    "eval.report": ["report"],
    "explain.core": ["attribute"],
    "figures.motion": ["figure"],
    "figures.export": ["export"],
    "widgets.scrubber": ["scrub"],
    "widgets.annotator": ["annotate"],
    "widgets.workbench_panel": ["workbench"],
}
_SHORT = {"read": "read_clip", "crop": "crop_face"}
_MODULES = {"databases": "data.databases", "protocols": "data.protocols",     # many functions of one kind: me.databases.casme2(root)
            "models": "models"}       # a package that can be called: me.models() and me.models.zoo.build(...)
_attribute, _names, _ = _lazy.attach(__name__, submod_attrs=_VERBS)
__all__ = sorted({*_SHORT, *_MODULES, *(v for vs in _VERBS.values() for v in vs)} - {*_SHORT.values()} | {"__version__"})


def __getattr__(name):
    if name in _MODULES: return _import_module(f"{__name__}.{_MODULES[name]}")
    return _attribute(_SHORT.get(name, name))


def __dir__():
    return __all__
