"use strict";
// A recording's page: whose answer to see and hear.

const RATE = 22050; // Hz, of everything that plays here
const MAGMA = [[0, "#000004"], [0.25, "#51127c"], [0.5, "#b73779"], [0.75, "#fc8961"], [1, "#fcfdbf"]];
let track; // what tracks.write_media wrote
const mixers = {}; // by section
const audio = {}; // decoded, by file

const sound = (file) => (audio[file] ??= decode(`${ROOT()}data/${file}`, RATE));

function excerpt(buffer, start, seconds) {
  const first = Math.round(start * RATE);
  const samples = buffer.getChannelData(0).subarray(first, first + Math.round(seconds * RATE));
  return toBuffer(samples, RATE);
}

function mixer(section, channels, start, onTime = () => {}) {
  mixers[section]?.pause();
  mixers[section] = new Mixer($(`#${section} .mixer`), channels, start, onTime);
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

const span = () => (track.duration ? { range: [0, track.duration] } : {});

function seekOnClick(chart) {
  chart.removeAllListeners("plotly_click");
  chart.on("plotly_click", ({ points: [point] }) => mixers.player?.seek(point.base ?? point.x));
}

async function showNotes(answer) {
  if (!answer.notes) return;
  $("#roll").hidden = false;
  const colours = { found: "--green", estimated: "--green", missed: "--muted", wrong: "--warm" };
  const name = (pitch) => ["C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B"][pitch % 12] + (Math.floor(pitch / 12) - 1);
  const traces = Object.entries(answer.notes).map(([kind, notes]) => ({
    name: `${kind} (${notes.length})`, mode: "lines", line: { width: 5, color: css(colours[kind]) },
    x: notes.flatMap(([on, off]) => [on, off, null]), y: notes.flatMap((n) => [n[2], n[2], null]),
    text: notes.flatMap((n) => [name(n[2]), name(n[2]), null]), hovertemplate: "%{text} at %{x} s",
  }));
  const octaves = [24, 36, 48, 60, 72, 84, 96];
  const chart = $("#roll .chart");
  await draw(chart, traces, {
    xaxis: { title: { text: "time (s)" }, ...span() },
    yaxis: { title: { text: "pitch" }, tickvals: octaves, ticktext: octaves.map(name) },
  });
  seekOnClick(chart);
}

async function showSections(answer) {
  if (!answer.sections && !track.sections) return;
  $("#waveform").hidden = false;
  const step = track.duration / (track.peaks.length || 1);
  const traces = [{
    name: "waveform", mode: "lines", fill: "tozeroy", line: { width: 0 }, fillcolor: css("--muted"),
    x: track.peaks.map((_, i) => i * step), y: track.peaks, hoverinfo: "x", showlegend: false,
  }];
  const parts = { reference: track.sections, estimated: answer.sections };
  const labels = Object.values(parts).flatMap((rows) => (rows ?? []).map((r) => r[2]));
  const palette = ["--accent", "--warm", "--green", "--violet", "--muted"];
  const lists = [];
  for (const [part, rows] of Object.entries(parts)) {
    if (!rows) continue;
    traces.push({
      name: part, type: "bar", orientation: "h", yaxis: "y2", showlegend: false, textposition: "inside", textangle: 0, insidetextanchor: "middle", insidetextfont: { color: css("--page") },
      y: rows.map(() => part), base: rows.map((r) => r[0]), x: rows.map((r) => r[1] - r[0]), text: rows.map((r) => r[2]),
      marker: { color: rows.map((r) => css(palette[[...new Set(labels)].indexOf(r[2]) % palette.length])), line: { color: css("--page"), width: 2 } },
      hovertemplate: "%{text} from %{base} s",
    });
    const buttons = rows.map(([start, , label]) =>
      make("button", { type: "button", onclick: () => mixers.player?.seek(start) }, `${Math.floor(start / 60)}:${String(Math.floor(start % 60)).padStart(2, "0")} ${label}`));
    lists.push(make("p", {}, `${part}: `, ...buttons));
  }
  $("#waveform .sections").replaceChildren(...lists);
  const chart = $("#waveform .chart");
  await draw(chart, traces, {
    barmode: "overlay", bargap: 0.15, xaxis: { title: { text: "time (s)" }, anchor: "y2", ...span() },
    yaxis: { domain: [0.45, 1], showticklabels: false }, yaxis2: { domain: [0, 0.4], automargin: true, autorange: "reversed" },
  });
  seekOnClick(chart);
}

async function showStems(answer, current) {
  if (!answer.stems) return;
  const files = Object.entries(answer.stems);
  const channels = await Promise.all(files.map(async ([name, file]) => ({ name, buffer: await sound(file) })));
  if (!current()) return;
  $("#stems").hidden = false;
  mixer("stems", channels, track.excerpt);
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
  drawFactors(model, start);
}

function steer(model, start) {
  const gains = new Float32Array(model.names.length).fill(1);
  let alone = null;
  const buffer = () => toBuffer(model.filter(alone === null ? gains : gains.map((_, k) => Number(k === alone))), RATE);
  const player = mixer("factors", [{ name: "Components", buffer: buffer() }], start);
  let waiting;
  const update = () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => player.replace("Components", buffer()), 150);
  };
  const buttons = [];
  const sliders = [];
  const listen = (k) => {
    alone = alone === k ? null : k;
    buttons.forEach((button, i) => button.setAttribute("aria-pressed", i === alone));
    player.replace("Components", buffer());
    if (alone !== null && !player.playing) player.play();
  };
  const rows = model.names.map((name, k) => {
    const which = `${name}, component ${k + 1}`;
    buttons.push(make("button", { type: "button", "aria-pressed": "false", "aria-label": `Hear ${which} alone`, onclick: () => listen(k) }, name));
    sliders.push(make("input", {
      type: "range", min: 0, max: 2, step: 0.05, value: 1, "aria-label": `Gain of ${which}`,
      oninput: (event) => ((gains[k] = Number(event.target.value)), update()),
    }));
    return make("div", { class: "component" }, buttons[k], sliders[k]);
  });
  const setAll = (gain) => () => {
    gains.fill(gain);
    for (const slider of sliders) slider.value = gain;
    update();
  };
  // the strongest first: a dictionary has hundreds
  const order = rows.map((_, k) => k).sort((a, b) => model.energy[b] - model.energy[a]);
  const weak = order.slice(24);
  for (const k of weak) rows[k].hidden = true;
  const more = make("button", { type: "button", onclick: () => (weak.forEach((k) => (rows[k].hidden = false)), more.remove()) }, `Show all ${rows.length}`);
  const tools = [
    make("button", { type: "button", onclick: setAll(1) }, "All on"),
    make("button", { type: "button", onclick: setAll(0) }, "All off"),
    ...(weak.length ? [more] : []),
  ];
  $("#factors .components").replaceChildren(make("div", { class: "tools" }, ...tools), ...rows);
}

