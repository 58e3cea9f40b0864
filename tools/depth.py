"""What depth adds: ``python -m tools.depth`` makes the tables of the page on it.

``python -m tools.depth results FILE.parquet …``
    Of `benchopt run benchmarks/factorization --config hierarchical.yml`: each model's
    mean scores over the draws, and its paired differences from a shallow model.
    Writes docs/measured/depth.json.
``python -m tools.depth recordings FILE …``
    Hides a tenth of the entries of spectrograms in bars and compares models of several
    sizes by how they predict these. Without files, it takes the test recordings of the
    embedded songs and piano pieces. Writes docs/measured/depth_recordings.json, under
    the name that ``--as NAME`` gives (mini).
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd

from musaic_core.data.corpus import read_corpus
from musaic_core.data.recording import Track
from musaic_core.lowrank import deep_ncp, deep_nmf, ncp, nmf, ntd
from musaic_core.results.statistics import mean_interval
from musaic_core.tasks.bars import fold_bars
from musaic_core.tasks.factorization.depth import candidates, prediction_loss
from musaic_core.tasks.factorization.task import Data
from musaic_core.tasks.structure.downbeats import hear_downbeats
from musaic_core.tasks.transcription.spectrogram import FRAME, spectrogram

ROOT = Path(__file__).resolve().parent.parent
MEASURED = ROOT / "docs" / "measured"
MODELS = tuple(candidates("ncp"))
# the shallow model that each is compared with: that contains the deep one, or for the
# fine level, that has one
CONTAINING = {"nmf": "nmf", "ncp": "ntd", "ntd": "ntd"}
FAMILY = {"nmf": "nmf", "ncp": "ncp", "ntd": "ntd"}
SCORES = {
    "held_out": CONTAINING,
    "error_of_mean": CONTAINING,
    "fine_match": FAMILY,
    "coarse_match": CONTAINING,
    "n_components": CONTAINING,
    "n_parameters": CONTAINING,
    "time_predict": CONTAINING,
}
COMPARED = "held_out", "error_of_mean", "fine_match", "coarse_match"
CHANCE = {"fine_match": "fine_chance", "coarse_match": "coarse_chance"}
SETTING = ["truth", "depth", "counts"]


def compare(results: pd.DataFrame) -> list[dict]:
    """Compare models on the same draws.

    Parameters
    ----------
    results : DataFrame
        Of runs on the dataset ``hierarchical``; of what was run twice, the last counts.

    Returns
    -------
    list of dict
        One a truth, depth, scale of counts, model and score: the ``mean`` over ``n``
        draws; for a match also its ``chance``; the ``difference`` from `reference`
        and the ``half_width`` of its 95 % interval, by Student's t over the draws.
    """
    named = {f"p_dataset_{name}": name for name in SETTING}
    df = results.rename(columns=named | {"p_solver_model": "model"})
    df.columns = [column.removeprefix("objective_") for column in df.columns]
    df = df.drop_duplicates([*SETTING, "model", "track"], keep="last")
    records = []
    for setting, rows in df.groupby(SETTING):
        for score, references in SCORES.items():
            if score not in rows:  # a coarse level, where no data has one
                continue
            cells = rows.pivot(index="track", columns="model", values=score)
            reference = references[setting[0]]
            for model in (m for m in MODELS if m in cells and cells[m].notna().any()):
                record = dict(zip(SETTING, setting, strict=True), model=model)
                record |= {"score": score, "n": int(cells[model].count())}
                record["mean"] = float(cells[model].mean())
                if score in CHANCE:
                    of_model = rows.loc[rows["model"] == model, CHANCE[score]]
                    record["chance"] = float(of_model.mean())
                if model != reference and reference in cells:
                    differences = (cells[model] - cells[reference]).to_numpy()
                    interval = mean_interval(differences[:, None])
                    record |= {"reference": reference, "difference": interval.mean}
                    record["half_width"] = interval.half_width
                records.append(record)
    return records


def table(root, name, *, truth, score, settings=None, digits="3"):
    """Rows of a page's table: models by settings, for one truth and one score.

    Parameters
    ----------
    root : Path
        Of the repository.
    name : str
        Of the file that `compare` made.
    truth : {"nmf", "ncp", "ntd"}
    score : str
        One of `SCORES`.
    settings : str, optional
        Depths and counts, such as "1 0.2; 2 0.2"; by default all.
    digits : str, default="3"
        Decimals.

    Yields
    ------
    tuple of str
        The first one the head.

    Raises
    ------
    ValueError
        The file has no such truth or score.
    """
    records = json.loads((root / name).read_text(encoding="utf-8"))
    records = [r for r in records if (r["truth"], r["score"]) == (truth, score)]
    if not records:
        raise ValueError(f"no {score} of {truth} in {name}")
    cells = {(r["depth"], r["counts"], r["model"]): r for r in records}
    there = sorted({key[:2] for key in cells})
    if settings is not None:
        pairs = [pair.split() for pair in settings.split(";")]
        there = [(int(depth), float(counts)) for depth, counts in pairs]
    yield ("model", *(f"{_levels(depth)}, {counts:g}" for depth, counts in there))
    known = {model for *_, model in cells}
    for model in filter(known.__contains__, MODELS):
        row = (cells.get((*setting, model)) for setting in there)
        yield (model.replace("_", " "), *(_cell(record, int(digits)) for record in row))


def _levels(depth):
    return "no hierarchy" if depth == 1 else f"{depth} levels"


def _cell(record, digits):
    if record is None:
        return "–"
    text = f"{record['mean']:.{digits}f}"
    if "chance" in record:
        text += f", chance {record['chance']:.{digits}f}"
    if "difference" in record and record["score"] in COMPARED:
        signed = f"{record['difference']:+.{digits}f}".replace("-", "−")
        text += f" ({signed} ± {record['half_width']:.{digits}f})"
    return text


# ---- recordings

RANKS = 8, 16, 32  # of the shallow models; the layers below have half of it
SECONDS, BARS, FRAMES = 10, 8, 48  # of a matrix; of a tensor, and of each of its bars
HOW = {"update": "mu-extrapolated", "missing": "nan", "max_iter": 200, "seed": 0}
SHALLOW = {"frames": ("nmf",), "bars": ("ncp", "ntd")}


def models(axes: str, rank: int) -> dict:
    """Models that are given as many iterations, by name.

    Parameters
    ----------
    axes : {"frames", "bars"}
        Whether V is a matrix or a tensor.
    rank : int

    Returns
    -------
    dict of str to callable
        Each takes V, with NaN where an entry is missing, and gives a model.
    """
    deep = HOW | {"start_iter": HOW["max_iter"] // 2, "max_iter": HOW["max_iter"] // 2}
    half = rank // 2
    if axes == "frames":
        return {
            "nmf": lambda V: nmf(V, rank, **HOW),
            "deep_nmf, layers": lambda V: deep_nmf(V, (rank, half), **deep),
            "deep_nmf, data": lambda V: deep_nmf(V, (rank, half), loss="data", **deep),
        }
    layers = {0: (half,)}
    return {
        "ncp": lambda V: ncp(V, rank, **HOW),
        "ntd": lambda V: ntd(V, (rank, rank, BARS // 2), **HOW),
        "deep_ncp, layers": lambda V: deep_ncp(V, rank, layers, **deep),
        "deep_ncp, data": lambda V: deep_ncp(V, rank, layers, loss="data", **deep),
    }


def predict(track: Track) -> list[dict]:
    """Hide a tenth of the entries of a recording's spectrograms, and predict them.

    Parameters
    ----------
    track : Track

    Returns
    -------
    list of dict
        One a model and rank: its axes, ``n_parameters`` and ``loss``, the mean KL
        divergence of the hidden entries, in units of the mean entry.
    """
    y, rate = track.audio()
    V = spectrogram(y, rate)
    downbeats = hear_downbeats(y, rate)[: BARS + 1]
    arrays = {"frames": V[:, : int(SECONDS / FRAME)]}
    if len(downbeats) == BARS + 1:
        arrays["bars"] = fold_bars(V, FRAME, downbeats, FRAMES)
    records = []
    for axes, V in arrays.items():
        V = (V / V.mean()).astype(np.float32)
        held_out = np.random.default_rng(0).random(V.shape) < 0.1
        data = Data(track.id, V, held_out=held_out)
        for rank in RANKS:
            for name, fit in models(axes, rank).items():
                model = fit(data.shown().V)
                loss = prediction_loss(data, np.asarray(model.reconstruct()), 1)
                record = {"track": track.id, "axes": axes, "model": name, "rank": rank}
                record |= {"n_parameters": model.n_parameters, "loss": float(loss)}
                records.append(record)
    return records


def compare_sizes(records: list[dict]) -> list[dict]:
    """Compare deep models with shallow ones of as many parameters.

    Parameters
    ----------
    records : list of dict
        From `predict`, of several recordings.

    Returns
    -------
    list of dict
        One an axes and model: ``parameters`` and ``loss`` by rank, means over ``n``
        recordings; of a deep model also the ``difference`` of the logarithms of its
        loss and that of each shallow model, at as many parameters by interpolation (at
        the ends, extrapolation), with the ``half_width`` of its 95 % interval.
    """
    df, compared = pd.DataFrame(records), []
    for (axes, model), rows in df.groupby(["axes", "model"], sort=False):
        sizes = rows.groupby("rank")[["n_parameters", "loss"]].mean()
        record = {"axes": axes, "model": model, "n": rows["track"].nunique()}
        record["parameters"] = sizes["n_parameters"].round().astype(int).tolist()
        record["loss"] = sizes["loss"].tolist()
        for shallow in SHALLOW[axes] if model not in SHALLOW[axes] else ():
            known = df[(df["axes"] == axes) & (df["model"] == shallow)]
            differences = [
                np.mean(np.log(own["loss"]) - _log_loss_at(own, of_track))
                for (_, own), (_, of_track) in zip(
                    rows.groupby("track"), known.groupby("track"), strict=True
                )
            ]
            interval = mean_interval(np.array(differences)[:, None])
            record[f"beside {shallow}"] = interval.mean, interval.half_width
        compared.append(record)
    return compared


def _log_loss_at(rows, shallow):
    """What shallow models of as many parameters lose, from a line in logarithms."""
    x, y = np.log(shallow["n_parameters"]), np.log(shallow["loss"])
    return np.polyval(np.polyfit(x, y, 1), np.log(rows["n_parameters"]))


def table_of_sizes(root, name, *, corpus):
    """Rows of a page's table of one corpus's recordings.

    Parameters
    ----------
    root : Path
        Of the repository.
    name : str
        Of the file of `compare_sizes`, by corpus.
    corpus : str

    Yields
    ------
    tuple of str
        The first one the head.
    """
    records = json.loads((root / name).read_text(encoding="utf-8"))[corpus]
    yield "V", "model", "parameters", "loss", "beside the shallow one of as many"
    for r in records:
        beside = [
            f"{100 * np.expm1(value[0]):+.1f} % ± {100 * value[1]:.1f} ({key[7:]})"
            for key, value in r.items()
            if key.startswith("beside ")
        ]
        sizes = " · ".join(f"{n / 1000:.1f} k" for n in r["parameters"])
        losses = " · ".join(f"{loss:.3f}" for loss in r["loss"])
        told = "; ".join(beside).replace("-", "−")
        yield f"{r['axes']}, n = {r['n']}", r["model"], sizes, losses, told or "–"


def main(arguments: list[str] | None = None) -> None:
    """Write what was measured; see the top of this module."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["results", "recordings"])
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--as", dest="corpus", default="mini")
    given = parser.parse_args(arguments)
    if given.what == "results":
        results = pd.concat(map(pd.read_parquet, given.files))
        return _write("depth.json", compare(results))
    tracks = [Track(file.stem, {"mixture": file}) for file in given.files] or [
        track
        for part in ("songs", "piano")
        for track in read_corpus(ROOT / "datasets" / "mini" / part / "test")
    ]
    records = [record for track in tracks for record in predict(track)]
    file = MEASURED / "depth_recordings.json"
    known = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    _write(file.name, known | {given.corpus: compare_sizes(records)})


def _write(name, found):
    """As JSON, a record a line."""
    rounded = json.loads(
        json.dumps(found), parse_float=lambda x: float(f"{float(x):.4g}")
    )
    text = json.dumps(rounded, ensure_ascii=False)
    text = text.replace("}, {", "},\n{") + "\n"
    (MEASURED / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
