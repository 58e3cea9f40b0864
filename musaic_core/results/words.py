"""Quality, cost, interpretability and steerability of models, in words."""

import numpy as np
import pandas as pd

from musaic_core.results.statistics import front


def trade_off(
    table: pd.DataFrame,
    n_hints: float = np.nan,
    lower_is_better: bool = False,
    cheaper: str = "cheaper",
) -> str:
    """Say what a figure of models' scores and costs shows.

    Parameters
    ----------
    table : DataFrame
        A row a model that competes, by its label: ``score``, ``cost``, ``whole``,
        whether all recordings have a score, and ``purity``, ``gain`` and ``gain_low``
        as `purest` and `gains_most` take them. NaN where there is none.
    n_hints : float
        By which models gain so much.
    lower_is_better : bool
        Whether the score is a loss.
    cheaper : str
        What costs less is.

    Returns
    -------
    str
        Sentences.
    """
    table = table[table["score"].notna()]
    drawn = table[table["cost"] > 0].sort_values("cost", kind="stable")
    if drawn.empty:
        return "No model has a score and such a cost here."
    quality = drawn["score"] * (-1 if lower_is_better else 1)
    best = drawn.index[front(drawn["cost"], quality.where(drawn["whole"]))]
    lacks = table.index.difference(drawn.index, sort=False)
    said = []
    if len(best) and len(drawn) == 1:
        which = "with such a cost" if len(lacks) else "here"
        said.append(f"{best[0]} is the only model {which}")
    elif len(best):
        said.append(f"No solver is better and {cheaper} than {', '.join(best)}")
    if len(lacks):
        said.append(f"Not drawn, without such a cost: {', '.join(lacks)}")
    said.append(purest(table["purity"]))
    said.append(gains_most(table["gain"], table["gain_low"], n_hints))
    return ". ".join(text for text in said if text) + "."


def purest(purity: pd.Series) -> str:
    """Say whose components are purest.

    Parameters
    ----------
    purity : Series
        By label; NaN of models without components.

    Returns
    -------
    str
        "" where no model has components.
    """
    if purity.isna().all():
        return ""
    if purity.max() <= 0:
        return "No model's components are purer than by chance"
    most = f"{purity.idxmax()} ({purity.max():.2f})"
    return f"The purest components are those of {most}"


def gains_most(gain: pd.Series, low: pd.Series, n_hints: float) -> str:
    """Say which model gains most by hints.

    Parameters
    ----------
    gain : Series
        Mean by label, where nothing was said; NaN of models that were told nothing.
    low : Series
        Lower bound of its 95 % interval; NaN of one recording alone.
    n_hints : float
        How many there were.

    Returns
    -------
    str
        "" where nobody was told anything.
    """
    if gain.isna().all():
        return ""
    if gain.max() <= 0:
        return f"By {n_hints:.0f} hints no model gains anything where none was given"
    most = gain.idxmax()
    text = f"By {n_hints:.0f} hints {most} gains most where none was given"
    text += f" ({gain[most]:+.3f}"
    if np.isnan(low[most]):
        return f"{text}, on one recording)"
    return text + (")" if low[most] > 0 else ", not told apart from nothing)")
