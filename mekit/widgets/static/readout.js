// What is where: the frame, its number and time, and the values under the pointer or the reading cross. The cells stand still whether there is anything to read or not.

import { ms, signed, valueAt } from "./draw.js";
import { regionWords } from "./geometry.js";
import { h, write } from "./panes.js";

// "frame 31 / 39 · no. 131 · 155.0 ms · +55.0 ms from onset"
export const placeText = ({ n, numbers, times }, i, onset) => [
  `frame ${i} / ${n - 1}`, numbers[i] === i ? "" : `no. ${numbers[i]}`, times ? ms(times[i]) : "no times",
  onset == null || onset === i ? "" : times ? `${signed(times[i] - times[onset], 1).trim()} ms from onset` : `${signed(i - onset, 0).trim()} frames from onset`].filter(Boolean).join(" \u00b7 ");

// "+2.00 px (+4.00 %IOD)": one channel of a stack under a spot, in every unit it has; null where there is none.
export const partText = (stack, data, grid, spot, channel) => {
  const x = valueAt(stack, data, grid, spot.x, spot.y, channel);
  if (x === null) return null;
  const shown = x * stack.factor, text = stack.channels > 1 || stack.signed ? signed(shown, stack.digits).trim() : shown.toFixed(stack.digits);
  return `${text} ${stack.unit}`.trimEnd() + (stack.second ? ` (${signed(shown * stack.second.factor, 2).trim()} ${stack.second.unit})` : "");
};

const NONE = "\u2013";

export class Readout {
  // `meta`: of one clip; `name`: "" or what stands before the second clip's lines; `more`: regions, notes, and what else the first line holds (`beside`)
  constructor(meta, name, more) {
    Object.assign(this, { meta, name });
    this.when = h("output", { class: "m-when", "aria-live": "off" });
    this.off = h("span", { class: "m-off" });
    const cell = part => { const value = h("span"); return { value, node: h("span", { class: "m-cell" }, part && h("i", {}, `${part} `), value) }; };
    this.where = cell(""); this.parts = [];
    for (const [stack, s] of Object.entries(meta.stacks)) s.parts.forEach((part, channel) => this.parts.push({ stack, s, channel, part, ...cell(part) }));
    this.region = more.regions?.length ? { regions: more.regions, ...cell("") } : null;
    this.region?.node.classList.add("m-wide");
    this.values = h("output", { class: "m-values", "aria-live": "off" }, this.where.node, ...this.parts.map(p => p.node), this.region?.node);
    const notes = (more.notes ?? []).filter(Boolean).join("; ");
    if (notes && (this.parts.length || this.region)) this.values.append(h("span", { class: "m-note" }, notes));
    this.node = h("div", { class: "m-read" }, h("div", { class: "m-place" }, this.when, this.off, ...(more.beside ?? [])), this.values);
    this.read(null, null, []);
  }

  place(i, onset, off = "") { write(this.when, this.name + placeText(this.meta, i, onset)); write(this.off, off); }

  // spot in this clip's pixels, or null; hits: the regions under it
  read(spot, entry, hits) {
    write(this.where.value, spot ? `x ${Math.floor(spot.x)} y ${Math.floor(spot.y)}` : this.name ? NONE : "point at a pane, or press x");
    for (const { stack, s, channel, value } of this.parts) write(value, spot ? partText(s, entry?.stacks[stack], this.meta.grid, spot, channel) ?? NONE : NONE);
    if (this.region) write(this.region.value, !spot ? `AU region ${NONE}` : hits.length ? hits.map(regionWords).join(" \u00b7 ") : "in no AU region");
  }
  // The same in one sentence, to be read aloud.
  get sentence() {
    return [this.where.value, ...this.parts.map(p => p.node), this.region?.value].filter(Boolean).map(n => n.textContent).filter(t => !t.endsWith(NONE)).join(", ");
  }
}
