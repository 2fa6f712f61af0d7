// One pane: a canvas, its caption and legend, and how its values are laid over the frame.

import { arrows, paintScale, paintWheel } from "./draw.js";
import { loupeOf, loupePower, wipeColumn } from "./geometry.js";

export const h = (tag, attributes = {}, ...children) => {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) if (value != null) node.setAttribute(key, value);
  node.append(...children.filter(c => c != null));
  return node;
};
export const write = (node, text) => { if (node.firstChild?.data !== text) node.textContent = text; };

const unhex = text => Uint8Array.from(text.match(/../g), pair => parseInt(pair, 16));
const brief = x => String(Number(x.toPrecision(2)));

// "0.8 px, 1.1 %IOD": the limit of a scale in every unit it has.
export const limitText = stack => [stack.unit, stack.second && stack.second.unit].filter(x => x != null)
  .map((unit, k) => `${brief(stack.limit * stack.factor * (k ? stack.second.factor : 1))}${unit ? " " + unit : ""}`).join(" \u00b7 ");

const rampOf = table => {
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
  if (!stack) return pane.gain ? [h("span", {}, `motion ${brief(pane.gain)}\u00d7`)] : [];
  const limit = limitText(stack);
  if (pane.kind === "wheel") return [wheelImage(table, 36), h("span", {}, limit)];
  if (pane.kind === "arrows") return [h("span", {}, `${brief(pane.gain)}\u00d7 \u00b7 up to ${limit}`)];
  const ramp = h("i", { class: "m-ramp", "aria-hidden": "true" });
  ramp.style.background = rampOf(table);
  return stack.signed ? [ramp, h("span", {}, `\u00b1${limit}`)] : [h("span", {}, "0"), ramp, h("span", {}, limit)];
};

// Grey and dark, so that the only colour on the picture is the values'.
const darken = (context, width, height) => {
  context.globalCompositeOperation = "saturation"; context.fillStyle = "#000";
  context.fillRect(0, 0, width, height);
  context.globalCompositeOperation = "source-over"; context.fillStyle = "rgb(10 12 16 / 0.5)";
  context.fillRect(0, 0, width, height);
};

// The darkened frame is the same in all panes of a clip, and is made once.
export class Backdrop {
  constructor() { this.canvas = h("canvas"); this.context = this.canvas.getContext("2d", { alpha: false }); this.key = null; }
  of(bitmap, view, width, height) {
    const k = this.key;
    if (k && k.bitmap === bitmap && k.view === view && k.width === width && k.height === height) return this.canvas;
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    drawFrame(this.context, bitmap, view, width, height);
    darken(this.context, width, height);
    this.key = { bitmap, view, width, height };
    return this.canvas;
  }
}
const drawFrame = (context, bitmap, view, width, height, smooth = width < view.w * 4) => {
  context.imageSmoothingEnabled = smooth;
  context.drawImage(bitmap, view.x, view.y, view.w, view.h, 0, 0, width, height);
};

const LOUPE = 120;      // screen pixels, at most

// What every picture on the stage has: a place in the grid, a cross, a loupe, outlines of regions.
class Picture {
  constructor(meta, canvas, caption, regions) {
    Object.assign(this, { meta, canvas });
    this.context = canvas.getContext("2d", { alpha: false });
    this.cross = h("i", { class: "m-cross", hidden: "" });
    this.loupe = h("canvas", { class: "m-loupe", hidden: "", "aria-hidden": "true" });
    this.outlines = outlinesOf(regions);
    this.stage = h("div", { class: "m-stage" }, canvas, this.outlines, this.loupe, this.cross);
    this.node = h("figure", { class: "m-pane" }, this.stage, h("figcaption", {}, ...caption));
  }

  // What is drawn is a whole multiple or a simple fraction of the frame; the page may show it a little wider.
  size(scale, ratio, width) {
    const { w, h: height } = this.meta, { canvas } = this, high = Math.round(height * width / w);
    const cw = Math.max(1, Math.round(w * scale * ratio)), ch = Math.max(1, Math.round(height * scale * ratio));
    if (canvas.width !== cw || canvas.height !== ch) Object.assign(canvas, { width: cw, height: ch });
    Object.assign(this, { width, height: high, ratio: cw / width, screen: ratio });
    this.node.style.width = canvas.style.width = `${width}px`;
    canvas.style.height = `${high}px`;
    this.wide = Math.round(Math.min(LOUPE, 0.4 * width, 0.4 * high));
    this.loupe.width = this.loupe.height = this.wide * ratio;
    this.loupe.style.width = this.loupe.style.height = `${this.wide}px`;
  }

