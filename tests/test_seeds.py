"""Chance comes from one seed, another one in each repetition."""

import ast

import pytest
from conftest import PIANO, ROOT, SONGS

BLIND = "nmf[dictionary=blind,beta=1,n_iter=40]"
FIXED = "nmf[dictionary=fixed,beta=1,n_iter=5]"


def seeds_drawn():
    """Each call of benchopt's `get_seed`: where it is, and what it is asked for."""
    for folder in ("objectives", "solvers", "datasets", "musaic_core"):
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                name = getattr(getattr(node, "func", None), "attr", None)
                if name == "get_seed":
                    options = {k.arg: ast.unparse(k.value) for k in node.keywords}
                    yield f"{file.relative_to(ROOT)}:{node.lineno}", options


def test_every_seed_is_of_its_repetition():
    found = dict(seeds_drawn())
    files = {place.split(":")[0] for place in found}
    assert {
        "datasets/simulated.py",
        "musaic_core/benchmark/objective.py",
        "musaic_core/benchmark/solver.py",
    } <= files
    for place, options in found.items():
        assert options.get("use_repetition") == "True", place


def repetitions(suite, benchmark, corpus, solver):
    """Scores of the tracks in each of two repetitions, computed anew."""
    _, results = suite.run(
        *("-r", 2, "--no-cache"),
        benchmark=benchmark,
        datasets=(corpus,),
        solvers=(solver,),
    )
    assert (results["objective_error"] == "").all()
    scores = results.pivot(
        index="objective_track", columns="idx_rep", values="objective_value"
    )
    assert scores.shape == (2, 2)
    return scores[0].tolist(), scores[1].tolist()


@pytest.mark.parametrize(
    ("benchmark", "corpus", "solver"),
    [
        ("amt", PIANO, BLIND),
        # with the templates held, all that is random is how they were learned
        ("mss", SONGS, FIXED),
    ],
    ids=["start of a model", "dictionary of stems"],
)
def test_a_repetition_draws_anew_and_a_run_can_be_repeated(
    suite, benchmark, corpus, solver
):
    first, second = repetitions(suite, benchmark, corpus, solver)
    assert first != second
    assert repetitions(suite, benchmark, corpus, solver) == (first, second)
