"use strict";
// A recording's page: whose answer to see and hear.

const RATE = 22050; // Hz, of everything that plays here
let track; // what tracks.write_media wrote
const mixers = {}; // by section
const audio = {}; // decoded, by file

const sound = (file) => (audio[file] ??= decode(`${ROOT()}data/${file}`, RATE));

function excerpt(buffer, start, seconds) {
  const first = Math.round(start * RATE);
  const samples = buffer.getChannelData(0).subarray(first, first + Math.round(seconds * RATE));
  return toBuffer(samples, RATE);
}

function mixer(section, channels, start, onTime = () => {}, merges = false) {
  mixers[section]?.pause();
  mixers[section] = new Mixer($(`#${section} .mixer`), channels, start, onTime, merges);
  return mixers[section];
}

async function choose() {
  const answer = track.answers.find((a) => a.id === $("#choice select").value);
  if (!answer) return;
  const current = () => $("#choice select").value === answer.id; // another may be chosen meanwhile
  $("#error").textContent = answer.error ?? "";
  $("#text").textContent = answer.text ?? "";
  $("#about").href = answer.solver;
  for (const id of ["roll", "waveform", "stems", "factors"]) $(`#${id}`).hidden = true;
  for (const each of Object.values(mixers)) each.pause();
  const steps = [showPlayer, showSections, showNotes, showStems, showFactors];
  for (const step of steps) if (current()) await step(answer, current);
}

async function showPlayer(answer, current) {
  const channels = [];
  if (track.recording) {
    const buffer = await sound(track.recording).catch(() => null);
    if (!buffer) return ($("#error").textContent = "This browser can't decode Ogg Opus.");
    channels.push({ name: "Recording", buffer });
  }
  if (answer.notes) {
    const { found = [], wrong = [], estimated = [] } = answer.notes;
    const length = Math.max(track.duration, ...[...found, ...wrong, ...estimated].map((n) => n[1]));
    const notes = [...found, ...wrong, ...estimated];
    channels.push({ name: "Estimated notes", buffer: synthesise(notes, length, RATE), muted: true });
  }
  if (answer.notes && track.reference) {
    channels.push({ name: "Reference notes", buffer: synthesise(track.reference, track.duration, RATE), muted: true });
  }
  $("#player").hidden = !channels.length;
  if (channels.length && current()) mixer("player", channels, 0, playhead);
}

let drawn = 0;
function playhead(time) {
  const now = performance.now();
  if (now - drawn < 100 && mixers.player?.playing) return;
  drawn = now;
  const line = { type: "line", x0: time, x1: time, yref: "paper", y0: 0, y1: 1, line: { color: css("--text"), width: 1.5 } };
  for (const chart of $$("#roll .chart, #waveform .chart")) {
    if (chart.offsetParent && chart._fullLayout) window.Plotly.relayout(chart, { shapes: [line] });
  }
}

function seekOnClick(chart) {
  chart.removeAllListeners("plotly_click");
  chart.on("plotly_click", ({ points: [point] }) => mixers.player?.seek(point.base ?? point.x));
}

async function showNotes(answer) {
  if (!answer.notes) return;
  $("#roll").hidden = false;
  const chart = $("#roll .chart");
  await drawNotes(chart, answer.notes, { xaxis: span(track.duration) });
  seekOnClick(chart);
}

async function showSections(answer) {
  if (!answer.sections && !track.sections) return;
  $("#waveform").hidden = false;
  const all = { reference: track.sections, estimated: answer.sections };
  const parts = Object.fromEntries(Object.entries(all).filter(([, rows]) => rows));
  const seek = (time) => mixers.player?.seek(time);
  $("#waveform .sections").replaceChildren(...listSections(parts, seek));
  const chart = $("#waveform .chart");
  await drawSections(chart, parts, track.peaks, track.duration);
  seekOnClick(chart);
}

async function showStems(answer, current) {
  if (!answer.stems) return;
  const files = Object.entries(answer.stems);
  const channels = await Promise.all(files.map(async ([name, file]) => ({ name, buffer: await sound(file) })));
  if (!current()) return;
  $("#stems").hidden = false;
  mixer("stems", channels, track.excerpt, () => {}, true);
}

async function showFactors(answer, current) {
  if (!answer.factors || !track.recording) return;
  const bytes = await packed.bytes(`${ROOT()}data/${answer.factors}`);
  const recording = await sound(track.recording);
  if (!current()) return;
  const { first, frame } = JSON.parse(new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(10))));
  const [start, seconds] = [first * frame, Math.min(EXCERPT, track.duration - first * frame)];
  const model = new Components(bytes, excerpt(recording, start, seconds).getChannelData(0), RATE);
  $("#factors").hidden = false;
  steer(model, start);
  drawFactors($("#factors"), model, start);
}

function steer(model, start) {
  const mixed = (gains) => toBuffer(model.filter(gains), RATE);
  const components = model.names.map((name, k) => ({ name, loudness: model.energy[k] }));
  const steering = new Steering($("#factors .components"), components, {
    hear(gains, alone) {
      player.replace("Components", mixed(gains));
      if (alone && !player.playing) player.play();
    },
  });
  const player = mixer("factors", [{ name: "Components", buffer: mixed(steering.gains()) }], start);
}

// The score gained by hints, a line a model.
function showGuidance() {
  if (!$("#gains")) return;
  const traces = readJSON("gains").map(({ name, gains }) => ({
    name, mode: "lines+markers", x: gains.map((g) => g[0]), y: gains.map((g) => g[1]),
    hovertemplate: "%{y:.3f} by %{x} hints", cliponaxis: false,
  }));
  draw($("#guidance .chart"), traces, { xaxis: { type: "log", title: { text: "hints" } }, yaxis: { title: { text: "score gained" } } });
}

document.addEventListener("DOMContentLoaded", async () => {
  showGuidance();
  track = await packed.json(TRACK);
  bind($("#choice"), () => choose());
  addEventListener("theme", () => (choose(), showGuidance()));
});
