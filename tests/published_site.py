"""Small results files of every kind, and the site that is made of them."""

import base64
import gzip
import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
import soundfile

from musaic_core.lowrank.models import NMF
from musaic_core.publish import tables
from musaic_core.publish.__main__ import main
from musaic_core.publish.results import read_latest
from musaic_core.results.saved import save_factors

EVIL = "<script>alert(1)</script>"  # the id of a recording
SECONDS, RATE = 14, 22050
LOW, HIGH = 261.6, 880.0  # Hz, of the two notes that every recording consists of
FRAME = 512 / RATE
FREQUENCIES = np.geomspace(50, 8000, 120)
SOLVERS = {  # name and parameters: how good they are, and their kind
    "nmf[beta=1,dictionary=fixed]": (0.9, "low-rank"),
    "nmf[beta=2,dictionary=blind]": (0.5, "low-rank"),
    "network": (0.7, "learned"),
    "silence": (0.0, "floor"),
    "ideal": (0.99, "oracle"),
}
TASKS = {  # folder: title, and whether the score is a loss
    "amt": ("Transcription", False),
    "mss": ("Separation", False),
    "msa": ("Structure", False),
    "loss": ("Approximation", True),
}
LOSSES = "[[[10, 0.5, 0.6], [20, 0.3, 0.4], [30, 0.2, 0.45]], [[10, 0.7, null]]]"
OBJECTIVE = '''
import numpy as np
from musaic_core.benchmark.objective import Objective as BaseObjective
from musaic_core.data.annotations import read_intervals
from musaic_core.data.notes import compare

class Objective(BaseObjective):
    """What is asked for."""

    name = "A task"
    title = "{title}"
    score_columns = ("value",)
    lower_is_better = {loss}

    @staticmethod
    def media(folder):
        shown = {{"stems": {{f.stem: f for f in folder.glob("*.ogg")}}}}
        if (folder / "notes.npz").exists():
            with np.load(folder / "notes.npz") as notes:
                shown["notes"] = compare(notes["estimate"], notes["reference"])
                shown["reference_notes"] = notes["reference"]
            shown["text"] = "Two notes."
        for kind, name in (("sections", "estimate"), ("reference_sections", "true")):
            if (folder / f"{{name}}.lab").exists():
                table = read_intervals(folder / f"{{name}}.lab")
                shown[kind] = table[["start", "end", "label"]].values.tolist()
        if (folder / "factors.npz").exists():
            shown["factors"] = folder / "factors.npz"
        return shown
'''


def recording():
    """Samples of the two notes."""
    t = np.arange(SECONDS * RATE) / RATE
    return 0.2 * np.sin(2 * np.pi * LOW * t) + 0.2 * np.sin(2 * np.pi * HIGH * t)


def factors():
    """Two templates, a note each, and a third that never sounds."""

    def template(hz):
        return np.exp(-((np.log2(FREQUENCIES / hz) * 6) ** 2)) + 1e-4

    W = np.stack([template(LOW), template(HIGH), template(4000)], axis=1)
    H = np.ones((3, int(SECONDS / FRAME)))
    H[2] = 0
    return NMF(W, H)


def make_benchmarks(root):
    """Write a repository with results: notes, stems, sections, and a loss."""
    recordings = root / "recordings"
    recordings.mkdir()
    soundfile.write(recordings / "recording.ogg", recording(), RATE)
    for stem, share in (("drums", 0.3), ("vocals", 0.7)):
        soundfile.write(recordings / f"{stem}.ogg", share * recording(), RATE)
    (root / "solvers").mkdir()
    for name in {solver.split("[")[0] for solver in SOLVERS}:
        (root / "solvers" / f"{name}.py").write_text(f"# β of {name}\n", "utf-8")
    for task, (title, loss) in TASKS.items():
        folder = root / "benchmarks" / task
        folder.mkdir(parents=True)
        objective = OBJECTIVE.format(title=title, loss=loss)
        (folder / "objective.py").write_text(objective, "utf-8")
        (folder / "solvers").symlink_to("../../solvers")
        write_results(folder)
    return root / "benchmarks"


