// Pure helpers: positions, times, marks, values, colours. No document, so node tests them.

export const MARKS = ["onset", "apex", "offset"];
export const SPEEDS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2];
export const clamp = (x, low, high) => Math.min(high, Math.max(low, x));

// The track is divided into n equal cells; frame i owns the i-th.
export const frameAt = (x, width, n) => clamp(Math.floor(x / width * n), 0, n - 1);
export const shareOf = (i, n) => (i + 0.5) / n;

// The frame on screen at time t: the last one whose time has come.
export const indexAt = (times, t) => {
  let low = 0, high = times.length - 1;
  while (low < high) { const mid = (low + high + 1) >> 1; times[mid] <= t ? low = mid : high = mid - 1; }
  return low;
};

// Times to play by: the clip's own, or 25 frames a second where it has none. The last frame lasts as long as the median one.
export const playTimes = (times, n) => {
  const t = times ?? Array.from({ length: n }, (_, i) => i * 40);
  const steps = t.slice(1).map((x, i) => x - t[i]).sort((a, b) => a - b);
  return { times: t, end: t[n - 1] + (steps.length ? steps[steps.length >> 1] : 40) };
};

// Set (or, with null, clear) one mark; the order onset, apex, offset is kept by refusing, never by moving another mark.
export const setMark = (marks, name, i) => {
  const next = { ...marks };
  if (i === null) { delete next[name]; return { marks: next }; }
  next[name] = i;
  const set = MARKS.filter(m => next[m] != null);
  for (let k = 1; k < set.length; k++) {
    if (next[set[k - 1]] > next[set[k]]) {
      const other = set[k - 1] === name ? set[k] : set[k - 1];
      return { marks, problem: `${name} ${i} would lie ${set[k - 1] === name ? "after" : "before"} the ${other} at ${next[other]}; move or clear the ${other} first` };
    }
  }
  return { marks: next };
};

export const signed = (x, digits = 2) => {
  const text = Math.abs(x).toFixed(digits);
  return (Number(text) === 0 ? " " : x < 0 ? "\u2212" : "+") + text;
};
export const ms = t => `${t.toFixed(1)} ms`;

// Value of one channel under frame pixel (x, y), in the stack's unit; null outside or where the frame has none.
export const valueAt = (stack, data, grid, x, y, channel = 0) => {
  const gx = Math.floor(x / grid.step), gy = Math.floor(y / grid.step);
  if (!data || gx < 0 || gy < 0 || gx >= grid.w || gy >= grid.h) return null;
  return data[(channel * grid.h + gy) * grid.w + gx] * stack.quantum;
};

// Flow to colour: hue is direction (table of 256 around the circle from +u towards +v), opacity is length.
export const paintWheel = (data, cells, quantum, limit, table, out) => {
  const scale = quantum / limit, turn = 128 / Math.PI;
  for (let k = 0; k < cells; k++) {
    const u = data[k] * scale, v = data[cells + k] * scale, size = Math.min(1, Math.hypot(u, v));
    const c = 3 * (Math.round(Math.atan2(v, u) * turn) & 255), o = 4 * k;
    out[o] = table[c]; out[o + 1] = table[c + 1]; out[o + 2] = table[c + 2]; out[o + 3] = 255 * Math.sqrt(size) * 0.92;
  }
};

// Scalars to colour by a table of 256; signed ones have zero in the middle. Small values let the picture through, and signed ones, which may cover all of a face, never hide it.
export const paintScale = (data, cells, quantum, limit, isSigned, table, out) => {
  for (let k = 0; k < cells; k++) {
    const x = clamp(data[k] * quantum / limit, isSigned ? -1 : 0, 1);
    const c = 3 * Math.round(isSigned ? 127.5 + 127.5 * x : 255 * x), o = 4 * k;
    out[o] = table[c]; out[o + 1] = table[c + 1]; out[o + 2] = table[c + 2]; out[o + 3] = isSigned ? 153 * Math.min(1, 1.5 * Math.abs(x)) : 235 * Math.sqrt(Math.abs(x));
  }
};

// Arrows [x, y, dx, dy] in frame pixels, one every `every` pixels inside `view`; shorter than a tenth of the limit are left out.
export const arrows = (stack, data, grid, view, every, gain) => {
  const out = [], cell = Math.max(1, Math.round(every / grid.step)), cells = grid.w * grid.h;
  for (let gy = cell >> 1; gy < grid.h; gy += cell) for (let gx = cell >> 1; gx < grid.w; gx += cell) {
    const k = gy * grid.w + gx, u = data[k] * stack.quantum, v = data[cells + k] * stack.quantum;
    const x = (gx + 0.5) * grid.step, y = (gy + 0.5) * grid.step;
    const inside = x >= view.x && y >= view.y && x <= view.x + view.w && y <= view.y + view.h;
    if (inside && Math.hypot(u, v) > 0.1 * stack.limit) out.push([x, y, u * gain, v * gain]);
  }
  return out;
};

// The part of the frame that is shown at a zoom about a centre, kept inside the frame.
export const viewOf = (w, h, zoom, cx, cy) => {
  const vw = w / zoom, vh = h / zoom;
  return { x: clamp(cx - vw / 2, 0, w - vw), y: clamp(cy - vh / 2, 0, h - vh), w: vw, h: vh };
};

// Whole multiples or simple fractions of the frame: as many panes in a row as stay legible, then as large as fits.
export const layout = (width, panes, w, h, gap = 14, least = 160, tallest = 460) => {
  const sizes = [4, 3, 2, 1, 7 / 8, 3 / 4, 5 / 8, 1 / 2, 1 / 3, 1 / 4, 1 / 6, 1 / 8];
  for (let columns = panes; columns >= 1; columns--) {
    const room = (width - gap * (columns - 1)) / columns;
    const scale = sizes.find(s => w * s <= room && h * s <= tallest);
    if (scale && (w * scale >= least || columns === 1 || h * scale >= least)) return scale;
  }
  return sizes[sizes.length - 1];
};

// Rows as equal as they can be: five panes where four fit stand as three and two.
export const columnsFor = (width, panes, paneWidth, gap = 14) => {
  const fit = clamp(Math.floor((width + gap) / (paneWidth + gap)), 1, panes);
  return Math.ceil(panes / Math.ceil(panes / fit));
};

// What a row leaves over makes its panes up to a quarter wider than the picture that is drawn in them.
export const widen = (width, columns, paneWidth, paneHeight, gap = 14, tallest = 460) => {
  const room = Math.floor((width - gap * (columns - 1)) / columns), high = Math.floor(tallest / paneHeight * paneWidth);
  return Math.max(paneWidth, Math.min(room, high, Math.round(1.25 * paneWidth)));
};

// Labels that would cover each other stand below each other: the level of each, for places from left to right in pixels.
export const levels = (places, room = 15) => {
  const ends = [];
  return places.map(x => {
    let level = ends.findIndex(end => x >= end);
    if (level < 0) level = ends.length;
    ends[level] = x + room;
    return level;
  });
};

// A curve as an SVG path in a box n wide and 1 high; gaps where there is no value.
export const curvePath = (values, low, high) => {
  let pen = "M";
  return values.map((v, i) => {
    if (v == null) { pen = "M"; return ""; }
    const point = `${pen}${i + 0.5} ${(1 - (v - low) / (high - low || 1)).toFixed(4)}`;
    pen = "L";
    return point;
  }).join("");
};
