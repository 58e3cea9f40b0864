"use strict";
// benchopt's report, without what it takes from other machines: Plotly, Grid.js, and an
// animation of its name.

async function openReport(url) {
  const [report, code] = await Promise.all([url, "../data/plotly.js"].map(packed.text));
  // else a figure takes the choices of another whose name begins with its own
  const text = report.replaceAll("key.startsWith(kind)", "key.startsWith(`${kind}_`)");
  const end = text.indexOf("</head>");
  document.open();
  document.write(text.slice(0, end), '<link rel="stylesheet" href="../static/gridjs.css">');
  (0, eval)(code); // now, for it adds styles to the head
  const { react } = Plotly;
  // the report's Plotly took a string for a title, which later ones do not
  const titled = (part) => (typeof part?.title === "string" ? { ...part, title: { text: part.title } } : part);
  Plotly.react = (div, data, layout) =>
    react(div, data, { ...titled(layout), xaxis: titled(layout.xaxis), yaxis: titled(layout.yaxis) });
  document.write(text.slice(end));
  document.close();
}

const still = { add: () => still };
window.anime = { timeline: () => still };
