"""Docstrings: complete where they have readers, true everywhere, their examples run."""

import doctest
import importlib
import inspect
import pkgutil
import re
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import ROOT
from solving import module_in

import musaic_core
from musaic_core import lowrank

# What is missing, misplaced, or says other than the signature. Left out: what not every
# function needs (ES01 more text, EX01 examples, SA01 other functions); descriptions
# where name, type and summary have said all (PR07, RT03), and what these begin and end
# with (PR08, PR09, RT04, RT05); summaries that begin with no verb or capital, as of a
# thing or of ℓ1 norms (SS05, SS02); and RT02, as a value may have a name.
TRUE = {
    "GL01",  # text that does not begin at the quotes
    "GL02",  # quotes that are not closed on a line of their own
    "GL03",  # two blank lines
    "GL05",  # tabs
    "GL06",  # sections that numpydoc does not know
    "GL07",  # in another order
    "GL08",  # no docstring
    "GL10",  # directives without colons
    "PR02",  # parameters that are none
    "PR03",  # in another order
    "PR04",  # without a type
    "PR05",  # types that end with a period
    "PR06",  # types by another name than Python's
    "PR10",  # no space before the colon
    "SS01",  # no summary
    "SS03",  # a summary without period
    "SS04",  # one that begins with a blank
    "SS06",  # one of several lines
}
COMPLETE = TRUE | {
    "PR01",  # parameters that are not documented
    "RT01",  # no Returns
    "YD01",  # no Yields
}


def modules():
    packages = pkgutil.walk_packages(musaic_core.__path__, "musaic_core.")
    return [p.name for p in packages if not p.name.endswith("._native")]


def load(name):
    """A module; the test is skipped where a package that it needs is absent."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name.startswith("musaic_core"):
            raise
        pytest.skip(f"{error.name} is not installed")


def public(module):
    """Functions and classes of a module, and the classes' own methods, by their path.

    With each comes its class if it is a method.
    """
    for name, item in vars(module).items():
        is_own = getattr(item, "__module__", None) == module.__name__
        if name.startswith("_") or not is_own:
            continue
        if inspect.isfunction(item) or inspect.isclass(item):
            yield f"{module.__name__}.{name}", item, None
        if inspect.isclass(item):
            for method, value in vars(item).items():
                kinds = (property, classmethod, staticmethod)
                if not method.startswith("_") and (
                    inspect.isfunction(value) or isinstance(value, kinds)
                ):
                    yield f"{module.__name__}.{name}.{method}", value, item


def expected(path, item, owner):
    """Which checks a docstring has to pass."""
    name = path.rpartition(".")[2]
    if owner is not None and any(hasattr(base, name) for base in bases(owner)):
        # the base class says what the method does; a docstring adds what is special
        return TRUE - {"GL08"}
    if inspect.isclass(item) and not made_here(item):
        return TRUE
    known = {getattr(lowrank, face) for face in lowrank.__all__}
    if path.startswith("musaic_core.lowrank.") and (owner or item) not in known:
        # behind the package's face a sentence may do
        return TRUE
    return COMPLETE


SOLVERS = [module_in(file) for file in (ROOT / "solvers").glob("*.py")]


def bases(cls):
    """The classes above; of one that is mixed in, also those beside it."""
    family = [cls]
    for member in family:
        family += member.__subclasses__()
    return {base for member in family for base in member.__mro__} - set(family)


def made_here(cls):
    """Whether what a class is called with is for its own docstring to say."""
    if getattr(cls, "_is_protocol", False):
        return False
    own = [c for c in cls.__mro__ if c.__module__.startswith("musaic_core.")]
    return any("__init__" in vars(c) or "__new__" in vars(c) for c in own)


@pytest.mark.parametrize("name", modules())
def test_docstrings_are_complete_and_true(name):
    validate = pytest.importorskip("numpydoc.validate").validate
    found = [
        f"{path}: {code} {text}"
        for path, item, owner in public(load(name))
        for code, text in validate(path)["errors"]
        if code in expected(path, item, owner)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", modules())
def test_examples_run(name):
    assert doctest.testmod(load(name)).failed == 0


def test_the_checks_see_what_is_wrong():
    """Of this function, which has no section for what it takes and gives."""
    validate = pytest.importorskip("numpydoc.validate").validate

    def codes(path):
        return {code for code, _ in validate(path)["errors"]}

    assert {"PR01"} <= codes(f"{__name__}.expected") & COMPLETE
    assert "GL08" in codes(f"{__name__}.modules") & TRUE


@pytest.mark.parametrize("page", ["README.md", "docs/models.md"])
def test_code_on_pages_runs(page):
    V = np.random.default_rng(0).gamma(1, 1, (24, 96)).astype(np.float32)
    task = SimpleNamespace(train=[0, 1], represent=lambda track: V)
    given = {"V": V, "X": V.T, "X_new": V.T[:9], "task": task, "nmf": lowrank.nmf}
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)
    assert blocks
    for code in blocks:
        exec(code, dict(given))


def is_published(solver):
    """Whether it is a network whose weights come from elsewhere."""
    packages = {r.removeprefix("pip::") for r in solver.requirements} - {"torch"}
    return solver.kind == "learned" and not hasattr(solver, "fit") and bool(packages)


PUBLISHED = [m.Solver for m in SOLVERS if is_published(m.Solver)]


@pytest.mark.parametrize("solver", PUBLISHED, ids=lambda s: s.name)
def test_published_networks_say_their_licence_and_what_they_learned_from(solver):
    told = " ".join(inspect.getdoc(solver).split())
    assert re.search(r"\b(MIT|ISC|Apache|CC BY|licence)\b", told)
    assert re.search(r"\b(trained on|trains|training songs)\b", told)
    names = {path.stem for path in (ROOT / "datasets").glob("*.py")}
    corpora = names | {"MAPS", "MUSDB18", "any corpus", "a corpus"}
    assert any(re.search(rf"\b{name}\b", told) for name in corpora)


def test_published_networks_are_found():
    names = {solver.name for solver in PUBLISHED}
    assert names >= {"basic_pitch", "madmom_notes", "transkun", "musicnn"}
    assert names >= {"spleeter", "htdemucs", "umx", "bs_roformer"}
    assert not names & {"note_cnn", "bar_autoencoder", "unet"}
