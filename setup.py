"""The C kernels; everything else about the package is in pyproject.toml."""

import sys
from pathlib import Path

from setuptools import Extension, setup

FOLDER = "musaic_core/lowrank/kernels"

kernels = Extension(
    "musaic_core.lowrank.kernels._native",
    [f"{FOLDER}/native.c"],
    depends=sorted(map(str, Path(FOLDER).glob("*.h"))),
    extra_compile_args=["-O3", "-std=gnu11", "-pthread"],
    extra_link_args=["-pthread"],
    py_limited_api=True,
    # without a compiler the package installs all the same and runs in NumPy
    optional=True,
)

setup(ext_modules=[] if sys.platform == "win32" else [kernels])