  // The same spot in every pane, where the pointer is in one of them.
  point(spot, view) {
    this.cross.hidden = !spot;
    if (spot) this.cross.style.transform = `translate(${(spot.x - view.x) / view.w * this.width}px, ${(spot.y - view.y) / view.h * this.height}px)`;
  }
  magnify(spot, view, paint) {
    this.loupe.hidden = !spot;
    if (!spot) return;
    const { src, left, top } = loupeOf(spot, view, this.width, this.height, this.wide, loupePower(this.width / view.w));
    const context = this.loupe.getContext("2d", { alpha: false }), px = this.loupe.width;
    context.fillStyle = "#0a0c10"; context.fillRect(0, 0, px, px);
    paint(context, src, px);
    this.loupe.style.transform = `translate(${left}px, ${top}px)`;
  }
  outline(view, hits, all) {
    if (!this.outlines) return;
    this.outlines.setAttribute("viewBox", `${view.x - 0.5} ${view.y - 0.5} ${view.w} ${view.h}`);      // points count from the middle of the first pixel
    this.outlines.toggleAttribute("hidden", !all && !hits.size);
    for (const shape of this.outlines.children) {
      const hit = hits.has(shape.dataset.region);
      shape.toggleAttribute("hidden", !all && !hit); shape.classList.toggle("m-hit", hit);
    }
  }
}

const SVG = "http://www.w3.org/2000/svg";
const outlinesOf = regions => {
  const shapes = (regions ?? []).filter(r => r.polygon.length > 2);
  if (!shapes.length) return null;
  const svg = document.createElementNS(SVG, "svg");
  for (const [k, v] of Object.entries({ class: "m-regions", preserveAspectRatio: "none", "aria-hidden": "true" })) svg.setAttribute(k, v);
  for (const r of shapes) {
    const shape = document.createElementNS(SVG, "polygon");
    shape.setAttribute("points", r.polygon.map(p => p.join(",")).join(" ")); shape.dataset.region = r.name;
    svg.append(shape);
  }
  return svg;
};

export class Pane extends Picture {
  constructor(pane, meta, tables, clip, backdrop, regions) {
    const stack = pane.stack ? meta.stacks[pane.stack] : null, table = pane.table ? unhex(tables[pane.table]) : null, note = h("span", { class: "m-note" });
    const name = clip === 2 ? `${pane.name} 2` : pane.name;
    super(meta, h("canvas", { "data-pane": pane.name, "data-clip": clip === 2 ? 2 : null, role: "img", "aria-label": `${name} pane` }),
      [h("span", { class: "m-name" }, h("b", {}, name), note), h("span", { class: "m-legend" }, ...legendOf(pane, stack, table))], clip === 2 ? null : regions);
    Object.assign(this, { pane, name, stack, table, note, clip, backdrop, painted: null });
    if (stack) {
      this.small = h("canvas", { width: meta.grid.w, height: meta.grid.h });
      this.smallContext = this.small.getContext("2d");
      this.overlay = new ImageData(meta.grid.w, meta.grid.h);
    }
  }

  draw(entry, view, i) {
    const { context, canvas, stack } = this, bitmap = entry.bitmaps[this.pane.track];
    if (!stack || this.pane.kind === "arrows") drawFrame(context, bitmap, view, canvas.width, canvas.height);
    else context.drawImage(this.backdrop.of(bitmap, view, canvas.width, canvas.height), 0, 0);
    if (!stack) return;
    write(this.note, stack.pairs[i] ?? "no values here");
    const data = entry.stacks[this.pane.stack];
    if (data) this.lay(context, data, view, canvas.width, canvas.height, canvas.width < view.w * 6, this.ratio);
  }

  lay(context, data, view, width, height, smooth, ratio) {
    if (this.pane.kind === "arrows") return this.drawArrows(context, data, view, width, ratio);
    const { step, w, h: rows } = this.meta.grid, { quantum, limit, signed } = this.stack;
    if (this.painted !== data) {
      if (this.pane.kind === "wheel") paintWheel(data, w * rows, quantum, limit, this.table, this.overlay.data);
      else paintScale(data, w * rows, quantum, limit, signed, this.table, this.overlay.data);
      this.smallContext.putImageData(this.overlay, 0, 0); this.painted = data;
    }
    context.imageSmoothingEnabled = smooth;
    context.drawImage(this.small, view.x / step, view.y / step, view.w / step, view.h / step, 0, 0, width, height);
  }

  // The loupe: the same picture, larger, each pixel and each cell of values a sharp square.
  look(spot, view, entry) {
    this.magnify(spot && entry ? spot : null, view, (context, src, px) => {
      drawFrame(context, entry.bitmaps[this.pane.track], src, px, px, false);
      const data = this.stack && entry.stacks[this.pane.stack];
      if (this.stack && this.pane.kind !== "arrows") darken(context, px, px);
      if (data) this.lay(context, data, src, px, px, false, this.screen);
    });
  }

