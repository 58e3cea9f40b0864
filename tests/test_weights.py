"""What ships with the repository is what the present code would train."""

import json

from musaic_core.benchmark.solver import SHIPPED
from musaic_core.benchmark.store import file_name, fitted
from tools.weights import shipped


def test_shipped_states_are_of_the_present_code_and_small():
    wanted = {file_name(s.state_depends_on()): s for _, s in shipped()}
    there = {file.name for file in SHIPPED.glob("*.safetensors")}
    assert there == set(wanted), "run python -m tools.weights"
    assert sum(file.stat().st_size for file in SHIPPED.iterdir()) < 6e6
    manifest = json.loads((SHIPPED / "manifest.json").read_text(encoding="utf-8"))
    assert set(manifest) == there
    for name, solver in wanted.items():
        assert manifest[name]["code"] == solver.state_depends_on()["code"]
        state, seconds = fitted(solver.state_depends_on(), lambda: 1 / 0, [SHIPPED])
        assert sum(array.size for array in state.values()) == manifest[name]["numbers"]
        assert seconds > 0
