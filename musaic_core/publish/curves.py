"""How the training of networks went, for the pages of their solvers."""

import json
from collections.abc import Iterable

import pandas as pd

from musaic_core.publish.results import Benchmark


def learning_curves(runs: Iterable[tuple[Benchmark, pd.DataFrame]]) -> list[dict]:
    """Read the losses of each training that the runs of a solver tell of.

    Parameters
    ----------
    runs : iterable of (Benchmark, DataFrame)
        Its rows in each benchmark, with ``label`` and ``corpus``. What can't be read
        becomes a problem of the benchmark.

    Returns
    -------
    list of dict
        A ``name`` and ``networks``: of each the ``steps`` after which there was a
        check, the mean loss in ``training`` since the check before, and the loss on
        what is ``held_out``, None where nothing is.
    """
    found, known = [], set()
    for benchmark, rows in runs:
        of_run = ["corpus", "label", "idx_rep", "objective_losses"]
        for corpus, label, repetition, text in rows[of_run].drop_duplicates().values:
            name = f"{benchmark.title}, {corpus}: {label}"
            name += f", repetition {repetition + 1:.0f}" if repetition else ""
            if not text or name in known:
                continue
            try:
                networks = [_columns(checks) for checks in json.loads(text)]
            except (ValueError, TypeError) as error:
                benchmark.problems.append(f"{name}: losses can't be read ({error})")
                continue
            known.add(name)
            found.append({"name": name, "networks": networks})
    return found


def _columns(checks):
    names = "steps", "training", "held_out"
    rows = [[None if n is None else float(n) for n in check] for check in checks]
    return dict(zip(names, zip(*rows, strict=True), strict=True))
