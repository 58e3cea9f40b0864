"""Intervals of mean scores, and which differences between solvers hold.

A solver's score of recording i in repetition r, that is, with seed r, is taken as

    y_ir = μ + a_i + b_r + e_ir

with a_i of variance σ_a² what the recording makes of it, b_r of variance σ_b² what
chance makes of a whole run, such as of its training, and e_ir of variance σ_e² what it
makes of one recording. The mean of n recordings and R repetitions then has the variance

    σ_a² / n  +  (σ_b² + σ_e² / n) / R

The first term is that of the recordings: others would have given another mean. The
second is that of chance: another seed would have. Both are estimated from the mean
squares MS_a, MS_b and MS_e of the two-way table without replication:

    σ_e² = MS_e,   σ_a² = (MS_a - MS_e) / R,   σ_b² = (MS_b - MS_e) / n

or 0 where that is negative. Intervals are Student's, with Satterthwaite's degrees of
freedom. With one repetition chance is not measured, and they are those of a plain mean
over recordings, in which σ_e² adds to σ_a² and σ_b² is not seen.

References
----------
F. E. Satterthwaite: An approximate distribution of estimates of variance components.
Biometrics Bulletin 2 (1946). S. R. Searle, G. Casella and C. E. McCulloch: Variance
Components. Wiley 1992.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from musaic_core.results.rows import APART

LEVEL = 0.95  # of the intervals
FALSE_DISCOVERY_RATE = 0.05  # of all pairs of solvers


@dataclass(frozen=True)
class Interval:
    """A mean score with its 95 % interval, and where its width comes from.

    Parameters
    ----------
    mean : float
        Of the recordings, each with the mean of its repetitions.
    n : int
        Recordings that it is a mean of.
    half_width : float
        From the mean to either bound; NaN where there is one score alone.
    recordings, chance : float
        Half-widths that the interval would have by the choice of recordings alone, and
        by the seeds alone; their squares add up to that of `half_width`. NaN where not
        measured: with one recording, or one repetition.
    """

    mean: float
    n: int
    half_width: float
    recordings: float
    chance: float

    @property
    def low(self) -> float:
        """Lower bound; the mean itself where there is no interval."""
        return self.mean - np.nan_to_num(self.half_width)

    @property
    def high(self) -> float:
        """Upper bound; the mean itself where there is no interval."""
        return self.mean + np.nan_to_num(self.half_width)

    @property
    def parts(self) -> str:
        """Say how much of the half-width is due to what."""
        if np.isnan(self.chance):
            return "chance: not measured (-r 3 does)"
        if np.isnan(self.recordings):
            return f"chance {self.chance:.3f}; one recording"
        return f"recordings {self.recordings:.3f}, chance {self.chance:.3f}"

    def __str__(self) -> str:
        """The half-width and its parts, such as "± 0.03 (recordings …, chance …)"."""
        if not self.n:
            return "no score"
        if np.isnan(self.half_width):
            return f"one recording; {self.parts}"
        if np.isnan(self.chance):
            return f"± {self.half_width:.3f}; {self.parts}"
        return f"± {self.half_width:.3f} ({self.parts})"


NO_SCORE = Interval(np.nan, 0, np.nan, np.nan, np.nan)


def mean_interval(scores: np.ndarray) -> Interval:
    """Estimate a mean score and its 95 % interval over recordings and seeds.

    Parameters
    ----------
    scores : array-like, shape (n recordings, R repetitions)
        One or more of them numbers; NaN where there is none. What a recording lacks
        in a repetition, its mean over the others stands in for.

    Returns
    -------
    Interval
        By the formula at the top of this module.
    """
    mean, n, recordings, chance, freedom = _decompose(scores)
    variance = np.nansum([recordings, chance])
    if np.isnan(recordings) and np.isnan(chance):
        return Interval(mean, n, np.nan, np.nan, np.nan)
    quantile = stats.t.ppf((1 + LEVEL) / 2, freedom)
    widths = quantile * np.sqrt([variance, recordings, chance])
    return Interval(mean, n, *map(float, widths))


def _decompose(scores):
    """The mean, n, its variance by recordings and by chance, degrees of freedom."""
    scores = np.asarray(scores, float)
    there = ~np.isnan(scores)
    scores = scores[there.any(1)][:, there.any(0)]
    means = np.nanmean(scores, axis=1)
    whole = scores[~np.isnan(scores).any(1)]
    if len(whole) < min(2, len(scores)):  # repetitions do not overlap enough
        scores = whole = means[:, None]
    n, R = scores.shape
    mean = float(means.mean())
    if R == 1:
        variance = whole.var(ddof=1) / n if n > 1 else np.nan
        return mean, n, variance, np.nan, n - 1
    if n == 1:
        return mean, n, np.nan, whole.var(ddof=1) / R, R - 1
    rows, columns = whole.mean(1, keepdims=True), whole.mean(0, keepdims=True)
    free = np.array([len(whole) - 1, R - 1, (len(whole) - 1) * (R - 1)])
    squares = np.array(
        [
            R * ((rows - whole.mean()) ** 2).sum(),
            len(whole) * ((columns - whole.mean()) ** 2).sum(),
            ((whole - rows - columns + whole.mean()) ** 2).sum(),
        ]
    )
    of_rows, of_columns, of_rest = squares / free
    recordings = max(0.0, of_rows - of_rest) / R / n
    chance = (max(0.0, of_columns - of_rest) / len(whole) + of_rest / n) / R
    spread = ((squares / free / (n * R)) ** 2 / free).sum()
    freedom = (recordings + chance) ** 2 / spread if spread else np.inf
    return mean, n, recordings, chance, max(freedom, min(free))


def differences_that_hold(
    cells: pd.DataFrame, lower_is_better: bool = False
) -> pd.DataFrame:
    """Test which solvers are better than which by more than chance.

    Each pair is compared on the recordings, and in the repetitions, that both have, by
    a t-test of their differences; with several repetitions it allows for the chance of
    seeds as intervals do. The false discovery rate over all pairs is held at 5 %
    (Benjamini and Hochberg 1995).

    Parameters
    ----------
    cells : DataFrame
        From `score_cells`.
    lower_is_better : bool
        Whether the score is a loss.

    Returns
    -------
    DataFrame of bool
        Solvers by solvers: whether that of the row is better than that of the column.
    """
    labels = cells.columns.get_level_values(0).unique()
    first, second = np.triu_indices(len(labels), 1)
    p, sign = np.ones(len(first)), np.zeros(len(first))
    for k, (i, j) in enumerate(zip(first, second, strict=True)):
        difference = (cells[labels[i]] - cells[labels[j]]).to_numpy()
        if not np.isfinite(difference).any():
            continue
        mean, n, recordings, chance, freedom = _decompose(difference)
        sign[k] = np.sign(mean)
        if n > 1 and mean != 0:
            error = np.sqrt(np.nansum([recordings, chance]))
            p[k] = 2 * stats.t.sf(abs(mean) / error, freedom) if error else 0.0
    better = np.zeros((len(labels), len(labels)), bool)
    if len(p):
        holds = stats.false_discovery_control(p) <= FALSE_DISCOVERY_RATE
        wins = sign < 0 if lower_is_better else sign > 0
        better[first, second] = holds & wins
        better[second, first] = holds & ~wins
    return pd.DataFrame(better, labels, labels)


def ranking(
    cells: pd.DataFrame,
    kinds: Mapping[str, str] | None = None,
    lower_is_better: bool = False,
) -> pd.DataFrame:
    """Rank solvers; floors and oracles stand apart.

    Parameters
    ----------
    cells : DataFrame
        From `score_cells`.
    kinds : dict of str to str, optional
        Kind of each solver, also of those that have no score at all. Floors and oracles
        come after the others, are compared with none, and have no rank.
    lower_is_better : bool
        Whether the score is a loss.

    Returns
    -------
    DataFrame
        Indexed by solver, the best mean first: ``mean`` over the recordings that it has
        a score for; ``interval``, an `Interval`; ``n``, their number, and ``of``, that
        of all recordings that some solver has a score for; ``kind``; ``apart``, whether
        it is a floor or oracle; ``shown_as``, its name with what must be said of it;
        ``rank``, 1 + how many are better by more than chance, or missing where it is
        apart or has fewer than two recordings; and ``others``, a list of those that it
        is not told apart from.
    """
    kinds = kinds or {}
    scored = cells.columns.get_level_values(0).unique() if len(cells) else []
    labels = dict.fromkeys([*scored, *(kinds if len(cells) else [])])
    competing = [label for label in scored if kinds.get(label) not in APART]
    # a test takes two recordings
    competing = [
        label for label in competing if cells[label].notna().any(axis=1).sum() > 1
    ]
    better = None
    if competing:
        better = differences_that_hold(cells[competing], lower_is_better)
    rows = {}
    for label in labels:
        interval = NO_SCORE
        if label in scored:
            interval = mean_interval(cells[label].to_numpy())
        kind, n, of = kinds.get(label, ""), interval.n, len(cells)
        ranked = label in competing
        others = []
        if ranked:
            alike = ~(better[label] | better.loc[label])
            others = [other for other in alike.index[alike] if other != label]
        marks = [kind] if kind in APART else []
        marks += [f"{n} of {of} recordings"] if n < of else []
        rows[label] = {
            "mean": interval.mean,
            "interval": interval,
            "n": n,
            "of": of,
            "kind": kind,
            "apart": kind in APART,
            "shown_as": f"{label} ({', '.join(marks)})" if marks else label,
            "rank": 1 + int(better[label].sum()) if ranked else pd.NA,
            "others": others,
        }
    columns = [
        *("mean", "interval", "n", "of", "kind"),
        *("apart", "shown_as", "rank", "others"),
    ]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    table = table.astype({"rank": "Int64", "apart": bool})
    order = table["mean"] if lower_is_better else -table["mean"]
    return table.iloc[np.lexsort([order, table["apart"]])]


def front(costs, qualities) -> np.ndarray:
    """Find the points that no other point beats.

    A point beats another that is dearer and no better, or worse and no cheaper.

    Parameters
    ----------
    costs : array-like, shape (n,)
        Lower is better.
    qualities : array-like, shape (n,)
        Higher is better. What is NaN in either is on no front.

    Returns
    -------
    ndarray of bool, shape (n,)
        Whether each is on the front.
    """
    costs, qualities = np.asarray(costs, float), np.asarray(qualities, float)
    beaten = (
        (costs <= costs[:, None])
        & (qualities >= qualities[:, None])
        & ((costs < costs[:, None]) | (qualities > qualities[:, None]))
    ).any(1)
    return ~beaten & np.isfinite(costs) & np.isfinite(qualities)