def results(n_repetitions=1):
    """Rows as benchopt writes them."""
    rng = np.random.default_rng(0)
    rows = []
    for repetition in range(n_repetitions):
        for track in ("one", "two", "three", "four", EVIL):
            difficulty = rng.uniform(0, 0.05)
            for name, (quality, kind) in SOLVERS.items():
                solver = name.split("[")[0]
                score = max(0.0, quality - difficulty + rng.normal(0, 1e-3))
                parameters = "[" in name
                rows.append(
                    {
                        "base_seed": 7,
                        "idx_rep": repetition,
                        "objective_name": "Task",
                        "obj_description": "What is asked for.",
                        "solver_name": name,
                        "solver_description": "V ≈ W H. Lee and Seung 1999.",
                        "file_solver": f"solvers/{solver}.py",
                        "dataset_name": "tiny[part=a]",
                        "p_dataset_part": "a",
                        "p_solver_beta": float(name[9]) if parameters else np.nan,
                        "p_solver_dictionary": name[22:-1] if parameters else None,
                        "stop_val": 1,
                        "sampling_strategy": "Run_once",
                        "time": 2.0 + quality,
                        "objective_track": track,
                        "objective_value": score,
                        "objective_kind": kind,
                        "objective_n_parameters": 0 if kind == "floor" else 1000,
                        "objective_peak_memory_mb": 10.0,
                        "objective_time_fit": 30.0 + quality,
                        "objective_time_predict": 7.0 + quality,
                        "objective_duration": float(SECONDS),
                        "objective_losses": LOSSES if solver == "network" else "",
                        "objective_error": "",
                        "objective_files": f"run/{name}/{len(rows)}",
                        "objective_audio": "recordings/recording.ogg",
                        "system-processor": "Test CPU",
                        "version-numpy": "2.9",
                        "run_date": "2026-01-02T03:04:05",
                    }
                )
    return pd.DataFrame(rows)


def guided():
    """Rows of runs in which a user gave hints, of which each gained a hundredth."""
    rows = results().drop(columns="objective_value")
    rows = rows[rows["objective_kind"] == "low-rank"]
    runs = [
        rows.assign(
            objective_name=f"Task[hints={hints},wrong_hints={wrong}]",
            p_obj_hints=hints,
            p_obj_wrong_hints=wrong,
            objective_value=0.1,
            objective_value_before=0.1 - (hints - 20 * wrong) / 100,
            objective_steering_gain=(hints - 20 * wrong) / 100,
        )
        for hints, wrong in ((1, 0.0), (4, 0.0), (4, 0.1))
    ]
    return pd.concat(runs, ignore_index=True)


def curves():
    """Rows of algorithms that make a loss smaller, at three points in time each."""
    rows = results()
    rows = rows[rows["objective_track"] == "one"]
    points = [
        rows.assign(
            stop_val=n,
            time=0.1 * n,
            sampling_strategy="Iteration",
            objective_value=(1.1 - rows["objective_value"]) * (5 - n),
            objective_divergence=(1.1 - rows["objective_value"]) * (5 - n),
            objective_duration=np.nan,
            objective_time_fit=0.0,
            objective_time_predict=0.0,
            objective_audio="",
        )
        for n in (1, 2, 4)
    ]
    return pd.concat(points, ignore_index=True)


