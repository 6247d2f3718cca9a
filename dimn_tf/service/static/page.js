// A photo: chosen or dropped, shown, and a box drawn on it or typed in.
"use strict";

const by = (id) => document.getElementById(id);
const fields = ["left", "top", "width", "height"];

function size() {
  return [by("preview").naturalWidth, by("preview").naturalHeight];
}

function boxOfNumbers() {
  const numbers = fields.map((name) => by(name).valueAsNumber);
  return numbers.some(Number.isNaN) ? null : numbers;
}

function show() {
  const box = boxOfNumbers();
  by("box").value = box ? box.join(",") : "";
  by("frame").hidden = !box;
  if (!box) return;
  const [width, height] = size();
  const percent = (value, of) => `${(100 * value) / of}%`;
  by("frame").style.left = percent(box[0], width);
  by("frame").style.top = percent(box[1], height);
  by("frame").style.width = percent(box[2], width);
  by("frame").style.height = percent(box[3], height);
}

function setBox(box) {
  fields.forEach((name, i) => { by(name).value = box ? box[i] : ""; });
  show();
}

function chosen() {
  const file = by("image").files[0];
  setBox(null);
  by("stage").hidden = by("hint").hidden = !file;
  if (by("preview").src) URL.revokeObjectURL(by("preview").src);
  if (file) by("preview").src = URL.createObjectURL(file);
}

function place(event) {
  const shown = by("preview").getBoundingClientRect();
  const [width, height] = size();
  const within = (value, most) => Math.round(Math.min(Math.max(value, 0), most));
  return [
    within(((event.clientX - shown.left) / shown.width) * width, width),
    within(((event.clientY - shown.top) / shown.height) * height, height),
  ];
}

function draw() {
  const stage = by("stage");
  let start = null;
  stage.addEventListener("pointerdown", (event) => {
    start = place(event);
    stage.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  stage.addEventListener("pointermove", (event) => {
    if (!start) return;
    const end = place(event);
    const box = [
      Math.min(start[0], end[0]), Math.min(start[1], end[1]),
      Math.abs(start[0] - end[0]), Math.abs(start[1] - end[1]),
    ];
    setBox(box[2] >= 4 && box[3] >= 4 ? box : null);
  });
  for (const kind of ["pointerup", "pointercancel"]) {
    stage.addEventListener(kind, () => { start = null; });
  }
}

function drop() {
  const area = by("drop");
  for (const kind of ["dragenter", "dragover"]) {
    area.addEventListener(kind, (event) => {
      event.preventDefault();
      area.classList.add("over");
    });
  }
  // Beside the area, the browser would leave the page and show the file.
  for (const kind of ["dragover", "drop"]) {
    document.addEventListener(kind, (event) => event.preventDefault());
  }
  for (const kind of ["dragleave", "drop"]) {
    area.addEventListener(kind, () => area.classList.remove("over"));
  }
  area.addEventListener("drop", (event) => {
    event.preventDefault();
    if (!event.dataTransfer.files.length) return;
    by("image").files = event.dataTransfer.files;
    chosen();
  });
}

if (by("photo")) {
  by("image").addEventListener("change", chosen);
  by("preview").addEventListener("load", show);
  fields.forEach((name) => by(name).addEventListener("input", show));
  by("whole").addEventListener("click", () => setBox(null));
  by("photo").addEventListener("submit", (event) => event.preventDefault());
  draw();
  drop();
}
