"use strict";
// What every page does: the fragment, the theme, tables and charts.

const ROOT = () => document.body.dataset.root;
const $ = (selector, inside = document) => inside.querySelector(selector);
const $$ = (selector, inside = document) => [...inside.querySelectorAll(selector)];
const readJSON = (id) => JSON.parse(document.getElementById(id).textContent);

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

// The view is in the address, so that a link brings it back: #task=amt&sort=2
const state = {
  get: (key) => new URLSearchParams(location.hash.slice(1)).get(key) ?? "",
  set(key, value) {
    const all = new URLSearchParams(location.hash.includes("=") ? location.hash.slice(1) : "");
    if (value === "") all.delete(key);
    else all.set(key, value);
    history.replaceState(null, "", `#${all}`);
  },
};

// Selects of a form take their values from the address and put them there.
function bind(form, change) {
  const read = () => {
    for (const select of $$("select", form)) {
      const value = state.get(select.name);
      if ([...select.options].some((o) => o.value === value)) select.value = value;
    }
  };
  form.onsubmit = (event) => event.preventDefault();
  form.onchange = (event) => {
    state.set(event.target.name, event.target.value);
    change();
  };
  form.onreset = () => {
    for (const select of $$("select", form)) state.set(select.name, "");
    setTimeout(change);
  };
  window.addEventListener("hashchange", () => (read(), change()));
  read();
  change();
}

