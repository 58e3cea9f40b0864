"""What is corrected for chance is 0 on the mean where there is nothing but chance."""

import numpy as np
import pytest

from musaic_core.tasks.interpretability import alignment_in_time


@pytest.mark.parametrize(("n_bars", "n_patterns"), [(24, 4), (60, 12)])
def test_patterns_that_have_nothing_to_do_with_the_sections_are_at_chance(
    n_bars, n_patterns
):
    """However few bars there are: the mean over songs drawn at random is 0."""
    found = []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        lengths = rng.choice([4, 8], n_bars)
        labels = np.repeat(rng.integers(4, size=n_bars), lengths)[:n_bars]
        sections = labels == np.unique(labels)[:, None]
        level = rng.gamma(0.3, 1, (n_patterns, n_bars + 2))
        level = sum(level[:, i : i + n_bars] for i in range(3))  # they last
        found.append([*alignment_in_time(level, sections).values()])
    np.testing.assert_allclose(np.nanmean(found, axis=0), 0, atol=0.03)
