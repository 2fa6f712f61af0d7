// Curves under the frames: several at once, each unit on its own scale, gaps where nothing is known, a legend that switches and reads them.

import { curvePath, frameAt, levels, shareOf, thinned } from "./draw.js";
import { MARKS, marksSet } from "./marks.js";
import { h, write } from "./panes.js";

const OWN = ["var(--m-accent)", "var(--m-ink)", "var(--m-soft)", "var(--m-apex)"];     // for curves that bring no colour
const DASHES = ["", "8 5", "1 5", "8 5 1 5"];
const few = x => String(Number(x.toPrecision(2)));

// Colour says where a curve is from, dashes say its unit; two that would still look the same differ by their dashes.
export const stylesOf = curves => {
  const units = [...new Set(curves.map(c => c.unit))], own = new Map(), taken = new Set();
  return curves.map(c => {
    const used = own.get(c.unit) ?? 0, colour = c.colour ?? OWN[used % OWN.length], first = units.indexOf(c.unit);
    if (!c.colour) own.set(c.unit, used + 1);
    const dashes = DASHES.map((_, k) => DASHES[(first + k) % DASHES.length]), dash = dashes.find(d => !taken.has(`${colour} ${d}`)) ?? dashes[0];
    taken.add(`${colour} ${dash}`);
    return { colour, dash };
  });
};

// One scale for all curves of a unit that are shown, so that twice the height is twice the value.
export const scalesOf = (curves, hidden) => {
  const scales = new Map();
  curves.forEach((c, k) => {
    if (hidden.has(k)) return;
    const s = scales.get(c.unit);
    scales.set(c.unit, s ? { low: Math.min(s.low, c.low), high: Math.max(s.high, c.high) } : { low: c.low, high: c.high });
  });
  return scales;
};
export const valueText = (value, unit) => value == null ? "\u2013" : `${Math.abs(value) >= 1000 ? value.toFixed(0) : value.toPrecision(3)}${unit ? ` ${unit}` : ""}`;

export class Chart {
  // `host`: n, when(i), marks; `hidden`: the curves that are switched off
  constructor(host, curves, hidden) {
    Object.assign(this, { host, n: host.n, hidden: new Set(hidden), hovered: null, at: 0 });
    this.curves = curves.map(c => ({ ...c, values: [...c.values] }));
    this.styles = stylesOf(curves);
    this.box = h("div", { "data-role": "curve", "aria-hidden": "true" });
    this.box.innerHTML = `<svg viewBox="0 0 ${this.n} 1" preserveAspectRatio="none"><path class="m-area"/></svg><i class="m-now"></i><i class="m-hover" hidden><b></b></i>`;
    this.svg = this.box.querySelector("svg"); this.now = this.box.querySelector(".m-now"); this.hover = this.box.querySelector(".m-hover");
    this.lines = this.curves.map((_, k) => this.line(k));
    this.flags = Object.fromEntries(MARKS.map((m, k) => [m, h("i", { class: `m-flag m-${m}`, "data-mark": m, hidden: "" }, h("b", {}, "oaf"[k]))]));
    this.box.append(...Object.values(this.flags));
    this.chips = this.curves.map((c, k) => this.chip(c, k));
    this.scales = [...new Set(this.curves.map(c => c.unit))].map(unit => ({ unit, node: h("span", { class: "m-scale" }) }));
    this.legend = h("div", { class: "m-curves", role: "group", "aria-label": "Curves" }, ...this.scales.map(({ unit, node }) =>
      h("span", { class: "m-unit" }, node, h("span", { class: "m-chips" }, ...this.curves.flatMap((c, k) => c.unit === unit ? [this.chips[k].node] : [])))));
    this.box.hidden = this.legend.hidden = !this.curves.length;
    this.draw();
  }

