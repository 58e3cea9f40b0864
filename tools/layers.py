"""What the layers of a deep model stand for: ``python -m tools.layers``.

A deep NMF has a view of a recording at every depth, each an NMF of its own. Are the
deeper ones about larger things: notes, then chords, then bars that are alike, then
sections? Purity and completeness of each layer with respect to each of these, on the
test songs of the embedded corpus, are put into docs/measured/layers.json beside those
of a plain NMF of the layer's size, which no layer above has shaped; and drawn in
docs/layers.svg.
"""

import json
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import scipy.cluster.hierarchy
import scipy.spatial.distance

from musaic_core.data.corpus import read_corpus
from musaic_core.data.recording import Track
from musaic_core.lowrank import deep_nmf, nmf
from musaic_core.results.statistics import mean_interval
from musaic_core.tasks.components import as_arrays
from musaic_core.tasks.concepts import labels_at, pitches_sounding
from musaic_core.tasks.disentanglement import disentanglement
from musaic_core.tasks.interpretability import alignment_in_time
from musaic_core.tasks.transcription.spectrogram import FRAME, spectrogram
from musaic_core.tasks.transcription.task import Transcription

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "docs" / "measured" / "layers.json"
FIGURE = ROOT / "docs" / "layers.svg"
SONGS = ROOT / "datasets" / "mini" / "songs" / "test"
RANKS = (64, 32, 16, 8)  # of the layers, the finest first
SCORES = ("purity", "completeness")
ITERATIONS = 100
THINNED = 4  # frames to one that the lasso is fitted to: it takes long
SIXTEENTHS = 16  # of a bar: how finely its notes are told apart
ALIKE = 0.5  # bars that share half of their notes are


def concepts_of(track: Track, times: np.ndarray) -> dict[str, np.ndarray]:
    """What there is in a song at which time, from small to large.

    Parameters
    ----------
    track : Track
        With notes, beats, chords and sections.
    times : ndarray, shape (T,)
        s.

    Returns
    -------
    dict of str to ndarray of bool, shape (K, T)
        Of ``notes`` by pitch, ``chords``, ``bars`` that are alike, and ``sections``.
    """
    return {
        "notes": pitches_sounding(track.notes, times)[1],
        "chords": labels_at(track.chords, times),
        "bars": labels_at(bars_alike(track), times),
        "sections": labels_at(track.sections, times),
    }


def bars_alike(track: Track) -> pd.DataFrame:
    """The bars of a song, where those have the same label that share their notes.

    Parameters
    ----------
    track : Track
        With notes and downbeats.

    Returns
    -------
    DataFrame
        ``start`` (s), ``end`` (s), ``label``: groups by average linkage of the bars'
        sets of pitch and sixteenth, whose members have at least half in common.
    """
    bars = np.append(track.downbeats, track.duration)
    onsets, pitches = track.notes.onsets, track.notes.pitches
    which = np.searchsorted(bars, onsets + 0.02, side="right") - 1
    inside = (which >= 0) & (which < len(bars) - 1)
    which, onsets, pitches = which[inside], onsets[inside], pitches[inside]
    place = (onsets - bars[which]) / np.diff(bars)[which] * SIXTEENTHS
    there = np.zeros((len(bars) - 1, SIXTEENTHS, 128), bool)
    there[which, np.round(place).astype(int).clip(0, SIXTEENTHS - 1), pitches] = True
    apart = scipy.spatial.distance.pdist(there.reshape(len(there), -1), "jaccard")
    tree = scipy.cluster.hierarchy.linkage(apart, "average")
    labels = scipy.cluster.hierarchy.fcluster(tree, ALIKE, "distance")
    return pd.DataFrame({"start": bars[:-1], "end": bars[1:], "label": labels})


def views_of(V: np.ndarray, seed: int) -> dict[tuple[str, int], object]:
    """A recording at every depth, and by plain NMFs of the same sizes.

    Parameters
    ----------
    V : ndarray, shape (F, T)
    seed : int

    Returns
    -------
    dict of (str, int) to Model
        By ``deep`` or ``plain``, and the number of the layer from 1.
    """
    options = {"beta": 1, "max_iter": ITERATIONS, "seed": seed}
    deep = deep_nmf(V, RANKS, loss="layers", start_iter=ITERATIONS, **options)
    views = {("deep", i): layer for i, layer in enumerate(deep.layers, 1)}
    return views | {("plain", i): nmf(V, r, **options) for i, r in enumerate(RANKS, 1)}


def measure(track: Track, seed: int = 0) -> list[dict]:
    """Alignment of each view of a song with each of its concepts.

    Parameters
    ----------
    track : Track
    seed : int

    Returns
    -------
    list of dict
        ``model``, ``layer``, ``concept``, ``purity``, ``completeness``, and what
        `disentanglement` gives, ``by lasso``.
    """
    V = spectrogram(*track.audio(), track.name) ** Transcription.compression
    concepts = concepts_of(track, np.arange(V.shape[1]) * FRAME)
    records = []
    for (model, layer), view in views_of(V, seed).items():
        W, H = as_arrays(view)
        loudness = H * W.sum(0)[:, None]
        for concept, there in concepts.items():
            found = alignment_in_time(loudness, there)
            by_lasso = disentanglement(loudness[:, ::THINNED], there[:, ::THINNED])
            found |= {f"{name} by lasso": by_lasso[name] for name in by_lasso}
            records.append(
                {"model": model, "layer": layer, "concept": concept, **found}
            )
    return records


