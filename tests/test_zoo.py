"The zoo as a user meets it: one name for package and verb, entries of one's own, files of others"
import importlib
import pkgutil

import pytest
import torch
from torch import nn

import mekit as me
from mekit.core import MekitError
from mekit.models import zoo
from mekit.models.zoo import build


# ---- one name for a package and a verb
def test_the_package_is_the_verb():
    assert me.models is importlib.import_module("mekit.models") and me.models.zoo is zoo
    assert me.models.zoo.build("infusenet_small", n_out=12).magnifier.difference
    assert me.models().equals(zoo.models()) and "sssnet" in me.models().index
    import mekit.models.drawing as drawing
    assert drawing.draw
    with pytest.raises(AttributeError, match="no attribute 'zo'"):
        me.models.zo
    with pytest.raises(TypeError, match="unknown option 'x'"):
        me.models(x=1)


def test_no_verb_hides_a_package():
    "A lazy verb with the name of a package is the one or the other, depending on what was imported first"
    packages = {module.name for module in pkgutil.iter_modules(me.__path__)}
    assert not packages & {verb for verbs in me._VERBS.values() for verb in verbs}
