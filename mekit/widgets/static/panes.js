// One pane: a canvas, its caption and legend, and how its values are laid over the frame.

import { arrows, paintScale, paintWheel } from "./draw.js";

export const h = (tag, attributes = {}, ...children) => {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) if (value != null) node.setAttribute(key, value);
  node.append(...children.filter(c => c != null));
  return node;
};

const unhex = text => Uint8Array.from(text.match(/../g), pair => parseInt(pair, 16));
const round = x => String(Number(x.toPrecision(2)));

// "0.8 px, 1.1 %IOD": the limit of a scale in every unit it has.
export const limitText = stack => [stack.unit, stack.second && stack.second.unit].filter(x => x != null)
  .map((unit, k) => `${round(stack.limit * stack.factor * (k ? stack.second.factor : 1))}${unit ? " " + unit : ""}`).join(" · ");

const rampOf = (table, isSigned) => {
  const stops = Array.from({ length: 9 }, (_, k) => {
    const c = 3 * Math.round(k / 8 * 255);
    return `rgb(${table[c]} ${table[c + 1]} ${table[c + 2]})`;
  });
  return `linear-gradient(90deg, ${stops.join(", ")})`;
};

const wheelImage = (table, size) => {
  const canvas = h("canvas", { width: size, height: size, class: "m-wheel", "aria-hidden": "true" });
  const r = size / 2, cells = size * size, uv = new Int16Array(2 * cells);
  for (let k = 0; k < cells; k++) { uv[k] = 1000 * ((k % size + 0.5) / r - 1); uv[cells + k] = 1000 * ((Math.floor(k / size) + 0.5) / r - 1); }
  const image = new ImageData(size, size);
  paintWheel(uv, cells, 1, 1000, table, image.data);
  for (let k = 0; k < cells; k++) if (Math.hypot(uv[k], uv[cells + k]) > 1000) image.data[4 * k + 3] = 0;
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
};

const legendOf = (pane, stack, table) => {
  if (!stack) return [];
  const limit = limitText(stack);
  if (pane.kind === "wheel") return [wheelImage(table, 36), h("span", {}, limit)];
  if (pane.kind === "arrows") return [h("span", {}, `${round(pane.gain)}\u00d7 · up to ${limit}`)];
  const ramp = h("i", { class: "m-ramp", "aria-hidden": "true" });
  ramp.style.background = rampOf(table);
  return stack.signed ? [ramp, h("span", {}, `\u00b1${limit}`)] : [h("span", {}, "0"), ramp, h("span", {}, limit)];
};

export class Pane {
  constructor(pane, meta) {
    this.pane = pane; this.meta = meta; this.stack = pane.stack ? meta.stacks[pane.stack] : null;
    this.table = pane.table ? unhex(meta.tables[pane.table]) : null;
    this.canvas = h("canvas", { "data-pane": pane.name, role: "img", "aria-label": `${pane.name} pane` });
    this.cross = h("i", { class: "m-cross", hidden: "" });
    this.note = h("span", { class: "m-note" });
    this.node = h("figure", { class: "m-pane" }, h("div", { class: "m-stage" }, this.canvas, this.cross),
      h("figcaption", {}, h("b", {}, pane.name), this.note, h("span", { class: "m-legend" }, ...legendOf(pane, this.stack, this.table))));
    this.context = this.canvas.getContext("2d", { alpha: false });
    if (this.stack) {
      this.small = h("canvas", { width: meta.grid.w, height: meta.grid.h });
      this.overlay = new ImageData(meta.grid.w, meta.grid.h);
    }
  }

  // What is drawn is a whole multiple or a simple fraction of the frame; the page may show it a little wider.
  size(scale, ratio, width) {
    const { w, h: height } = this.meta;
    this.canvas.width = Math.max(1, Math.round(w * scale * ratio)); this.canvas.height = Math.max(1, Math.round(height * scale * ratio));
    this.node.style.width = this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${Math.round(height * width / w)}px`;
  }

  draw(entry, view, i) {
    const { context, canvas } = this, data = this.stack && entry.stacks[this.pane.stack];
    context.imageSmoothingEnabled = canvas.width < view.w * 4;
    context.drawImage(entry.bitmap, view.x, view.y, view.w, view.h, 0, 0, canvas.width, canvas.height);
    if (!this.stack) return;
    this.note.textContent = this.stack.pairs[i] ?? "no values here";
    if (this.pane.kind !== "arrows") this.dim();
    if (data) this.pane.kind === "arrows" ? this.drawArrows(data, view) : this.drawOverlay(data, view);
  }

  // Grey and dark, so that the only colour on the picture is the values'.
  dim() {
    const { context, canvas } = this;
    context.globalCompositeOperation = "saturation"; context.fillStyle = "#000";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.globalCompositeOperation = "source-over"; context.fillStyle = "rgb(10 12 16 / 0.5)";
    context.fillRect(0, 0, canvas.width, canvas.height);
  }

  drawOverlay(data, view) {
    const { step, w, h: rows } = this.meta.grid, { quantum, limit, signed } = this.stack;
    if (this.pane.kind === "wheel") paintWheel(data, w * rows, quantum, limit, this.table, this.overlay.data);
    else paintScale(data, w * rows, quantum, limit, signed, this.table, this.overlay.data);
    this.small.getContext("2d").putImageData(this.overlay, 0, 0);
    this.context.imageSmoothingEnabled = this.canvas.width < view.w * 6;
    this.context.drawImage(this.small, view.x / step, view.y / step, view.w / step, view.h / step, 0, 0, this.canvas.width, this.canvas.height);
  }

  drawArrows(data, view) {
    const { context, canvas } = this, k = canvas.width / view.w, every = Math.max(this.meta.grid.step, 14 * this.ratio() / k);
    const path = new Path2D();
    for (const [x, y, dx, dy] of arrows(this.stack, data, this.meta.grid, view, every, this.pane.gain)) {
      const x0 = (x - view.x) * k, y0 = (y - view.y) * k, x1 = x0 + dx * k, y1 = y0 + dy * k;
      const turn = Math.atan2(dy, dx), head = Math.min(5 * this.ratio(), 0.5 * Math.hypot(x1 - x0, y1 - y0));
      path.moveTo(x0, y0); path.lineTo(x1, y1);
      for (const side of [2.6, -2.6]) { path.moveTo(x1, y1); path.lineTo(x1 + head * Math.cos(turn + side), y1 + head * Math.sin(turn + side)); }
    }
    context.lineCap = "round";
    context.lineWidth = 3 * this.ratio(); context.strokeStyle = "rgb(0 0 0 / 0.65)"; context.stroke(path);
    context.lineWidth = 1.4 * this.ratio(); context.strokeStyle = "#ffe24d"; context.stroke(path);
  }

  ratio() { return this.canvas.width / (parseFloat(this.canvas.style.width) || this.canvas.width); }

  // The same spot in every pane, where the pointer is in one of them.
  point(spot, view) {
    this.cross.hidden = !spot;
    if (!spot) return;
    const width = parseFloat(this.canvas.style.width), height = parseFloat(this.canvas.style.height);
    this.cross.style.transform = `translate(${(spot.x - view.x) / view.w * width}px, ${(spot.y - view.y) / view.h * height}px)`;
  }
}
