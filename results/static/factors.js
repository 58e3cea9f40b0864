"use strict";
// A factorization to look at.

const MAGMA = [[0, "#000004"], [0.25, "#51127c"], [0.5, "#b73779"], [0.75, "#fc8961"], [1, "#fcfdbf"]];

// Draw a factorization's templates, activations, and what layers are made of.
// place has two charts in .pair, and .layers; start: where in the recording, s.
function drawFactors(place, model, start) {
  const [R, F, T] = model.shape;
  const level = (v) => (v ? Math.round(20 * Math.log10(v)) : -60);
  const look = { type: "heatmap", colorscale: MAGMA, zmin: -60, zmax: 0, showscale: false };
  const step = Math.ceil(R / 16);
  const tickvals = model.names.map((_, k) => k).filter((k) => k % step === 0);
  const ticks = { tickvals, ticktext: tickvals.map((k) => model.names[k]), showgrid: false };
  const spectra = model.names.map((_, k) => Array.from(model.row(model.templates, k, F), level));
  const x = Array.from({ length: T }, (_, t) => Number((start + t * model.frame).toFixed(2)));
  const [templates, activations] = $$(".pair .chart", place);
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
  $(".layers", place).replaceChildren(...layers.flatMap(([chart]) => [make("h3", {}, chart.dataset.name), chart]));
  for (const layer of layers) draw(...layer);
}
