// SPDX-License-Identifier: Apache-2.0
// The report's rows and tables.
"use strict";
const colors = ["#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#b07aa1",
  "#76b7b2", "#edc948", "#ff9da7", "#9c755f", "#8a8f98"];
const color = (index) => colors[index % colors.length];
const rows = data.rows.map((row, index) => ({ ...row, index }));
const scored = rows.filter((row) => row.scores.mIoU);

// A column: title, the text of a row, the value it is sorted by.
function tableColumns() {
  const columns = [];
  if (rows.some((row) => row.name)) {
    columns.push({ title: "row", text: (row) => row.name });
  }
  data.columns.forEach((title, index) => columns.push({
    title,
    text: (row) => row.values[index],
    value: (row) => {
      const number = Number(row.values[index]);
      return row.values[index] === "" || Number.isNaN(number)
        ? row.values[index] : number;
    },
  }));
  const number = (title, value, text, kind = "") => columns.push({
    title, value, kind, isNumber: true,
    text: (row) => (value(row) === null ? "" : text(value(row))),
  });
  const hasPaper = rows.some((row) => row.paper);
  const paper = (title, key) => hasPaper && number(`paper: ${title}`,
    (row) => (row.paper && key in row.paper ? row.paper[key] : null),
    (value) => value.toFixed(2), "paper");
  for (const title of data.scores) {
    columns.push({
      title: `${title}, %`,
      isNumber: true,
      isScore: true,
      value: (row) => (row.scores[title] ? row.scores[title].mean : null),
      text: (row) => scoreText(row, title),
    });
    if (title === "mIoU") paper("mIoU, %", "mean_iou");
  }
  if (rows.some((row) => row.before_crf)) {
    number("mIoU before the CRF, %",
      (row) => (row.before_crf ? row.before_crf.mean : null), percent);
  }
  if (rows.some((row) => row.against_reference)) {
    columns.push({
      title: `against ${rows[data.reference].label}, 95 %`,
      isNumber: true,
      value: (row) =>
        (row.against_reference ? row.against_reference.difference : null),
      text: (row) => (row.index === data.reference
        ? "reference" : intervalText(row.against_reference)),
    });
  }
  for (const { key, title, factor, digits } of data.costs) {
    number(title, (row) => row.cost[key],
      (value) => (factor * value).toFixed(digits));
    if (key === "multiply_adds") paper(title, key);
  }
  number("seeds", (row) => row.seeds, String);
  return columns;
}

function scoreText(row, title) {
  const score = row.scores[title];
  if (!score) return row.seeds ? "" : "failed";
  const mean = percent(score.mean);
  if (row.seeds < 2) return mean;
  const span = document.createElement("span");
  span.append(mean, element("span", { class: "deviation" },
    ` \u00b1 ${percent(score.deviation)}`));
  return span;
}

function intervalText(comparison) {
  if (!comparison) return "";
  const sign = (value) => (value > 0 ? "+" : "") + percent(value);
  const text = `${sign(comparison.difference)} ` +
    `(${sign(comparison.low)} to ${sign(comparison.high)})`;
  return comparison.clear ? text : `${text} =`;
}

function sortableTable(columns) {
  const body = element("tbody");
  let order = [...rows];
  function fill() {
    body.replaceChildren(...order.map((row) => element("tr",
      { title: row.errors.length ? row.errors.join("\n") : null },
      ...columns.map((column) => element("td", {
        class: [column.isNumber ? "number" : "", column.kind || "",
          column.isScore && isBest(column, row) ? "best" : "",
          row.errors.length && !row.seeds ? "failed" : ""].join(" ").trim(),
      }, column.text(row))))));
  }
  function isBest(column, row) {
    const values = rows.map(column.value).filter((value) => value !== null);
    return column.value(row) === Math.max(...values);
  }
  function sortBy(column, header) {
    const falls = header.getAttribute("aria-sort") === "descending" ||
      (!column.isNumber && !header.hasAttribute("aria-sort"));
    const value = column.value || column.text;
    head.querySelectorAll("th").forEach(
      (other) => other.removeAttribute("aria-sort"));
    header.setAttribute("aria-sort", falls ? "ascending" : "descending");
    order = [...rows].sort((a, b) => {
      const [one, other] = [value(a), value(b)];
      if (one === null || other === null) {
        return (one === null) - (other === null);
      }
      const less = one < other ? -1 : one > other ? 1 : 0;
      return falls ? less : -less;
    });
    fill();
  }
  const head = element("tr", {}, ...columns.map((column) => {
    const header = element("th", {
      scope: "col",
      class: `${column.isNumber ? "number" : ""} ${column.kind || ""}`.trim(),
    });
    header.append(element("button",
      { type: "button", onclick: () => sortBy(column, header) },
      // Keys may break after their dots.
      ...column.title.split(/(?<=\.)/).flatMap(
        (part, i) => (i ? [element("wbr"), part] : [part]))));
    return header;
  }));
  fill();
  return element("div", { class: "scroll" },
    element("table", { id: "scores" }, element("thead", {}, head), body));
}

function classTable() {
  const names = data.classes.map((one) => one.name);
  const head = element("tr", {}, element("th", {}, "row"),
    ...names.map((name) => element("th", { class: "number" }, name)));
  const lines = (key, what) => scored.map((row) => element("tr", {},
    element("td", {}, `${row.label}${what}`),
    ...names.map((name) => {
      const value = row[key][name];
      const known = value !== null && value !== undefined;
      return element("td", { class: "number" }, known ? percent(value) : "-");
    })));
  return element("details", {},
    element("summary", {}, "IoU and boundary IoU of each class, %"),
    element("div", { class: "scroll" }, element("table", {},
      element("thead", {}, head),
      element("tbody", {}, ...lines("class_iou", ""),
        ...lines("class_boundary_iou", " (boundary)")))));
}

function sizeTable() {
  const names = Object.keys(scored[0].found_by_size);
  return element("details", {},
    element("summary", {},
      "Recall of the pixels in small (< 32\u00b2 px), medium and large " +
      "(from 96\u00b2 px) regions, %"),
    element("table", {},
      element("thead", {}, element("tr", {}, element("th", {}, "row"),
        ...names.map((name) => element("th", { class: "number" }, name)))),
      element("tbody", {}, ...scored.map((row) => element("tr", {},
        element("td", {}, row.label),
        ...names.map((name) => element("td", { class: "number" },
          row.found_by_size[name] === null
            ? "-" : percent(row.found_by_size[name]))))))));
}
