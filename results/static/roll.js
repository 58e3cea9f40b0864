"use strict";
// The piano roll.

const PITCHES = ["C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B"];
const OCTAVES = [24, 36, 48, 60, 72, 84, 96];
const NOTE_COLOURS = {
  found: "--green", estimated: "--green", missed: "--muted", wrong: "--warm",
  yours: "--violet", new: "--accent", "taken away": "--muted", // in the studio
};
const pitchName = (pitch) => PITCHES[pitch % 12] + (Math.floor(pitch / 12) - 1);
const span = (duration) => (duration ? { range: [0, duration] } : {});
const clock = (s) => `${Math.floor(Math.round(s) / 60)}:${String(Math.round(s) % 60).padStart(2, "0")}`;

// Draw notes [[onset, offset, pitch], …], each list in the colour of its kind; what
// axes there are besides is Plotly's.
async function drawNotes(chart, kinds, { xaxis, yaxis } = {}) {
  const traces = Object.entries(kinds).map(([kind, notes]) => ({
    name: `${kind} (${notes.length})`, mode: "lines", line: { width: 5, color: css(NOTE_COLOURS[kind]) },
    x: notes.flatMap(([on, off]) => [on, off, null]), y: notes.flatMap((n) => [n[2], n[2], null]),
    text: notes.flatMap((n) => [pitchName(n[2]), pitchName(n[2]), null]), hovertemplate: "%{text} at %{x} s",
  }));
  await draw(chart, traces, {
    xaxis: { title: { text: "time (s)" }, ...xaxis },
    yaxis: { title: { text: "pitch" }, tickvals: OCTAVES, ticktext: OCTAVES.map(pitchName), ...yaxis },
  });
}