function drawFactors(model, start) {
  const [R, F, T] = model.shape;
  const level = (v) => (v ? Math.round(20 * Math.log10(v)) : -60);
  const look = { type: "heatmap", colorscale: MAGMA, zmin: -60, zmax: 0, showscale: false };
  const step = Math.ceil(R / 16);
  const tickvals = model.names.map((_, k) => k).filter((k) => k % step === 0);
  const ticks = { tickvals, ticktext: tickvals.map((k) => model.names[k]), showgrid: false };
  const spectra = model.names.map((_, k) => Array.from(model.row(model.templates, k, F), level));
  const x = Array.from({ length: T }, (_, t) => Number((start + t * model.frame).toFixed(2)));
  const [templates, activations] = $$("#factors .pair .chart");
  draw(templates, [{ ...look, x: spectra.map((_, k) => k), y: model.frequencies, z: model.frequencies.map((_, f) => spectra.map((s) => s[f])) }],
    { xaxis: { ...ticks, title: { text: "template" } }, yaxis: { type: "log", title: { text: "frequency (Hz)" }, showgrid: false } });
  draw(activations, [{ ...look, x, y: spectra.map((_, k) => k), z: spectra.map((_, k) => Array.from(model.row(model.activations, k, T), level)) }],
    { xaxis: { title: { text: "time (s)" }, showgrid: false }, yaxis: { ...ticks, title: { text: "template" } } });
  const layers = Object.entries(model.layers).map(([name, z]) => {
    const depth = Number(name.split("_")[1]);
    const chart = make("div", { class: "chart short", "data-name": `What templates of layer ${depth - 1} are made of, in layer ${depth}` });
    const xaxis = { ...(depth === 2 ? ticks : {}), title: { text: `template of layer ${depth - 1}` } };
    return [chart, [{ ...look, zmin: 0, zmax: 1, x: z[0].map((_, i) => i), y: z.map((_, i) => i), z }], { xaxis, yaxis: { title: { text: `layer ${depth}` } } }];
  });
  $("#factors .layers").replaceChildren(...layers.flatMap(([chart]) => [make("h3", {}, chart.dataset.name), chart]));
  for (const layer of layers) draw(...layer);
}

document.addEventListener("DOMContentLoaded", async () => {
  track = await packed.json(TRACK);
  bind($("#choice"), () => choose());
  addEventListener("theme", () => choose());
});
