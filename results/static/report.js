"use strict";
// benchopt's report, without what it takes from other machines: a Plotly, a table
// and an animation of its name.

async function openReport(url) {
  const [text, code] = await Promise.all([url, "../data/plotly.js"].map(packed.text));
  const end = text.indexOf("</head>");
  document.open();
  document.write(text.slice(0, end), style);
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

// The part of Grid.js that the report uses: a table that sorts and searches.
window.gridjs = {
  html: (html) => ({ html }),
  Grid: class {
    constructor({ columns, data }) {
      Object.assign(this, { columns, data, sorted: null, ascending: false, words: "" });
    }
    on(_, ready) {
      setTimeout(ready);
    }
    render(parent) {
      this.container = document.createElement("div");
      this.container.className = "gridjs-container";
      const search = document.createElement("input");
      Object.assign(search, { type: "search", placeholder: "Search…", ariaLabel: "Search", className: "gridjs-search" });
      search.oninput = () => ((this.words = search.value.toLowerCase()), this.forceRender());
      this.table = document.createElement("table");
      this.table.className = "gridjs-table";
      this.container.append(search, this.table);
      parent.append(this.container);
      this.forceRender();
    }
    forceRender() {
      const shown = this.columns.map((_, i) => i).filter((i) => !this.columns[i].hidden);
      const head = this.table.createTHead();
      const row = document.createElement("tr");
      for (const i of shown) {
        const button = document.createElement("button");
        const order = this.ascending ? "asc" : "desc";
        button.className = `gridjs-sort ${this.sorted === i ? `gridjs-sort-${order}` : ""}`;
        button.onclick = () => {
          this.ascending = this.sorted === i ? !this.ascending : true;
          this.sorted = i;
          this.forceRender();
        };
        const name = document.createElement("span");
        name.className = "gridjs-th-content";
        name.textContent = this.columns[i].name;
        button.append(name);
        const cell = document.createElement("th");
        cell.className = "gridjs-th";
        cell.append(button);
        row.append(cell);
      }
      head.replaceChildren(row);
      const rows = this.data.filter((r) => r.join(" ").toLowerCase().includes(this.words));
      if (this.sorted !== null) {
        const { compare } = this.columns[this.sorted].sort;
        rows.sort((a, b) => compare(a[this.sorted], b[this.sorted]) * (this.ascending ? 1 : -1));
      }
      const body = this.table.tBodies[0] ?? this.table.createTBody();
      body.replaceChildren(
        ...rows.map((values) => {
          const line = document.createElement("tr");
          for (const i of shown) {
            const text = this.columns[i].formatter(values[i]);
            const cell = line.insertCell();
            if (text?.html !== undefined) cell.innerHTML = text.html;
            else cell.textContent = text;
          }
          return line;
        }),
      );
    }
  },
};
const style = `<style>.gridjs-search{border:1px solid #ccc;border-radius:6px;padding:6px 10px;margin:8px}
.gridjs-container{overflow-x:auto}.gridjs-table{width:100%;border-collapse:collapse}
.gridjs-table td,.gridjs-th{border-top:1px solid #e5e7eb;padding:8px 12px;text-align:left}
.gridjs-sort{font-weight:600}.gridjs-sort-asc::after{content:" ↑"}.gridjs-sort-desc::after{content:" ↓"}</style>`;
