// SPDX-License-Identifier: Apache-2.0
// The page of trainings' curves.
"use strict";
const runLines = (key, factor = 1) => data.runs.map((run) => ({
  label: run.name, color: run.color,
  points: run[key].map(([x, y]) => [x, factor * y]) }));
const faint = (line) =>
  ({ ...line, color: `${line.color}40`, isFaint: true });

function drawCharts() {
  chartHolder.replaceChildren();
  const isSmoothed = data.smooth > 0;
  drawLines(isSmoothed ? "Training loss (faint: each step)" : "Training loss",
    "iteration", "loss", [...runLines("smoothed_loss"),
      ...(isSmoothed ? runLines("loss").map(faint) : [])]);
  drawLines("Learning rate", "iteration", "learning rate",
    runLines("learning_rate"));
  drawLines("Validation: mean IoU", "iteration", "mean IoU, %",
    runLines("mean_iou", 100));
  drawLines("Validation: pixel accuracy", "iteration", "pixel accuracy, %",
    runLines("pixel_accuracy", 100));
}

/// Rows of [title, text of each run], under the names of the runs.
function runTable(id, title, lines, kind) {
  return element("div", { class: "scroll" }, element("table", { id },
    element("thead", {}, element("tr", {}, element("th", {}, title),
      ...data.runs.map((run) => element("th", { class: kind }, run.name)))),
    element("tbody", {}, ...lines.map(([name, texts]) => element("tr", {},
      element("td", {}, name),
      ...texts.map((text) => element("td", { class: kind }, text)))))));
}

function lastValidations() {
  const known = (value, text) =>
    (value === null || value === undefined ? "-" : text(value));
  const line = (title, value, text = percent) =>
    [title, data.runs.map((run) => known(value(run), text))];
  const score = (key) => (run) => run.last && run.last.validation[key];
  return runTable("validation", "%", [
    line("iteration", (run) => run.last && run.last.iteration, String),
    line("mean IoU", score("mean_iou")),
    line("pixel accuracy", score("pixel_accuracy")),
    ...data.classes.map((name) => line(`IoU of ${name}`,
      (run) => run.last && run.last.validation.class_iou[name])),
  ], "number");
}

const main = document.getElementById("report");
main.replaceChildren(pageHeader(`deeplab ${data.version}.`), chartHolder);
if (data.runs.some((run) => run.last)) {
  main.append(element("h2", {}, "Last validation"), lastValidations());
}
if (data.differing.length) {
  main.append(element("h2", {}, "Where the configs differ"),
    runTable("differing", "key",
      data.differing.map((one) => [one.key, one.values]), "setting"));
}
useReadersTheme();
