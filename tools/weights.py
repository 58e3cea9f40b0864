"""Train what ships with the repository: ``python -m tools.weights``.

States of learned solvers lie in `musaic_core/learned/weights`, so that a first run need
not train: those of runs on the embedded corpus in the unseen timbre, and those for
one's own recordings, which learn from all of its timbres. What ships depends on the
code: an edit to what a solver imports makes it train anew, until this has been called
again. There are also the weights of the network by which bars are heard, which no run
trains. ``manifest.json`` beside the states says what each was trained on, how long,
where, and what energy that took. This is an estimate, as few machines can measure it:
`WATTS` of the one core that works; memory and cooling are not counted.
"""

import importlib.metadata
import json
import platform
import shutil
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from benchopt.benchmark import Benchmark
from benchopt.utils.run_context import RunContext

from musaic_core.benchmark.digest import BINARIES, digest_of_code, files_imported
from musaic_core.benchmark.solver import SHIPPED, Solver
from musaic_core.benchmark.store import State, file_name, fitted
from musaic_core.data.corpus import read_corpus
from musaic_core.data.recording import Track
from musaic_core.tasks.guidance import learned_with
from musaic_core.tasks.structure import hearing

ROOT = Path(__file__).resolve().parent.parent
# whose states ship, and the parts of the embedded corpus that each learns from
SOLVERS = {
    "note_cnn": ("piano", "quartets"),
    "deep_salience": ("piano", "quartets"),
    "unet": ("songs",),
    "open_unmix": ("songs",),
    "boundary_cnn": ("songs",),
}
WATTS = 12.0  # that a core of a server or a laptop takes at work, about
MINI = ROOT / "datasets" / "mini"
# what bars are learned from: in the sound font that test songs are not played in
BAR_SONGS = MINI / "songs" / "train-unseen"


def shipped() -> Iterator[tuple[str, Solver]]:
    """Give each solver that ships a state, with its task and seed set.

    Yields
    ------
    corpus : str
        What it learns from.
    solver : Solver
    """
    for file in sorted(ROOT.glob("benchmarks/*/objective.py")):
        benchmark = Benchmark(file.parent)
        objective_class = benchmark.get_benchmark_objective()
        datasets = {d.name: d for d in benchmark.get_datasets()}
        for cls in benchmark.get_solvers():
            task_class = objective_class.task_class
            # a task that learns as another is served by the states of that
            if cls.name not in SOLVERS or cls.mismatch(task_class):
                continue
            if task_class.learns_as is not None:
                continue
            part = objective_class.learns_from
            corpora = [
                *(("mini", {"part": p}) for p in SOLVERS[cls.name]),
                ("folder", {"path": str(MINI / part / "test"), "learn_from": part}),
            ]
            for name, parameters in corpora:
                dataset = datasets[name].get_instance(**parameters)
                objective, solver = objective_class.get_instance(), cls.get_instance()
                RunContext().set_run_context(objective, dataset, solver, 0, base_seed=0)
                objective._set_dataset(dataset)
                solver.set_task(objective.task)
                # as a run sets it
                solver._asked = learned_with(objective._parameters)
                yield f"{name} {parameters.get('part', part)}", solver


def bar_songs(folder: Path = BAR_SONGS) -> list[Track]:
    """Give the songs that bars are learned from.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    list of Track
        Those in 6/8, whose annotated bars have two beats, have six: the bar pointer
        knows of eighths.
    """
    tracks = read_corpus(folder)
    for track in tracks:
        positions = pd.read_csv(track.beats_from)["position"]
        if positions.max() == 2:
            track.beats_from = partial(_in_eighths, track.beats_from)
    return tracks


def _in_eighths(file):
    """Beats of three eighths each, divided: in bars of six."""
    table = pd.read_csv(file)
    beats, positions = table["time"].to_numpy(), table["position"].to_numpy()
    ends = np.append(beats[1:], 2 * beats[-1] - beats[-2])
    thirds = np.arange(3)
    times = beats[:, None] + (ends - beats)[:, None] * thirds / 3
    positions = 3 * (positions[:, None] - 1) + 1 + thirds
    return pd.DataFrame({"time": times.ravel(), "position": positions.ravel()})


def hearing_depends_on(tracks: list[Track], seed: int = 0) -> dict:
    """Say all that the weights by which bars are heard depend on.

    Parameters
    ----------
    tracks : list of Track
        What they are trained on.
    seed : int

    Returns
    -------
    dict
        That JSON can hold.
    """
    file = Path(hearing.__file__)
    files = {f for f in files_imported(file) if f.suffix not in BINARIES}
    return {
        "network": "downbeats",
        "seed": seed,
        "training material": [track.content for track in tracks],
        "code": digest_of_code({*files, file}),
    }


def fitted_hearing(
    tracks: list[Track], seed: int = 0, file: Path = hearing.WEIGHTS
) -> tuple[State, float]:
    """Give the weights by which bars are heard, trained now or before.

    Parameters
    ----------
    tracks : list of Track
        What they are trained on.
    seed : int
    file : Path
        Where they are kept.

    Returns
    -------
    state : dict of str to ndarray
    seconds : float
        What their training took.
    """
    return fitted(
        hearing_depends_on(tracks, seed),
        lambda checkpoints: hearing.fit(tracks, seed, checkpoints),
        [file.parent],
        file.name,
    )


def energy_wh(seconds: float) -> float:
    """Estimate the energy of a training on one core.

    Parameters
    ----------
    seconds : float
        That it took.

    Returns
    -------
    float
        Wh.
    """
    return round(seconds * WATTS / 3600, 3)


def main() -> None:
    """Train what is not there, drop what is of no use any more, write a manifest."""
    manifest = {}
    for corpus, solver in shipped():
        print(f"{solver.name}, {corpus}", file=sys.stderr)
        solver.prepare()
        state, seconds = solver.fitted_in([SHIPPED])
        depends_on = solver.state_depends_on()
        entry = {"corpus": corpus, **_entry(state, seconds, depends_on)}
        manifest[file_name(depends_on)] = entry
    print("downbeats", file=sys.stderr)
    songs = bar_songs()
    entry = _entry(*fitted_hearing(songs), hearing_depends_on(songs))
    manifest[hearing.WEIGHTS.name] = {"corpus": "mini songs", **entry}
    for file in SHIPPED.iterdir():
        if file.suffix == ".training":  # of code that is no more
            shutil.rmtree(file)
        elif file.name not in manifest and file.suffix in (".safetensors", ".lock"):
            file.unlink()
    text = json.dumps(manifest, indent=1, sort_keys=True) + "\n"
    (SHIPPED / "manifest.json").write_text(text, encoding="utf-8")


def _entry(state, seconds, depends_on):
    """What the manifest says of a state, whatever it is of."""
    return {
        "numbers": sum(array.size for array in state.values()),
        "seconds": round(seconds, 1),
        "energy_wh": energy_wh(seconds),
        "machine": f"{platform.system()} {platform.machine()}",
        "torch": importlib.metadata.version("torch"),
        **depends_on,
    }


if __name__ == "__main__":
    from tools.weights import main  # so that its functions have the name that tests see

    main()
