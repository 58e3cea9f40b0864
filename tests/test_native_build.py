"""The C kernels as the compiler and its sanitizers see them."""

import os
import shutil
import subprocess
import sys
import sysconfig

import pytest
from conftest import ROOT

SOURCE = ROOT / "musaic_core/lowrank/kernels/native.c"
FLAGS = ["-std=gnu11", "-pthread", "-I", sysconfig.get_path("include")]
CHECKED = ["-shared", "-fPIC", "-O1", "-g", "-DBASELINE_ONLY"]
# many threads, each with factorizations of its own, on the pool that they share
THREADS = """
import threading
import numpy as np
from musaic_core.lowrank import nmf
from musaic_core.lowrank.kernels import _native

assert _native.__file__.startswith({folder!r}), _native.__file__
V = np.random.default_rng(0).gamma(1, 1, (200, 300)).astype(np.float32)
runs = [
    threading.Thread(target=nmf, args=(V, 12), kwargs=dict(
        beta=beta, update=update, seed=0, max_iter=5))
    for beta in (0, 1, 2) for update in ("mu", "hals-mu")
]
for run in runs:
    run.start()
for run in runs:
    run.join()
print("all have ended")
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("gcc") is None, reason="there is no gcc here"),
    pytest.mark.skipif(sys.platform != "linux", reason="the sanitizers are Linux's"),
]


def compiled(folder, *flags):
    """A copy of the package in a folder, its kernels compiled with those flags."""
    ignore = shutil.ignore_patterns("_native*.so", "__pycache__")
    shutil.copytree(ROOT / "musaic_core", folder / "musaic_core", ignore=ignore)
    target = folder / "musaic_core/lowrank/kernels/_native.abi3.so"
    build = ["gcc", *CHECKED, *flags, *FLAGS, SOURCE, "-o", target]
    result = subprocess.run(build, capture_output=True, text=True, encoding="utf-8")
    if "cannot find" in result.stderr:
        pytest.skip(f"the sanitizer is not installed: {result.stderr.strip()}")
    assert result.returncode == 0, result.stderr


def runtime(name):
    """The file of a sanitizer's runtime, which a Python without it has to preload."""
    result = subprocess.run(
        ["gcc", f"-print-file-name={name}.so"],
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    return result.stdout.strip()


def run_in(folder, arguments, libraries, **options):
    """Python in that folder, with the sanitizers' runtimes loaded before all else."""
    environment = os.environ | options | {"PYTHONPATH": str(folder)}
    environment["LD_PRELOAD"] = " ".join(map(runtime, libraries))
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )


def test_the_compiler_has_nothing_to_say(tmp_path):
    flags = ["-O3", "-Wall", "-Wextra", "-Werror", "-c", "-o", tmp_path / "native.o"]
    build = ["gcc", *FLAGS, *flags, SOURCE]
    result = subprocess.run(build, capture_output=True, text=True, encoding="utf-8")
    assert result.returncode == 0, result.stderr


def test_no_kernel_reads_or_writes_what_is_not_its_own(tmp_path):
    compiled(tmp_path, "-fsanitize=address,undefined", "-fno-omit-frame-pointer")
    libraries = "libasan", "libubsan", "libstdc++"
    checks = ROOT / "tests/test_kernels.py"
    result = run_in(
        tmp_path,
        ["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", str(checks)],
        libraries,
        ASAN_OPTIONS="detect_leaks=0",
        UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1",
    )
    said = result.stdout[-4000:] + result.stderr[-4000:]
    assert result.returncode == 0, said


def test_no_two_threads_race(tmp_path):
    compiled(tmp_path, "-fsanitize=thread")
    libraries = ("libtsan",)
    trial = run_in(tmp_path, ["-c", "print('here')"], libraries)
    if trial.stdout.strip() != "here":
        pytest.skip(f"ThreadSanitizer does not run here: {trial.stderr[-500:]}")
    code = THREADS.format(folder=str(tmp_path))
    result = run_in(tmp_path, ["-c", code], libraries, OMP_NUM_THREADS="3")
    assert result.stdout.strip() == "all have ended", result.stderr[-4000:]
    assert "ThreadSanitizer" not in result.stderr, result.stderr[:4000]
