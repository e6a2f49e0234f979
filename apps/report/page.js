// SPDX-License-Identifier: Apache-2.0
// The report's pictures, and the page around them.
"use strict";
/// What can be laid over a photo, by a name that other photos have too.
function layersOf(picture) {
  return new Map([
    ["photo", picture.photo],
    ["truth", picture.truth],
    ...picture.predictions.flatMap((one) => [
      [rows[one.row].label, one.mask],
      [`${rows[one.row].label}: errors`, one.errors],
    ]),
  ]);
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
    { "aria-label": "image", onchange: fill },
    ...data.pictures.map((picture, i) =>
      element("option", { value: i }, picture.id)));
  const left = choice("left", "left picture");
  const right = choice("right", "right picture");
  const layers = () => layersOf(data.pictures[image.value]);
  function slide() {
    over.style.clipPath = `inset(0 ${100 - slider.value}% 0 0)`;
    bar.style.left = `calc(${slider.value}% - 1px)`;
  }
  function show() {
    for (const [picture, select] of [[over, left], [under, right]]) {
      picture.src = layers().get(select.value);
      picture.alt = select.value;
    }
    slide();
  }
  /// Offers what the image has, and keeps the choice where it has it too.
  function fill() {
    const names = [...layers().keys()];
    [[left, 1], [right, 2]].forEach(([select, usual]) => {
      const chosen = select.value;
      select.replaceChildren(...names.map((name) =>
        element("option", { value: name }, name)));
      select.value = names.includes(chosen)
        ? chosen : names[Math.min(usual, names.length - 1)];
    });
    show();
  }
  slider.addEventListener("input", slide);
  fill();
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

const main = document.getElementById("report");
main.replaceChildren(
  pageHeader(`Scored on ${data.data}. deeplab ${data.version}.`));
if (data.paper) {
  main.append(element("p", { class: "soft" },
    `Grey columns: ${data.paper}. The paper's values come from other data ` +
    "and training; compare the order of rows, not the values."));
}
main.append(sortableTable(tableColumns()));
if (rows.some((row) => row.against_reference && !row.against_reference.clear)) {
  main.append(element("p", { class: "soft" },
    "=: by a paired bootstrap over images, no clear difference from " +
    `${rows[data.reference].label}. It says nothing of the noise of ` +
    "training; seeds do."));
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
useReadersTheme();