function download(name, rows) {
  const quote = (cell) => {
    const text = String(cell ?? "");
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const text = rows.map((row) => row.map(quote).join(",") + "\n").join("");
  const url = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  make("a", { href: url, download: `${name}.csv` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

// ---- tables

function sortable(table) {
  const heads = $$("thead tr:last-child th", table);
  const sort = (column, direction) => {
    const value = (row) => {
      const cell = row.cells[column];
      const number = parseFloat(cell.dataset.value);
      if (!("value" in cell.dataset) && !cell.matches(".none")) return cell.textContent.trim().toLowerCase();
      return Number.isNaN(number) ? null : number;
    };
    for (const body of table.tBodies) { // floors and oracles are a body of their own
      const rows = [...body.rows].sort((a, b) => {
        const [x, y] = [value(a), value(b)];
        if (x === null || y === null) return (x === null) - (y === null); // last, always
        return (x < y ? -1 : x > y ? 1 : 0) * direction;
      });
      body.append(...rows);
    }
    heads.forEach((head, i) => {
      const now = direction > 0 ? "ascending" : "descending";
      head.setAttribute("aria-sort", i === column ? now : "none");
    });
  };
  heads.forEach((head, i) => {
    $("button", head).onclick = () => {
      const lowFirst = i === 0 || "loss" in head.dataset || head.matches(".text");
      const again = head.getAttribute("aria-sort") !== "none";
      const ascending = again ? head.getAttribute("aria-sort") === "descending" : lowFirst;
      sort(i, ascending ? 1 : -1);
      if (table.id === "matrix") state.set("sort", `${ascending ? "" : "-"}${i}`);
    };
  });
  if (table.id !== "matrix") return;
  const restore = () => {
    const [, minus, column] = state.get("sort").match(/^(-?)(\d+)$/) ?? [];
    if (column in heads) sort(+column, minus ? -1 : 1);
    else if (heads.length > 1) sort(1, "loss" in heads[1].dataset ? 1 : -1);
  };
  window.addEventListener("hashchange", restore);
  restore();
}

// losses say nothing beside scores: where there are both, they show when asked for
const heads = () => $$("#matrix thead tr:last-child th[data-task]");
const LOSSES = new Set(heads().filter((head) => "loss" in head.dataset).map((head) => head.dataset.task));
const SCORES = heads().some((head) => !("loss" in head.dataset));

function filterMatrix() {
  const form = $("#filters");
  const wanted = Object.fromEntries(new FormData(form));
  for (const cell of $$("#matrix [data-task]")) {
    const { task } = cell.dataset;
    cell.hidden = wanted.task ? task !== wanted.task : SCORES && LOSSES.has(task);
  }
  let count = 0;
  for (const row of $$("#matrix tbody tr")) {
    const fits = ["kind", "beta", "training"].every(
      (key) => !wanted[key] || row.dataset[key] === wanted[key],
    );
    const scored = $$("td", row).some((cell) => !cell.hidden && cell.dataset.value);
    row.hidden = !(fits && scored);
    count += !row.hidden;
  }
  $("#count").textContent = `${count} of ${$$("#matrix tbody tr").length} solvers shown`;
}

// ---- charts

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const COLOURS = { "low-rank": "--accent", learned: "--warm", hybrid: "--violet", peer: "--green" };

// Draw traces, in the page's colours, with a button for their numbers.
async function draw(chart, traces, layout = {}) {
  chart.traces = traces;
  chart.layout_ = layout;
  if (!chart.previousElementSibling?.matches(".csv")) {
    const name = chart.dataset.name;
    const onclick = () => download(name, table(chart.traces));
    chart.before(make("button", { type: "button", class: "csv", "aria-label": `CSV of ${name}`, onclick }, "CSV"));
    chart.setAttribute("role", "img");
    chart.setAttribute("aria-label", name);
  }
  const axis = { gridcolor: css("--line"), zerolinecolor: css("--line"), automargin: true };
  // between powers of ten Plotly would write mere digits
  const scaled = (given, nticks) => ({ ...axis, ...(given?.type === "log" && { nticks, tickformat: "~g" }), ...given });
  const { xaxis, yaxis, ...others } = layout;
  const Plotly = await packed.plotly(ROOT());
  await Plotly.react(
    chart,
    traces.map((t) => structuredClone(t)),
    {
      paper_bgcolor: "transparent", plot_bgcolor: "transparent",
      font: { color: css("--text"), family: css("--font"), size: 13 },
      margin: { l: 50, r: 10, t: 10, b: 40 }, hovermode: "closest",
      hoverlabel: { font: { family: css("--font") } },
      showlegend: traces.some((t) => t.showlegend !== false), legend: { orientation: "h", y: 1.02, yanchor: "bottom" },
      ...others, xaxis: scaled(xaxis, 3), yaxis: scaled(yaxis, 5),
    },
    { responsive: true, displaylogo: false, displayModeBar: false },
  );
}

// A chart's numbers: of a heatmap its matrix, else a point a row.
function table(traces) {
  if (traces[0]?.z) {
    const { x, y, z } = traces[0];
    return [["", ...x], ...z.map((row, i) => [y[i], ...row])];
  }
  const rows = [["series", "point", "x", "y", "from", "below", "above"]];
  for (const { name, text, x, y, base, error_y: bar } of traces) {
    x.forEach((value, i) => {
      if (value !== null) rows.push([name, text?.[i], value, y[i], base?.[i], bar?.arrayminus[i], bar?.array[i]]);
    });
  }
  return rows;
}

function redraw() {
  for (const chart of $$(".chart")) if (chart.traces) draw(chart, chart.traces, chart.layout_);
}

function interval(points) {
  return {
    type: "data", symmetric: false, thickness: 1.2, width: 3,
    array: points.map((p) => (p.high === null ? 0 : p.high - p.score)),
    arrayminus: points.map((p) => (p.low === null ? 0 : p.score - p.low)),
  };
}

// what a point's label says besides its score and cost
function named(p) {
  const part = p.n < p.of ? ` (${p.n} of ${p.of} recordings)` : "";
  const purity = p.purity === null ? "" : `, purity ${p.purity.toFixed(2)}`;
  const gain = p.steering_gain === null ? "" : `, ${p.hints} hints gain ${p.steering_gain.toFixed(3)}`;
  return p.label + part + purity + gain;
}

// the size of a point: larger where hints gain more, beside the score itself
const steered = (p) => 10 + 40 * Math.sqrt(Math.min(1, Math.max(0, p.steering_gain ?? 0) / Math.max(1, p.score)));

// how it looks: the fainter the less pure its components are, and another shape without any
function looks(points, all) {
  const known = all.filter((p) => p.purity !== null).map((p) => p.purity);
  const most = Math.max(0.1, ...known);
  return {
    size: points.map(steered),
    opacity: points.map((p) => (p.purity === null ? 1 : 0.25 + (0.75 * Math.max(0, p.purity)) / most)),
    symbol: points.map((p) => (p.purity === null && known.length ? "diamond" : "circle") + (p.n < p.of ? "-open" : "")),
  };
}

function costChart() {
  const [corpora, costs] = $$("#cost-form select");
  const [task, corpus] = corpora.value.split("|");
  const here = readJSON("points").filter((p) => p.task === task && p.corpus === corpus);
  // what costs no solver of the corpus anything, or is not known, makes no chart
  const possible = [...costs.options].filter((option) => here.some((p) => p[option.value] > 0));
  for (const option of costs.options) option.disabled = !possible.includes(option);
  if (costs.selectedOptions[0].disabled && possible.length) costs.value = possible[0].value;
  const cost = costs.value;
  const points = here.filter((p) => p[cost] > 0);
  const unit = readJSON("units")[task][cost];
  $("#cost-told").textContent = readJSON("told")[corpora.value]?.[cost] ?? "";
  const loss = "loss" in corpora.selectedOptions[0].dataset;
  const competing = points.filter((p) => !p.apart);
  const traces = [];
  for (const kind of new Set(competing.map((p) => p.kind))) {
    const mine = competing.filter((p) => p.kind === kind);
    traces.push({
      name: kind, mode: "markers", x: mine.map((p) => p[cost]), y: mine.map((p) => p.score),
      text: mine.map(named),
      cliponaxis: false, hovertemplate: "%{text}: %{y:.3f}, %{x:.3g}",
      marker: { ...looks(mine, competing), color: css(COLOURS[kind] ?? "--text") },
      error_y: interval(mine),
    });
  }
  // floors and oracles do not compete: lines beside the points
  const spent = (competing.length ? competing : points).map((p) => p[cost]);
  const span = [Math.min(...spent), Math.max(...spent)];
  for (const p of spent.length ? here.filter((p) => p.apart && p.score !== null) : []) {
    traces.push({
      name: `${p.label} (${p.kind})`, mode: "lines", x: span, y: [p.score, p.score],
      line: { dash: "dash", color: css("--muted"), width: 1.5 }, hovertemplate: `%{y:.3f}`,
    });
  }
  const front = points.filter((p) => p[`front_${cost}`]).sort((a, b) => a[cost] - b[cost]);
  traces.push({
    // named where there is room; the text beneath has the names too
    name: "Pareto front", mode: innerWidth < 600 ? "lines" : "lines+text", textposition: front.map((_, i) => (i % 2 ? "bottom center" : "top center")), cliponaxis: false, x: front.map((p) => p[cost]), y: front.map((p) => p.score),
    text: front.map((p) => p.label), line: { shape: "hv", dash: "dot", color: css("--text") }, hoverinfo: "skip",
  });
  const logY = loss ? { type: "log", title: { text: "loss" } } : { title: { text: "score" } };
  draw($("#cost-chart"), traces, { xaxis: { type: "log", title: { text: unit } }, yaxis: logY });
}

function effectChart() {
  const { task } = Object.fromEntries(new FormData($("#effect-form")));
  const loss = "loss" in $("#effect-form select").selectedOptions[0].dataset;
  const scores = readJSON("effects").filter((s) => s.task === task);
  const palette = ["--accent", "--warm", "--violet", "--green", "--muted", "--text"];
  const traces = [...new Set(scores.map((s) => s.corpus))].map((corpus, i) => {
    const mine = scores.filter((s) => s.corpus === corpus);
    return {
      name: corpus, mode: "markers", x: mine.map((s) => s.label), y: mine.map((s) => s.score),
      marker: { size: 9, color: css(palette[i % palette.length]) }, error_y: interval(mine),
    };
  });
  const type = loss ? "log" : "linear";
  draw($("#effect-chart"), traces, { scattermode: "group", yaxis: { type, title: { text: "score" } } });
}

// Losses in training (dotted) and on what was held out, a colour a network.
function trainingChart() {
  const { training } = Object.fromEntries(new FormData($("#training-form")));
  const { networks } = readJSON("curves")[training];
  const palette = ["--accent", "--warm", "--violet", "--green", "--muted", "--text"];
  const traces = networks.flatMap((network, i) => {
    const line = { color: css(palette[i % palette.length]), width: 2 };
    const which = networks.length > 1 ? ` ${i + 1}` : "";
    const common = { mode: "lines+markers", x: network.steps, cliponaxis: false };
    return [
      { ...common, name: `training${which}`, y: network.training, line: { ...line, dash: "dot" } },
      { ...common, name: `held out${which}`, y: network.held_out, line },
    ].filter(({ y }) => y.some((value) => value !== null));
  });
  draw($("#training-chart"), traces, { xaxis: { title: { text: "steps" } }, yaxis: { title: { text: "loss" } } });
}

document.addEventListener("DOMContentLoaded", () => {
  const button = $("#theme");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  button.onclick = () => {
    const now = document.documentElement.dataset.theme || (dark.matches ? "dark" : "light");
    localStorage.theme = document.documentElement.dataset.theme = now === "dark" ? "light" : "dark";
    dispatchEvent(new Event("theme"));
  };
  addEventListener("theme", () => (redraw(), $("#cost-form") && costChart(), $("#effect-form") && effectChart(), $("#training-form") && trainingChart()));
  dark.onchange = () => dispatchEvent(new Event("theme"));
  $$("table[data-sortable]").forEach(sortable);
  for (const csv of $$("button[data-table]")) {
    const rows = () => $$("tr", $(`#${csv.dataset.table}`));
    csv.onclick = () => download(csv.dataset.table, rows().map((r) => [...r.cells].map((c) => c.dataset.value ?? c.textContent.trim())));
  }
  if ($("#filters")) bind($("#filters"), filterMatrix);
  if ($("#cost-form")) bind($("#cost-form"), costChart);
  if ($("#effect-form")) bind($("#effect-form"), effectChart);
  if ($("#training-form")) bind($("#training-form"), trainingChart);
});