  line(k) {
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path"), { colour, dash } = this.styles[k];
    path.setAttribute("class", "m-line"); path.style.setProperty("--c", colour); path.dataset.curve = k;
    if (dash) path.style.strokeDasharray = dash;
    this.svg.append(path);
    return path;
  }
  chip(c, k) {
    const { colour, dash } = this.styles[k], value = h("span", { class: "m-here" });
    const swatch = h("span", { class: "m-swatch" });
    swatch.innerHTML = `<svg viewBox="0 0 22 6" aria-hidden="true"><path d="M1 3H21"${dash ? ` stroke-dasharray="${dash}"` : ""}/></svg>`;
    const node = h("button", { type: "button", class: "m-chip", "data-act": `curve:${k}`, "aria-label": `curve ${c.name}`, title: `${c.name}: show or hide this curve${c.note ? ` (${c.note})` : ""}` },
      swatch, h("span", {}, c.name), value, c.note ? h("span", { class: "m-note" }, c.note) : null);
    node.style.setProperty("--c", colour);
    return { node, value };
  }

  toggle(k) {
    this.hidden.has(k) ? this.hidden.delete(k) : this.hidden.add(k);
    this.draw();
  }
  // Values of curve k that have come for frames from `from` on; many at once are drawn once.
  arrived(k, from, values) {
    const held = this.curves[k]?.values;
    if (!held) return;
    for (let i = 0; i < values.length; i++) if (from + i < held.length) held[from + i] = values[i];
    const c = this.curves[k];
    for (const v of values) if (v != null) { c.low = Math.min(c.low, v); c.high = Math.max(c.high, v); }
    this.due ??= requestAnimationFrame(() => { this.due = null; this.draw(); });
  }

  draw() {
    const scales = scalesOf(this.curves, this.hidden), shown = this.curves.length - this.hidden.size;
    this.curves.forEach((c, k) => {
      const off = this.hidden.has(k), { low, high } = scales.get(c.unit) ?? c, d = off ? "" : curvePath(thinned(c.values), low, high);
      this.lines[k].setAttribute("d", d);
      this.chips[k].node.setAttribute("aria-pressed", !off);
      if (!off && shown === 1) this.fill(d, c, low);
    });
    if (shown !== 1) this.fill("");
    for (const { unit, node } of this.scales) {
      const s = scales.get(unit);
      write(node, s ? `${few(s.low)} to ${few(s.high)}${unit ? ` ${unit}` : ""}` : unit);
    }
    this.read(this.hovered ?? this.at);
  }
  // A curve that is alone and has no gaps stands on its own shade.
  fill(d, c, low) {
    const whole = d && low === 0 && c.values.every(v => v != null);
    this.svg.querySelector(".m-area").setAttribute("d", whole ? `${d}L${this.n - 0.5} 1L0.5 1Z` : "");
  }

  read(i) { this.curves.forEach((c, k) => write(this.chips[k].value, this.hidden.has(k) ? "" : valueText(c.values[i], c.unit))); }
  place(i) {
    this.at = i; this.now.style.left = `${100 * shareOf(i, this.n)}%`;
    if (this.hovered === null) this.read(i);
  }
  // Names with values, for those who hear the page; not while it plays.
  aloud() { this.curves.forEach((c, k) => this.chips[k].node.setAttribute("aria-label", `${c.name}, ${valueText(c.values[this.at], c.unit)}`)); }
  // What the curves are where the pointer is, without going there.
  point(x, width) {
    const i = x === null ? null : frameAt(x, width, this.n);
    if (i === this.hovered) return;
    this.hovered = i; this.hover.hidden = i === null; this.legend.classList.toggle("m-hovered", i !== null);
    if (i !== null) {
      const share = shareOf(i, this.n);
      this.hover.style.left = `${100 * share}%`; this.hover.classList.toggle("m-flip", share > 0.6);
      write(this.hover.firstChild, `frame ${i} \u00b7 ${this.host.when(i)}`);
    }
    this.read(i ?? this.at);
  }

  showMarks(marks) {
    const set = marksSet(marks), width = this.box.clientWidth || 640;
    for (const m of MARKS) {
      this.flags[m].hidden = marks[m] == null;
      if (marks[m] != null) this.flags[m].style.left = `${100 * shareOf(marks[m], this.n)}%`;
    }
    levels(set.map(m => width * shareOf(marks[m], this.n))).forEach((level, k) => this.flags[set[k]].style.setProperty("--m-level", level));
  }
  close() { cancelAnimationFrame(this.due); }
}
