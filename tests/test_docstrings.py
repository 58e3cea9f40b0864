"""Docstrings of packages: complete, and their examples run."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

import musaic_core.lowrank as lowrank
from musaic_core import data, tasks
from musaic_core.tasks.base import Task

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


def public_in(package):
    """What the modules of a package define, but what overrides the contract's methods.

    `musaic_core.tasks.base` documents those.
    """
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        for name, item in vars(importlib.import_module(found.name)).items():
            if name.startswith("_") or getattr(item, "__module__", "") != found.name:
                continue
            if inspect.isfunction(item) or inspect.isclass(item):
                yield f"{found.name}.{name}"
            if inspect.isclass(item):
                overrides = issubclass(item, Task) and item is not Task
                yield from (
                    f"{found.name}.{name}.{member}"
                    for member, value in vars(item).items()
                    if not member.startswith("_")
                    and inspect.isfunction(value)
                    and not (overrides and hasattr(Task, member))
                )


@pytest.mark.parametrize("path", [*public_in(data), *public_in(tasks)])
def test_a_task_and_its_data_are_documented_in_full(path):
    validate = pytest.importorskip("numpydoc.validate").validate
    errors = {code for code, _ in validate(path)["errors"]} & ERRORS
    if path.endswith(".base.Model"):  # a protocol, which nobody makes one of
        errors.discard("PR01")
    assert not errors


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
