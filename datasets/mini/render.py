"""Render an instrument with FluidSynth."""

import subprocess
import tempfile

import pretty_midi
import soundfile as sf
from perform import new_midi

LATENCY = 100  # samples at 44.1 kHz that FluidSynth plays late, as measured


def render(part, font, duration, pan=64, take=None):
    """Render one instrument with FluidSynth.

    Parameters
    ----------
    part : pretty_midi.Instrument
    font : Path
    duration : float
        Seconds of audio.
    pan : int
        MIDI pan.
    take : record.Take, optional
        What it will be recorded with; by default a little reverberation is added.

    Returns
    -------
    ndarray, shape (samples, 2)
        Audio at 44.1 kHz.
    """
    solo = new_midi()
    alone = pretty_midi.Instrument(part.program, part.is_drum, part.name)
    alone.notes = part.notes
    # The last control change does nothing but make the rendering long enough.
    alone.control_changes = [
        pretty_midi.ControlChange(10, pan, 0.0),
        *part.control_changes,
        pretty_midi.ControlChange(10, pan, duration + 1),
    ]
    if take is not None and not part.is_drum:  # 200 cents are 8192
        bend = round(take.tuning * 8192 / 200)
        alone.pitch_bends.append(pretty_midi.PitchBend(bend, 0.0))
    solo.instruments.append(alone)
    with tempfile.TemporaryDirectory() as folder:
        solo.write(f"{folder}/part.mid")
        command = ["fluidsynth", "-niq", "-r", "44100", "-g", "0.4", "-T", "wav"]
        command += ["-O", "float", "-F", f"{folder}/part.wav"]
        options = {
            "synth.chorus.active": 0,
            "synth.reverb.active": int(take is None),
            "synth.reverb.room-size": 0.2,
            "synth.reverb.damp": 0.4,
            "synth.reverb.width": 0.5,
            "synth.reverb.level": 0.15,
            "synth.dynamic-sample-loading": 1,
            "synth.cpu-cores": 1,
        }
        for name, value in options.items():
            command += ["-o", f"{name}={value}"]
        command += [str(font), f"{folder}/part.mid"]
        subprocess.run(command, check=True, capture_output=True)
        audio, _ = sf.read(f"{folder}/part.wav", dtype="float32", always_2d=True)
    audio = audio[LATENCY : LATENCY + round(duration * 44100)]
    if len(audio) < round(duration * 44100):
        raise RuntimeError(f"FluidSynth stopped early on {part.name}")
    return audio
