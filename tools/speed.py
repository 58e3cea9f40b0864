"""Milliseconds an iteration, this project beside every installed peer.

Run ``python -m tools.speed``. All packages run in one process, in turn, from the same
start and on as many threads as they take by themselves; absent ones are listed as such.
The limit is the floating-point work of the products that a gradient is made of, over
the measured rate of float32 matrix products. A multiplicative update for β = 0 keeps
two parts of the gradient apart, which takes 1.5 times the limit; coordinate descent
takes fewer products. Problems of a GPU are measured where there is one.
"""

from __future__ import annotations

import argparse
import json
import math
import time
import warnings
from collections.abc import Callable

import numpy as np
import torch

from tools.speed_problems import OURS, Problem, finished, problems

ROUNDS = 5
SECONDS_A_RUN = 0.4


def matrix_product_rate(device: str = "cpu") -> float:
    """Multiplications a second in float32 matrix products, by the fastest BLAS."""
    A = np.random.default_rng(0).random((1536, 1536), np.float32)
    if device != "cpu":
        A = np.tile(A, (6, 6))
    T = torch.from_numpy(A).to(device)
    products = [finished(lambda: T @ T, device)]
    if device == "cpu":
        products.append(lambda: A @ A)
    return len(A) ** 3 / min(_seconds(product) for product in products * ROUNDS)


def measure(problem: Problem) -> None:
    """Fill in every contender's milliseconds; what cannot run says why.

    An iteration's time is the difference between a long and a short run, so that
    what comes before the first iteration is left out.
    """
    running = []
    for contender in problem.contenders:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                run = contender.make()
            first = _seconds(lambda run=run: run(2))
            n = contender.iterations or 2 + max(
                3, min(200, math.ceil(2 * SECONDS_A_RUN / first))
            )
            running.append((contender, run, n, []))
        except ImportError as error:
            contender.trouble = str(error)
        except Exception as error:
            contender.trouble = f"failed: {type(error).__name__}: {error}"
    for _ in range(ROUNDS):
        for contender, run, n, times in running:
            long = _seconds(lambda run=run, n=n: run(n))
            if contender.iterations is None:
                long = (long - _seconds(lambda run=run: run(2))) / (n - 2)
            times.append(1e3 * long)
    for contender, _, _, times in running:
        contender.milliseconds = float(np.median(times))


def _seconds(function: Callable[[], object]) -> float:
    begin = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        function()
    return time.perf_counter() - begin


def report(problem: Problem, limit: float) -> list[dict]:
    """Print a problem's table; its records."""
    peers = [
        c.milliseconds
        for c in problem.contenders
        if c.package != OURS and not c.trouble
    ]
    fastest = min(peers, default=math.nan)
    has_limit = not math.isnan(limit)
    print(f"\n{problem.name}" + (f" (limit {limit:.2f} ms)" if has_limit else ""))
    print("  package      backend           milliseconds  of best peer  of limit")
    for c in sorted(problem.contenders, key=lambda c: (c.trouble, c.milliseconds)):
        if c.trouble:
            print(f"  {c.package:12} {c.backend:16} {c.trouble}")
            continue
        relative = f"{c.milliseconds / limit:9.2f}" if has_limit else ""
        print(
            f"  {c.package:12} {c.backend:16} {c.milliseconds:13.2f} "
            f"{c.milliseconds / fastest:13.2f} {relative}"
        )
    return [
        {
            "problem": problem.name,
            "package": c.package,
            "backend": c.backend,
            "ms": c.milliseconds,
            "limit_ms": limit if has_limit else None,
        }
        for c in problem.contenders
        if not c.trouble
    ]


def main(arguments: list[str] | None = None) -> None:
    """Measure and print; see the module's docstring."""
    parser = argparse.ArgumentParser("tools.speed", description=__doc__)
    parser.add_argument("--json", metavar="FILE", help="write the records there")
    parser.add_argument("--only", metavar="PROBLEM", help="measure one problem")
    options = parser.parse_args(arguments)
    records, known = [], False
    for problem in problems(options.only):
        known = True
        if not problem.contenders:
            print(f"\n{problem.name}: not measured, there is no GPU here")
            continue
        rate = matrix_product_rate(problem.device)
        measure(problem)
        rate = max(rate, matrix_product_rate(problem.device))
        records += report(problem, 1e3 * problem.work / rate)
    if not known:
        parser.error(f"--only {options.only} is not one of the problems")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(records, file, indent=1)


if __name__ == "__main__":
    main()
