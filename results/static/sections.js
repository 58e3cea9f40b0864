"use strict";
// A recording's waveform, and its sections beneath.

const SECTION_COLOURS = ["--accent", "--warm", "--green", "--violet", "--muted"];

function waveform(peaks, duration) {
  const step = duration / (peaks.length || 1);
  return {
    name: "waveform", mode: "lines", fill: "tozeroy", line: { width: 0 }, fillcolor: css("--muted"),
    x: peaks.map((_, i) => i * step), y: peaks, hoverinfo: "x", showlegend: false,
  };
}

// parts: lists of [start, end, label] by what each is called; peaks: the envelope.
async function drawSections(chart, parts, peaks, duration, range = [0, duration]) {
  const traces = [waveform(peaks, duration)];
  const labels = [...new Set(Object.values(parts).flatMap((rows) => rows.map((r) => r[2])))];
  const colour = (label) => css(SECTION_COLOURS[labels.indexOf(label) % SECTION_COLOURS.length]);
  for (const [part, rows] of Object.entries(parts)) {
    traces.push({
      name: part, type: "bar", orientation: "h", yaxis: "y2", showlegend: false, textposition: "inside", textangle: 0, insidetextanchor: "middle", insidetextfont: { color: css("--page") },
      y: rows.map(() => part), base: rows.map((r) => r[0]), x: rows.map((r) => r[1] - r[0]), text: rows.map((r) => r[2]),
      marker: { color: rows.map((r) => colour(r[2])), line: { color: css("--page"), width: 2 } },
      hovertemplate: "%{text} from %{base} s",
    });
  }
  await draw(chart, traces, {
    barmode: "overlay", bargap: 0.15, xaxis: { title: { text: "time (s)" }, anchor: "y2", ...(duration ? { range } : {}) },
    yaxis: { domain: [0.45, 1], showticklabels: false }, yaxis2: { domain: [0, 0.4], automargin: true, autorange: "reversed" },
  });
}

// Sections as buttons that play from where each begins.
function listSections(parts, seek) {
  return Object.entries(parts).map(([part, rows]) => {
    const buttons = rows.map(([start, , label]) =>
      make("button", { type: "button", onclick: () => seek(start) }, `${clock(start)} ${label}`));
    return make("p", {}, `${part}: `, ...buttons);
  });
}
