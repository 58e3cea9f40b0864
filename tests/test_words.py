"""What is said of a figure is what its numbers are, whatever is missing from them."""

import numpy as np
import pandas as pd
import pytest

from musaic_core.results.words import gains_most, purest, trade_off

COLUMNS = ["score", "cost", "whole", "purity", "gain", "gain_low"]


def table(**rows):
    return pd.DataFrame.from_dict(rows, "index", columns=COLUMNS)


def test_the_front_the_purest_and_who_gains_most_are_named():
    found = table(
        slow=(0.9, 9.0, True, np.nan, 0.0, -0.1),
        fast=(0.5, 1.0, True, 0.4, 0.2, 0.1),
        beaten=(0.4, 2.0, True, 0.1, np.nan, np.nan),
    )
    assert trade_off(found, 16, cheaper="faster") == (
        "No solver is better and faster than fast, slow. "
        "The purest components are those of fast (0.40). "
        "By 16 hints fast gains most where none was given (+0.200)."
    )
    losses = trade_off(found, 16, lower_is_better=True)
    assert "No solver is better and cheaper than fast, beaten." in losses


def test_negative_scores_are_compared_as_others_are():
    found = table(
        a=(-3.0, 1.0, True, *[np.nan] * 3), b=(-1.0, 2.0, True, *[np.nan] * 3)
    )
    assert trade_off(found) == "No solver is better and cheaper than a, b."
    found.loc["b", "score"] = -4.0
    assert trade_off(found) == "No solver is better and cheaper than a."


def test_a_model_of_a_part_of_the_recordings_beats_none():
    found = table(
        part=(0.9, 1.0, False, *[np.nan] * 3), whole=(0.5, 2.0, True, *[np.nan] * 3)
    )
    assert trade_off(found) == "No solver is better and cheaper than whole."


def test_what_lacks_is_said():
    nothing = [np.nan] * 3
    alone = table(a=(0.5, 1.0, True, *nothing))
    assert trade_off(alone) == "a is the only model here."
    lacks = table(
        a=(0.5, 1.0, True, *nothing),
        b=(0.6, np.nan, True, *nothing),
        c=(0.6, 0.0, True, *nothing),
        silent=(np.nan, 1.0, False, *nothing),
    )
    assert trade_off(lacks) == (
        "a is the only model with such a cost. Not drawn, without such a cost: b, c."
    )
    assert "silent" not in trade_off(lacks)
    assert trade_off(lacks.loc[["b"]]).startswith(
        "No model has a score and such a cost"
    )
    assert trade_off(lacks[:0]).startswith("No model has")


def test_purity_at_chance_and_gains_below_nothing_are_no_praise():
    labels = ["a", "b"]
    assert purest(pd.Series([-0.1, np.nan], labels)).startswith("No model's components")
    none = gains_most(pd.Series([-0.1, 0.0], labels), pd.Series([-1, 0], labels), 4)
    assert none == "By 4 hints no model gains anything where none was given"
    some = pd.Series([0.1, 0.0], labels)
    assert "not told apart" in gains_most(some, pd.Series([-0.1, 0], labels), 4)
    assert "one recording" in gains_most(some, pd.Series([np.nan, 0], labels), 4)


@pytest.mark.parametrize("seed", range(40))
def test_there_is_a_text_whatever_the_numbers(seed):
    rng = np.random.default_rng(seed)
    numbers = rng.normal(0, 3, (seed % 5, len(COLUMNS)))
    numbers[rng.random(numbers.shape) < 0.3] = np.nan
    labels = [f"m{i}" for i in range(len(numbers))]
    found = pd.DataFrame(numbers, columns=COLUMNS, index=labels)
    found["whole"] = rng.random(len(found)) < 0.7
    text = trade_off(found, 4, lower_is_better=bool(seed % 2))
    assert text.endswith(".")
    assert "nan" not in text


@pytest.mark.parametrize("column", ["purity", "gain"])
def test_a_column_that_all_lack_is_not_spoken_of(column):
    found = table(a=(0.5, 1.0, True, 0.3, 0.2, 0.1), b=(0.4, 2.0, True, 0.2, 0.1, 0.05))
    found[column] = np.nan
    said = {"purity": "purest", "gain": "hints"}
    text = trade_off(found, 4)
    assert said.pop(column) not in text
    assert all(word in text for word in said.values())