  drawArrows(context, data, view, width, ratio) {
    const k = width / view.w, every = Math.max(this.meta.grid.step, 14 * ratio / k), path = new Path2D();
    for (const [x, y, dx, dy] of arrows(this.stack, data, this.meta.grid, view, every, this.pane.gain)) {
      const x0 = (x - view.x) * k, y0 = (y - view.y) * k, x1 = x0 + dx * k, y1 = y0 + dy * k;
      const turn = Math.atan2(dy, dx), head = Math.min(5 * ratio, 0.5 * Math.hypot(x1 - x0, y1 - y0));
      path.moveTo(x0, y0); path.lineTo(x1, y1);
      for (const side of [2.6, -2.6]) { path.moveTo(x1, y1); path.lineTo(x1 + head * Math.cos(turn + side), y1 + head * Math.sin(turn + side)); }
    }
    context.lineCap = "round";
    context.lineWidth = 3 * ratio; context.strokeStyle = "rgb(0 0 0 / 0.65)"; context.stroke(path);
    context.lineWidth = 1.4 * ratio; context.strokeStyle = "#ffe24d"; context.stroke(path);
  }
}

// Two panes in one place, parted by a line that can be dragged. It copies what they have drawn, so the three never disagree.
export class Wipe extends Picture {
  constructor(meta, panes, regions) {
    const choice = what => h("select", { "aria-label": `${what} of the wipe`, "data-wipe": what }, ...panes.map((p, k) => h("option", { value: k }, p.name)));
    const left = choice("left"), right = choice("right");
    super(meta, h("canvas", { "data-role": "wipe", role: "img", "aria-label": "wipe between two panes" }), [left, right], regions);
    this.divider = h("div", { class: "m-divider", role: "slider", tabindex: "0", "aria-valuemin": 0, "aria-valuemax": 100, "data-role": "divider" }, h("i"));
    this.tags = [h("b", { class: "m-tag" }), h("b", { class: "m-tag m-right" })];
    this.stage.append(...this.tags, this.divider);
    Object.assign(this, { panes, left, right, share: 0.5, on: false });
    this.choose(0, Math.min(1, panes.length - 1));
  }
  // `act`: slide(share) for the divider, chosen() for another pane, done() where the choice was the pointer's
  listen(on, act) {
    const { divider } = this, slide = e => { const box = this.stage.getBoundingClientRect(); act.slide((e.clientX - box.left) / box.width); };
    on(divider, "pointerdown", e => { if (e.button) return; e.preventDefault(); divider.setPointerCapture(e.pointerId); divider.focus({ preventScroll: true }); slide(e); });
    on(divider, "pointermove", e => { if (divider.hasPointerCapture(e.pointerId)) slide(e); });
    for (const select of [this.left, this.right]) {
      on(select, "pointerdown", () => { this.pointed = true; }); on(select, "keydown", () => { this.pointed = false; });
      on(select, "change", () => { this.named(); act.chosen(); if (this.pointed) act.done(); });
    }
  }
  get shown() { return [this.panes[Number(this.left.value)], this.panes[Number(this.right.value)]]; }
  choose(left, right) { this.left.value = left; this.right.value = right; this.named(); }
  named() {
    const names = this.shown.map(p => p.name);
    this.tags.forEach((tag, k) => write(tag, names[k]));
    this.divider.setAttribute("aria-label", `Wipe: ${names[0]} on the left, ${names[1]} on the right`);
    this.place(this.share);
  }
  place(share) {
    this.share = Math.min(1, Math.max(0, share));
    this.divider.style.left = `${100 * this.share}%`;
    this.divider.setAttribute("aria-valuenow", Math.round(100 * this.share));
    this.divider.setAttribute("aria-valuetext", `${this.shown[0].name} to ${Math.round(100 * this.share)} % of the width, then ${this.shown[1].name}`);
  }
  draw() {
    const { canvas: { width, height }, context } = this, column = wipeColumn(this.share, width);
    context.imageSmoothingEnabled = false;
    this.shown.forEach(({ canvas }, k) => {
      const from = k ? column : 0, wide = k ? width - column : column, s = canvas.width / width;
      if (wide) context.drawImage(canvas, from * s, 0, wide * s, canvas.height, from, 0, wide, height);
    });
  }
  // Copied too: the loupe of the pane that lies under the spot.
  look(spot, view) {
    this.magnify(spot, view, (context, src, px) => {
      const { loupe } = this.shown[(spot.x - view.x) / view.w < this.share ? 0 : 1];
      context.drawImage(loupe, 0, 0, px, px);
    });
  }
}
