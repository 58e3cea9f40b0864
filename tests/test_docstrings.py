"""The docstrings of the low-rank package: complete, and their examples run."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

import musaic_core.lowrank as lowrank

# what is missing or contradicts the signature; the rest is a matter of style
ERRORS = {
    "GL08",  # no docstring
    "PR01",  # parameters not documented
    "PR02",  # parameters documented and unknown
    "PR03",  # in another order
    "PR04",  # without a type
    "RT01",  # no Returns
    "SS01",  # no summary
    "SS03",  # a summary that does not end with a period
}


def public():
    """Every public function and class, and their methods, by name."""
    for name in lowrank.__all__:
        item = getattr(lowrank, name)
        path = f"{item.__module__}.{item.__qualname__}"
        yield path
        if inspect.isclass(item) and not issubclass(item, dict):
            yield from (
                f"{path}.{member}"
                for member, value in vars(item).items()
                if not member.startswith("_") and inspect.isfunction(value)
            )


@pytest.mark.parametrize("path", list(public()))
def test_a_docstring_says_what_the_signature_says(path):
    validate = pytest.importorskip("numpydoc.validate").validate
    inherits = path.endswith((".of_unit", ".gradient_of_unit"))
    errors = {code for code, _ in validate(path)["errors"]} & ERRORS
    assert errors <= ({"GL08"} if inherits else set())


def modules():
    for module in pkgutil.walk_packages(lowrank.__path__, f"{lowrank.__name__}."):
        if not module.name.endswith("._native"):
            yield module.name


@pytest.mark.parametrize("name", list(modules()))
def test_examples_run(name):
    module = importlib.import_module(name)
    assert doctest.testmod(module).failed == 0
