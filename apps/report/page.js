// SPDX-License-Identifier: Apache-2.0
// Builds the report from the JSON beside it: table, charts, pictures.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const main = document.getElementById("report");
  const colors = ["#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#b07aa1",
    "#76b7b2", "#edc948", "#ff9da7", "#9c755f", "#8a8f98"];
  const color = (index) => colors[index % colors.length];
  const rows = data.rows.map((row, index) => ({ ...row, index }));
  const scored = rows.filter((row) => row.scores.mIoU);

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
  const billions = (value) => (value / 1e9).toFixed(2);

  // Theme: the reader's system decides until the button is pressed.
  const root = document.documentElement;
  const charts = [];
  function setTheme(theme) {
    root.dataset.theme = theme;
    charts.splice(0).forEach((chart) => chart.destroy());
    drawCharts();
  }
  function toggleTheme() {
    setTheme(root.dataset.theme === "dark" ? "light" : "dark");
  }

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
    for (const title of data.scores) {
      columns.push({
        title: `${title}, %`,
        isNumber: true,
        isScore: true,
        value: (row) => (row.scores[title] ? row.scores[title].mean : null),
        text: (row) => scoreText(row, title),
      });
    }
    if (rows.some((row) => row.before_crf)) {
      number("mIoU before the CRF, %",
        (row) => (row.before_crf ? row.before_crf.mean : null), percent);
    }
    if (rows.some((row) => row.against_best)) {
      columns.push({
        title: "against the best row, 95 %",
        isNumber: true,
        value: (row) =>
          (row.against_best ? row.against_best.difference : null),
        text: (row) => intervalText(row.against_best),
      });
    }
    number("multiply-adds, 1e9", (row) => row.cost.multiply_adds, billions);
    number("the same, paper's rule",
      (row) => row.cost.multiply_adds_paper_rule, billions);
    number("parameters, 1e6", (row) => row.cost.parameters,
      (value) => (value / 1e6).toFixed(2));
    number("ms an image", (row) => row.cost.seconds_per_image,
      (value) => (1000 * value).toFixed(0));
    number("peak memory, MiB", (row) => row.cost.peak_memory_bytes,
      (value) => (value / 2 ** 20).toFixed(0));
    number("seeds", (row) => row.seeds, String);
    if (rows.some((row) => row.paper)) {
      const paper = (key) => (row) =>
        (row.paper && key in row.paper ? row.paper[key] : null);
      number("paper: mIoU, %", paper("mean_iou"),
        (value) => value.toFixed(2), "paper");
      number("paper: multiply-adds, 1e9", paper("multiply_adds"),
        (value) => value.toFixed(2), "paper");
    }
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
    if (!comparison) return "best";
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
        "Share found of the pixels of small (< 32\u00b2 px), medium and " +
        "large (from 96\u00b2 px) regions, %"),
      element("table", {},
        element("thead", {}, element("tr", {}, element("th", {}, "row"),
          ...names.map((name) => element("th", { class: "number" }, name)))),
        element("tbody", {}, ...scored.map((row) => element("tr", {},
          element("td", {}, row.label),
          ...names.map((name) => element("td", { class: "number" },
            row.found_by_size[name] === null
              ? "-" : percent(row.found_by_size[name]))))))));
  }

  // Charts.
  const chartHolder = element("div", { class: "charts" });
  function addChart(title, config) {
    const canvas = element("canvas", { role: "img", "aria-label": title });
    chartHolder.append(element("section", { class: "chart" },
      element("h3", {}, title), element("div", {}, canvas)));
    const style = getComputedStyle(root);
    Chart.defaults.color = style.getPropertyValue("--soft").trim();
    Chart.defaults.borderColor = style.getPropertyValue("--line").trim();
    Chart.defaults.animation = false;
    Chart.defaults.maintainAspectRatio = false;
    charts.push(new Chart(canvas, config));
  }
  const axis = (text, extra = {}) => ({ title: { display: true, text }, ...extra });
  const legendBelow = { legend: { position: "bottom",
    labels: { boxWidth: 14, font: { size: 11 } } } };

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

  function drawLines(title, xTitle, yTitle, lines) {
    if (!lines.some((line) => line.points.length > 1)) return;
    addChart(title, {
      type: "line",
      data: { datasets: lines.map((line) => ({
        label: line.label, borderColor: line.color, backgroundColor: line.color,
        data: line.points.map(([x, y]) => ({ x, y })), borderWidth: 1.5,
        pointRadius: line.points.length > 30 ? 0 : 3 })) },
      options: { plugins: legendBelow, scales: {
        x: axis(xTitle, { type: "linear" }), y: axis(yTitle) } },
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

  // Pictures.
  function layersOf(picture) {
    return [
      { label: "photo", url: picture.photo },
      { label: "truth", url: picture.truth },
      ...picture.predictions.flatMap((one) => [
        { label: rows[one.row].label, url: one.mask },
        { label: `${rows[one.row].label}: errors`, url: one.errors },
      ]),
    ];
  }

  function comparer() {
    const under = element("img", { alt: "" });
    const over = element("img", { alt: "", class: "over" });
    const bar = element("i");
    const slider = element("input", { type: "range", min: 0, max: 100,
      value: 50, id: "slider", "aria-label": "boundary between the pictures" });
    const choice = (id, label) => element("select",
      { id, "aria-label": label, onchange: show });
    const image = element("select",
      { "aria-label": "image", onchange: show },
      ...data.pictures.map((picture, i) =>
        element("option", { value: i }, picture.id)));
    const left = choice("left", "left picture");
    const right = choice("right", "right picture");
    const labels = layersOf(data.pictures[0]).map((layer) => layer.label);
    for (const select of [left, right]) {
      select.append(...labels.map((label, i) =>
        element("option", { value: i }, label)));
    }
    left.value = Math.min(1, labels.length - 1);
    right.value = Math.min(2, labels.length - 1);
    function slide() {
      over.style.clipPath = `inset(0 ${100 - slider.value}% 0 0)`;
      bar.style.left = `calc(${slider.value}% - 1px)`;
    }
    function show() {
      const layers = layersOf(data.pictures[image.value]);
      const at = (select) => layers[Math.min(select.value, layers.length - 1)];
      over.src = at(left).url;
      under.src = at(right).url;
      over.alt = at(left).label;
      under.alt = at(right).label;
      slide();
    }
    slider.addEventListener("input", slide);
    show();
    return element("section", {},
      element("div", { class: "controls" }, image, "left", left, "right", right),
      element("div", { class: "compare" }, under, over, bar), slider);
  }

  function gallery() {
    const holder = element("div");
    const figure = (url, caption) => element("figure", {},
      element("img", { src: url, alt: caption, loading: "lazy" }),
      element("figcaption", {}, caption));
    function fill(kind) {
      holder.replaceChildren(...data.pictures.map((picture) =>
        element("div", { class: "gallery" },
          figure(picture.photo, picture.id), figure(picture.truth, "truth"),
          ...picture.predictions.map((one) =>
            figure(one[kind], rows[one.row].label)))));
    }
    const errors = element("input", { type: "checkbox", id: "errors",
      onchange: () => fill(errors.checked ? "errors" : "mask") });
    fill("mask");
    return element("section", {},
      element("div", { class: "controls" }, errors,
        element("label", { for: "errors" },
          "show errors: wrong pixels red, void white")), holder);
  }

  function legend() {
    return element("p", { class: "legend" }, ...data.classes.map((one) => {
      const swatch = element("i");
      swatch.style.background = `rgb(${one.color.join(",")})`;
      return element("span", {}, swatch, one.name);
    }));
  }

  main.replaceChildren(element("header", {},
    element("div", { style: "flex:1" }, element("h1", {}, data.title),
      element("p", { class: "soft" },
        `Scored on ${data.data}. deeplab ${data.version}.`)),
    element("button", { type: "button", id: "theme", onclick: toggleTheme },
      "dark / light")));
  if (data.paper) {
    main.append(element("p", { class: "soft" },
      `Grey columns: ${data.paper}. The paper's values come from other data ` +
      "and training than ours; compare orders, not values."));
  }
  main.append(sortableTable(tableColumns()));
  if (rows.some((row) => row.against_best && !row.against_best.clear)) {
    main.append(element("p", { class: "soft" },
      "=: by a paired bootstrap over images, no clear difference from the " +
      "best row. It says nothing of the noise of training; seeds do."));
  }
  for (const row of rows.filter((one) => one.errors.length)) {
    main.append(element("p", { class: "failed" },
      `${row.label} failed: ${row.errors.join("; ")}`));
  }
  if (scored.length) main.append(classTable(), sizeTable());
  main.append(element("h2", {}, "Charts"), chartHolder);
  if (data.pictures.length) {
    main.append(element("h2", {}, "Two results side by side"), legend(),
      comparer(), element("h2", {}, "Pictures"), gallery());
  }
  setTheme(matchMedia("(prefers-color-scheme: dark)").matches
    ? "dark" : "light");
})();