def summarise(records: list[dict]) -> list[dict]:
    """Means over songs, with what a deep layer has more than a plain NMF.

    Parameters
    ----------
    records : list of dict
        From `measure`, each with its ``track``.

    Returns
    -------
    list of dict
        One a layer, concept and ``score``: ``deep`` and ``plain``, means over songs;
        ``difference``, and the ``half_width`` of its 95 % interval.
    """
    table = pd.DataFrame(records).melt(
        ["track", "model", "layer", "concept"], var_name="score"
    )
    table = table[table["score"].isin(SCORES)]
    wide = table.pivot_table(
        "value", ["score", "concept", "layer", "track"], "model", sort=False
    )
    rows = []
    for (score, concept, layer), of_songs in wide.groupby(level=[0, 1, 2], sort=False):
        gained = of_songs["deep"] - of_songs["plain"]
        interval = mean_interval(gained.to_numpy()[:, None])
        row = {"score": score, "concept": concept, "layer": int(layer)}
        row |= {"rank": RANKS[layer - 1], "songs": int(gained.notna().sum())}
        row |= of_songs.mean().round(3).to_dict()
        row |= {"difference": round(interval.mean, 3)}
        row |= {"half_width": round(interval.half_width, 3)}
        rows.append(row)
    return rows


def agreement(records: list[dict]) -> dict[str, float]:
    """How alike the two ways to look at components rank the views of each song.

    Parameters
    ----------
    records : list of dict
        From `measure`, each with its ``track``.

    Returns
    -------
    dict of str to float
        By the two scores, the mean over songs and concepts of their rank correlation
        over views.
    """
    songs = pd.DataFrame(records).groupby(["track", "concept"])
    pairs = [("purity", "disentanglement"), ("completeness", "completeness")]
    alike = {
        (ours, theirs): [
            of_song[ours].corr(of_song[f"{theirs} by lasso"], "spearman")
            for _, of_song in songs
        ]
        for ours, theirs in pairs
    }
    return {
        f"{ours} and {theirs} by lasso": round(float(np.nanmean(values)), 2)
        for (ours, theirs), values in alike.items()
    }


def draw(rows: list[dict], file: Path) -> None:
    """Draw alignment by layer and concept.

    Parameters
    ----------
    rows : list of dict
        From `summarise`.
    file : Path
        An SVG file.
    """
    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "layers"  # the same bytes each time
    import matplotlib.pyplot as plt

    table = pd.DataFrame(rows)
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    for axis, (score, part) in zip(
        axes, table.groupby("score", sort=False), strict=True
    ):
        for i, (concept, of_concept) in enumerate(part.groupby("concept", sort=False)):
            x = of_concept["layer"]
            axis.plot(x, of_concept["deep"], "o-", color=f"C{i}", label=concept)
            axis.plot(x, of_concept["plain"], "o:", color=f"C{i}", mfc="none")
        ticks = [f"{i}\n({rank})" for i, rank in enumerate(RANKS, 1)]
        axis.set(title=score, xlabel="layer (components)", ylim=(-0.05, None))
        axis.set_xticks(range(1, len(RANKS) + 1), ticks)
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("alignment (0: chance, 1: perfect)")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right center")
    figure.savefig(file, metadata={"Date": None})
    plt.close(figure)


def table(root: Path, name: str):
    """Rows of the table of docs/measured/layers.json, for `tools.tables`."""
    rows = json.loads((root / name).read_text(encoding="utf-8"))["layers"]
    layers = sorted({row["layer"] for row in rows})
    heads = [f"layer {i} ({RANKS[i - 1]})" for i in layers]
    yield "", "", *heads, "plain, same sizes"
    cells = {(row["score"], row["concept"], row["layer"]): row for row in rows}
    for score, concept in dict.fromkeys((s, c) for s, c, _ in cells):
        of_concept = [cells[score, concept, layer] for layer in layers]
        deep = (f"{row['deep']:.2f}".replace("-", "−") for row in of_concept)
        plain = ", ".join(f"{row['plain']:.2f}".replace("-", "−") for row in of_concept)
        yield score, concept, *deep, plain


def main() -> None:
    """Measure, write and draw, as the module says."""
    records = []
    for track in read_corpus(SONGS):
        records += [{"track": track.id, **record} for record in measure(track)]
        print(track.id, flush=True)
    rows = summarise(records)
    text = json.dumps({"layers": rows} | agreement(records), indent=1)
    FILE.write_text(text + "\n", encoding="utf-8", newline="\n")
    draw(rows, FIGURE)


if __name__ == "__main__":
    main()
