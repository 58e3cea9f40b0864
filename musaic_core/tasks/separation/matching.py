"""Which parts of an answer stand for which stems, where these have other names."""

import numpy as np
import scipy.optimize

Stems = dict[str, np.ndarray]


def match_stems(
    references: Stems, parts: Stems, heard: np.ndarray | slice = slice(None)
) -> tuple[Stems, Stems, str]:
    """Match the parts that a model found to the stems that are to be found.

    Those of the same name belong together. Of the others, as many as can be are matched
    one to one, so that their correlations have the largest sum; what is left then joins
    what it correlates with most, and is added to it.

    Parameters
    ----------
    references : dict of str to ndarray, shape (channels, samples)
        The true stems.
    parts : dict of str to ndarray, shape (channels, samples)
        The estimated ones, whose names are those of what was learned from.
    heard : ndarray of bool, shape (samples,), or slice
        Of which samples the correlations are; by default of all.

    Returns
    -------
    references, parts : dict of str to ndarray, shape (channels, samples)
        With the same names, those of the references.
    told : str
        What was matched though it has other names, such as "synths: bass + guitar";
        empty if nothing was.
    """
    groups = [([name], [name]) for name in references if name in parts]
    others = [name for name in references if name not in parts]
    found = [name for name in parts if name not in references]
    if others or found:
        alike = _correlations(references, parts, heard)
        pairs = np.array([[alike[o, f] for f in found] for o in others])
        rows, columns = scipy.optimize.linear_sum_assignment(
            pairs.reshape(len(others), len(found)), maximize=True
        )
        groups += [
            ([others[i]], [found[j]]) for i, j in zip(rows, columns, strict=True)
        ]
        for i in set(range(len(others))) - set(rows):
            best = max(groups, key=lambda group: alike[others[i], group[1][0]])
            best[0].append(others[i])
        for j in set(range(len(found))) - set(columns):
            best = max(groups, key=lambda group: alike[group[0][0], found[j]])
            best[1].append(found[j])
    names = [" + ".join(of_stem) for of_stem, _ in groups]
    sums = [
        {
            name: np.sum([stems[member] for member in group[side]], axis=0)
            for name, group in zip(names, groups, strict=True)
        }
        for side, stems in enumerate((references, parts))
    ]
    told = "; ".join(
        f"{name}: {' + '.join(members)}"
        for name, (of_stem, members) in zip(names, groups, strict=True)
        if of_stem != members
    )
    return *sums, told


def _correlations(references, parts, heard):
    """How alike each stem and each part are where they are heard, from -1 to 1."""
    references, parts = (
        {name: np.asarray(y)[:, heard] for name, y in stems.items()}
        for stems in (references, parts)
    )
    lengths = {
        id(y): np.sqrt(np.vdot(y, y)) or 1.0
        for y in (*references.values(), *parts.values())
    }
    return {
        (name, part): np.vdot(stem, y) / lengths[id(stem)] / lengths[id(y)]
        for name, stem in references.items()
        for part, y in parts.items()
    }
