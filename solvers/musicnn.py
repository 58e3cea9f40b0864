"""musicnn: what bars sound like, by a network that tags music, as published."""

from importlib.util import find_spec
from pathlib import Path

from musaic_core.benchmark.solver import Solver as BaseSolver
from musaic_core.data.audio import mixed_down


class Solver(BaseSolver):
    """Bars told by what a network hears that was trained to tag music, as published.

    It fits nothing here: its weights are those of the package (ISC). They were trained
    on 19,000 excerpts of MagnaTagATune (``weights=MTT_musicnn``) or 200,000 of the
    Million Song Dataset (``MSD_musicnn``), in which songs of any corpus of popular
    music may be, without their sections. Of 3 s around each bar it tells 200 numbers,
    of which the task's decoder makes segments and labels. Pons and Serra 2019.
    """

    name = "musicnn"
    answers = "sections"
    describes = True
    parameters = {"weights": ["MTT_musicnn"]}
    n_parameters = 787_159
    # the package asks for TensorFlow, which its weights do not need
    install_cmd = "shell"
    install_script = "musicnn.sh"
    requirements = ["pip::musicnn", "pip::torch"]

    def prepare(self):
        from musaic_core.learned import musicnn, tensorflow

        package = Path(find_spec("musicnn").origin).parent
        variables = tensorflow.read_checkpoint(f"{package / self.weights}/")
        self.hear, self.network = musicnn.embeddings, musicnn.load(variables)

    def predict(self, recording, given):
        y, sr = recording.audio()
        bars = given.bars
        middles = (bars[:-1] + bars[1:]) / 2
        return self.hear(self.network, mixed_down(y), sr, middles)
