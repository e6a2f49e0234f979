// SPDX-License-Identifier: Apache-2.0
// What every page has: its data, elements, how a chart is made, and the theme.
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);

/// Makes an element: element("p", {class: "soft"}, "text", child, ...).
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== null) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}
const percent = (value) => (100 * value).toFixed(2);

const root = document.documentElement;
const charts = [];
const chartHolder = element("div", { class: "charts" });
/// Room for the bars of a bar chart, or for a legend of many lines.
function chartHeight(config) {
  const usual = 320;
  if (config.type === "bar") {
    return Math.max(usual, 80 + 26 * config.data.labels.length);
  }
  return usual + 9 * Math.max(0, config.data.datasets.length - 6);
}

function addChart(title, config) {
  const canvas = element("canvas", { role: "img", "aria-label": title });
  chartHolder.append(element("section", { class: "chart" },
    element("h3", {}, title),
    element("div", { style: `height: ${chartHeight(config)}px` }, canvas)));
  const style = getComputedStyle(root);
  Chart.defaults.color = style.getPropertyValue("--soft").trim();
  Chart.defaults.borderColor = style.getPropertyValue("--line").trim();
  Chart.defaults.animation = false;
  Chart.defaults.maintainAspectRatio = false;
  charts.push(new Chart(canvas, config));
}
const axis = (text, extra = {}) =>
  ({ title: { display: true, text }, ...extra });
const legendBelow = { legend: { position: "bottom",
  labels: { boxWidth: 14, font: { size: 11 } } } };

/// Lines of {label, color, points}; those that are `isFaint` have no place in
/// the legend, and are shown and hidden with the line of their label.
function drawLines(title, xTitle, yTitle, lines) {
  if (!lines.some((line) => line.points.length > 1)) return;
  const legend = { ...legendBelow.legend, onClick: toggleLabel };
  legend.labels = { ...legend.labels,
    filter: (item) => !lines[item.datasetIndex].isFaint };
  addChart(title, {
    type: "line",
    data: { datasets: lines.map((line) => ({
      label: line.label, borderColor: line.color, backgroundColor: line.color,
      data: line.points.map(([x, y]) => ({ x, y })),
      borderWidth: line.isFaint ? 1 : 1.5,
      pointRadius: line.points.length > 30 ? 0 : 3 })) },
    options: { plugins: { legend }, scales: {
      x: axis(xTitle, { type: "linear" }), y: axis(yTitle) } },
  });
}

function toggleLabel(_, item, { chart }) {
  const isShown = chart.isDatasetVisible(item.datasetIndex);
  chart.data.datasets.forEach((line, index) => {
    if (line.label === item.text) chart.setDatasetVisibility(index, !isShown);
  });
  chart.update();
}

/// The reader's system decides until the button is pressed; each page draws its
/// charts by its own drawCharts().
function setTheme(theme) {
  root.dataset.theme = theme;
  charts.splice(0).forEach((chart) => chart.destroy());
  drawCharts();
}
function toggleTheme() {
  setTheme(root.dataset.theme === "dark" ? "light" : "dark");
}
function useReadersTheme() {
  setTheme(matchMedia("(prefers-color-scheme: dark)").matches
    ? "dark" : "light");
}

/// The title with a line under it, and the button that changes the theme.
function pageHeader(text) {
  return element("header", {},
    element("div", { style: "flex:1" }, element("h1", {}, data.title),
      element("p", { class: "soft" }, text)),
    element("button", { type: "button", id: "theme", onclick: toggleTheme },
      "dark / light"));
}
