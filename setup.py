"""The C kernels; everything else about the package is in pyproject.toml."""

import sys

from setuptools import Extension, setup

kernels = Extension(
    "musaic_core.lowrank.kernels._native",
    ["musaic_core/lowrank/kernels/native.c"],
    depends=[
        f"musaic_core/lowrank/kernels/{name}.h"
        for name in ("half", "instances", "pool")
    ],
    extra_compile_args=["-O3", "-std=gnu11", "-pthread"],
    extra_link_args=["-pthread"],
    py_limited_api=True,
    # without a compiler the package installs all the same and runs in NumPy
    optional=True,
)

setup(ext_modules=[] if sys.platform == "win32" else [kernels])
