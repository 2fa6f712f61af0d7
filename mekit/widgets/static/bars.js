// Probability bars: one row an output, the change since the run before, untrained outputs greyed.
// Pure helpers are exported for tests; `render` follows the anywidget contract and returns its clean-up.

import { isLive, keepKeys, trySave, whenGone } from "./lab.js";

export const unit = (v) => Math.min(1, Math.max(0, v));

export const percent = (v) => (Number.isFinite(v) ? `${(100 * unit(v)).toFixed(0)} %` : "–");

export function change(value, before) {
  // Signed difference in percentage points, "" where there is nothing to compare with
  if (!Number.isFinite(value) || !Number.isFinite(before)) return "";
  const points = Math.round(100 * value) - Math.round(100 * before);
  return points === 0 ? "±0" : `${points > 0 ? "+" : "−"}${Math.abs(points)}`;
}

export function span(value, before) {
  // Where the strip between the value before and now lies, in percent of the track
  if (!Number.isFinite(value) || !Number.isFinite(before)) return null;
  const [a, b] = [100 * unit(value), 100 * unit(before)];
  return { left: Math.min(a, b), width: Math.abs(a - b), rises: a >= b };
}

export function rowsOf({ names, titles, values, before, trained, target }) {
  return names.map((name, i) => ({
    name, title: titles[i] ?? "", value: values[i] ?? NaN, before: before[i] ?? NaN,
    trained: trained[i] ?? true, selected: name === target,
  }));
}

export function describe(row) {
  // What a screen reader says of a row
  const parts = [row.title ? `${row.name}, ${row.title}` : row.name, percent(row.value)];
  const moved = change(row.value, row.before);
  if (moved) parts.push(`${moved} points since the last run`);
  if (!row.trained) parts.push("not trained: means nothing");
  if (row.selected) parts.push("target");
  return parts.join(", ");
}

export function step(key, index, n) {
  // The row that an arrow key leads to, or null for other keys
  const next = { ArrowUp: index - 1, ArrowDown: index + 1, Home: 0, End: n - 1 }[key];
  return next === undefined ? null : Math.min(n - 1, Math.max(0, next));
}

const make = (tag, className, parent, text) => {
  const node = document.createElement(tag);
  node.className = className;
  if (text !== undefined) node.textContent = text;
  parent.append(node);
  return node;
};

export function hint(row, live) {
  // What the pointer is told; without a kernel nothing would follow a choice, so none is offered
  if (!row.trained) return `${row.name}: not trained, its value means nothing`;
  return live ? `${row.title || row.name}: click to make it the target` : row.title || row.name;
}

function drawRow(row, parent, live) {
  const node = make(live ? "button" : "div", "mekit-bars-row", parent);
  node.dataset.au = row.name;
  node.dataset.value = Number.isFinite(row.value) ? row.value.toFixed(4) : "";
  node.dataset.trained = row.trained;
  if (live) node.type = "button";
  else node.setAttribute("role", "img");
  if (live) node.setAttribute("aria-pressed", row.selected);
  node.dataset.selected = row.selected;
  node.setAttribute("aria-label", describe(row));
  node.title = hint(row, live);
  make("span", "mekit-bars-name", node, row.name);
  make("span", "mekit-bars-title", node, row.trained ? row.title : "not trained");
  const track = make("span", "mekit-bars-track", node);
  make("span", "mekit-bars-fill", track).style.width = `${100 * unit(row.value || 0)}%`;
  const moved = span(row.value, row.before);
  if (moved) {
    const strip = make("span", "mekit-bars-moved", track);
    strip.style.left = `${moved.left}%`;
    strip.style.width = `${moved.width}%`;
    strip.dataset.rises = moved.rises;
    make("span", "mekit-bars-before", track).style.left = `${100 * unit(row.before)}%`;
  }
  make("span", "mekit-bars-value", node, percent(row.value));
  make("span", "mekit-bars-change", node, change(row.value, row.before));
  return node;
}

const STATE = ["names", "titles", "values", "before", "trained", "target", "caption"];

export default {
  render({ model, el }) {
    const root = make("div", "mekit-bars", el);
    root.setAttribute("role", "group");
    const stop = new AbortController();
    let queued = 0, live = isLive(model, el);
    const draw = () => {
      queued = 0;
      const focused = root.contains(document.activeElement) ? document.activeElement.dataset.au : null;
      const state = Object.fromEntries(STATE.map((k) => [k, model.get(k)]));
      root.setAttribute("aria-label", `Probabilities. ${state.caption}`);
      root.replaceChildren();
      if (state.caption) make("div", "mekit-bars-caption", root, state.caption);
      const rows = rowsOf(state);
      rows.forEach((row) => drawRow(row, root, live));
      if (rows.some((r) => !r.trained)) make("div", "mekit-bars-note", root, "Grey: not trained by these weights; the value means nothing.");
      if (rows.length === 0) make("div", "mekit-bars-note", root, "No run yet.");
      if (focused) root.querySelector(`[data-au="${CSS.escape(focused)}"]`)?.focus();
      root.dataset.ready = "true";
    };
    const queue = () => { if (!queued) queued = requestAnimationFrame(draw); };
    const choose = (event) => {
      const row = event.target.closest("[data-au]");
      if (!row || !live) return;
      model.set("target", row.dataset.au);
      if (!trySave(model)) { live = false; queue(); }
    };
    const move = (event) => {
      const all = [...root.querySelectorAll("[data-au]")];
      const to = step(event.key, all.indexOf(document.activeElement), all.length);
      if (to === null || !live) return;
      event.preventDefault();
      event.stopPropagation();
      all[to]?.focus();
    };
    root.addEventListener("click", choose);
    root.addEventListener("keydown", move);
    keepKeys(root, stop.signal);
    whenGone(model, stop.signal, () => { live = false; queue(); });
    STATE.forEach((k) => model.on(`change:${k}`, queue));
    draw();
    return () => {
      cancelAnimationFrame(queued);
      stop.abort();
      STATE.forEach((k) => model.off(`change:${k}`, queue));
      root.remove();
    };
  },
};
