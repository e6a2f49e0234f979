// SPDX-License-Identifier: Apache-2.0
// The report's charts.
"use strict";
function drawBars() {
  const means = scored.map((row) => 100 * row.scores.mIoU.mean);
  const spreads = scored.map((row) => 100 * row.scores.mIoU.deviation);
  const low = Math.min(...means.map((mean, i) => mean - spreads[i]));
  addChart("Mean IoU, % (line: standard deviation over seeds)", {
    type: "bar",
    data: {
      labels: scored.map((row) => row.label),
      datasets: [
        { data: means.map((mean, i) => [mean - spreads[i], mean + spreads[i]]),
          backgroundColor: getComputedStyle(root)
            .getPropertyValue("--ink").trim(), barThickness: 2, grouped: false,
          order: 0 },
        { data: means, backgroundColor: scored.map((row) => color(row.index)),
          grouped: false, order: 1 },
      ],
    },
    options: { indexAxis: "y", plugins: { legend: { display: false } },
      scales: { x: axis("mean IoU, %",
        { min: Math.max(0, 5 * Math.floor(low / 5) - 5) }) } },
  });
}

/// Rows that no other beats in both cost and score.
function paretoFront() {
  const front = [];
  const byCost = scored.filter((row) => row.cost.multiply_adds !== null)
    .sort((a, b) => a.cost.multiply_adds - b.cost.multiply_adds ||
      b.scores.mIoU.mean - a.scores.mIoU.mean);
  for (const row of byCost) {
    const last = front[front.length - 1];
    if (!last || row.scores.mIoU.mean > last.scores.mIoU.mean) front.push(row);
  }
  return front;
}

function drawPareto() {
  const point = (row) => ({ x: row.cost.multiply_adds / 1e9,
    y: 100 * row.scores.mIoU.mean });
  addChart("Mean IoU over multiply-adds (line: Pareto front)", {
    type: "scatter",
    data: {
      datasets: [
        ...scored.map((row) => ({ label: row.label, data: [point(row)],
          backgroundColor: color(row.index), pointRadius: 5 })),
        { label: "Pareto front", type: "line", showLine: true,
          data: paretoFront().map(point), borderColor: "#8a8f98",
          borderDash: [5, 4], pointRadius: 0, borderWidth: 1.5 },
      ],
    },
    options: { plugins: legendBelow, scales: {
      x: axis("multiply-adds, 1e9", { type: "logarithmic" }),
      y: axis("mean IoU, %") } },
  });
}

const rowLines = (points) => scored.map((row) => ({
  label: row.label, color: color(row.index), points: points(row) }));

/// A line over each column of three numbers or more, one for each set of
/// the other columns' values.
function drawNumericColumns() {
  data.columns.forEach((title, column) => {
    const value = (row) => Number(row.values[column]);
    const numeric = scored.filter((row) =>
      row.values[column] !== "" && !Number.isNaN(value(row)));
    if (new Set(numeric.map(value)).size < 3) return;
    const lines = new Map();
    for (const row of numeric) {
      const others = row.values.filter((_, i) => i !== column);
      const label = others.join(" / ") || "mean IoU";
      if (!lines.has(label)) {
        lines.set(label, { label, color: color(lines.size), points: [] });
      }
      lines.get(label).points.push(
        [value(row), 100 * row.scores.mIoU.mean]);
    }
    for (const line of lines.values()) line.points.sort((a, b) => a[0] - b[0]);
    drawLines(`Mean IoU over ${title}`, title, "mean IoU, %",
      [...lines.values()]);
  });
}

function drawCharts() {
  chartHolder.replaceChildren();
  if (!scored.length) return;
  drawBars();
  drawPareto();
  drawNumericColumns();
  drawLines("Near boundaries: mean IoU within a band", "band, pixels",
    "mean IoU, %", rowLines((row) => Object.entries(row.trimap)
      .map(([width, iou]) => [Number(width), 100 * iou])));
  // Rows of one training share their curve.
  const seen = new Set();
  const fresh = (key) => !seen.has(key) && seen.add(key);
  const trained = scored.filter((row) =>
    row.curve.loss.length && fresh(JSON.stringify(row.curve.loss)));
  const curves = (key, factor) => trained.map((row) => ({
    label: row.label, color: color(row.index),
    points: row.curve[key].map(([x, y]) => [x, factor * y]) }));
  drawLines("Training loss (first seed)", "iteration", "loss",
    curves("loss", 1));
  drawLines("Validation during training (first seed)", "iteration",
    "mean IoU, %", curves("validation", 100));
}