def write_results(folder, name="run.parquet", table=None):
    """Write the results file of a benchmark and what its run saved."""
    outputs = folder / "outputs"
    outputs.mkdir(exist_ok=True)
    if table is None:
        table = curves() if folder.name == "loss" else results()
    table.to_parquet(outputs / name)
    notes = np.array([[0.5, 3.0, 60], [4.0, 6.0, 81]])
    for row in table[table["objective_files"] != ""].itertuples():
        saved = outputs / row.objective_files
        saved.mkdir(parents=True, exist_ok=True)
        if folder.name == "amt":
            np.savez(saved / "notes.npz", estimate=notes, reference=notes[:1])
        if folder.name == "msa":
            (saved / "estimate.lab").write_text(
                "0\t6.5\tA\n6.5\t14\tB\n", encoding="utf-8"
            )
            (saved / "true.lab").write_text("0\t7\tA\n7\t14\tB\n", encoding="utf-8")
        if folder.name == "mss":
            for stem in ("drums.ogg", "vocals.ogg"):
                shutil.copy(folder.parents[1] / "recordings" / stem, saved)
        if folder.name == "amt" and row.solver_name.startswith("nmf"):
            labels = [60, 81, 108]
            file = saved / "factors.npz"
            save_factors(factors(), labels, FREQUENCIES, FRAME, file)
            with np.load(file) as plain:  # as a deep model's: what templates share
                np.savez(file, **plain, layer_2=[[0.9, 0.4, 0.0], [0.1, 0.6, 1.0]])
    return outputs / name


REPORT = """<!doctype html><html><head>
<link href="https://fonts.example/css2" rel="stylesheet"></head><body>
<p id="brand">Report</p><div id="plot"></div><div id="table"></div>
<a href="amt.html">Home</a> <a href="run.parquet">Data</a>
<script src="https://cdn.plot.ly/plotly-2.12.1.min.js"></script>
<script src="https://cdn.example/gridjs.umd.js"></script>
<script>
const state = "the report's own", kind = "score";
const chosen = ["score_of", "scores_of"].filter((key) => key.startsWith(kind));
document.querySelector("#brand").hidden = chosen.length !== 1;
anime.timeline({loop: false}).add({});
Plotly.react(document.getElementById("plot"), [{x: [1, 2], y: [3, 4]}],
  {title: "A title", xaxis: {title: "x"}, yaxis: {title: "y"}});
new gridjs.Grid({
  columns: ["solver", "score"].map((name) => ({
    name, formatter: (v) => gridjs.html(`<b>${v}</b>`),
    sort: {compare: (a, b) => (a > b ? 1 : a < b ? -1 : 0)},
  })),
  data: [["b", 2], ["a", 3]],
  sort: true, search: true,
}).render(document.getElementById("table"));
</script></body></html>"""


def make_site(root):
    """Make the site of these results; give its folder."""
    benchmarks = make_benchmarks(root)
    (benchmarks / "amt" / "outputs" / "amt_run.html").write_text(
        REPORT, encoding="utf-8"
    )
    site = root / "results"
    main(["--benchmarks", str(benchmarks), "--output", str(site)])
    return site


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    return make_site(tmp_path_factory.mktemp("published"))


@pytest.fixture(scope="session")
def original_benchmarks(tmp_path_factory):
    return make_benchmarks(tmp_path_factory.mktemp("made"))


@pytest.fixture
def benchmarks(original_benchmarks, tmp_path):
    shutil.copytree(original_benchmarks.parent, tmp_path / "suite", symlinks=True)
    return tmp_path / "suite" / "benchmarks"


@pytest.fixture
def amt(benchmarks):
    benchmark, _ = read_latest(benchmarks / "amt")
    tables.label_all([benchmark])
    return benchmark


def unpacked(file):
    text = file.read_text(encoding="utf-8")
    return base64.b64decode(re.fullmatch(r'unpack\("(.*)"\)', text)[1])


def unpacked_json(file):
    return json.loads(gzip.decompress(unpacked(file)))


def publish(benchmarks, folder, *arguments):
    main(["--benchmarks", str(benchmarks), "--output", str(folder), *arguments])
    return folder


def content(folder):
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


def rewrite(benchmarks, task, change):
    """Change the results file of a benchmark: `change` is given and gives its rows."""
    file = benchmarks / task / "outputs" / "run.parquet"
    change(pd.read_parquet(file)).to_parquet(file)


def read_and_label(benchmarks, task="amt"):
    benchmark, _ = read_latest(benchmarks / task)
    tables.label_all([benchmark])
    return benchmark
