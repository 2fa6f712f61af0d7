// Pure helpers: positions, times, values, colours, rows of panes, curves. No document, so node tests them.

export const clamp = (x, low, high) => Math.min(high, Math.max(low, x));

// The track is divided into n equal cells; frame i owns the i-th.
export const frameAt = (x, width, n) => clamp(Math.floor(x / width * n), 0, n - 1);
export const shareOf = (i, n) => (i + 0.5) / n;

// Frames to go for a turn of the wheel: one a notch, however long the mouse says a notch is; the short moves of a touch pad add up.
export const notches = (left, { deltaX, deltaY, deltaMode }) => {
  const d = Math.abs(deltaY) >= Math.abs(deltaX) ? deltaY : deltaX, sum = left * d < 0 ? d : left + d;
  if (deltaMode || Math.abs(d) >= 50) return { left: 0, frames: Math.sign(d) };
  return { left: sum % 50, frames: Math.trunc(sum / 50) };
};

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

const SCALES = [8, 6, 5, 4, 3, 2, 1, 7 / 8, 3 / 4, 5 / 8, 1 / 2, 1 / 3, 1 / 4, 1 / 6, 1 / 8];

// Whole multiples or simple fractions of the frame: as many panes in a row as stay legible, then as large as fits.
export const layout = (width, panes, w, h, gap = 14, least = 160, tallest = 460) => {
    for (let columns = panes; columns >= 1; columns--) {
    const room = (width - gap * (columns - 1)) / columns;
    const scale = SCALES.find(s => w * s <= room && h * s <= tallest);
    if (scale && (w * scale >= least || columns === 1 || h * scale >= least)) return scale;
  }
  return SCALES[SCALES.length - 1];
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

// Places for the panes of one clip or two: all in one row where they fit and stay large, else the second clip begins a row of its own.
// `room`: the height to be used, where the whole screen is ours; then panes are as large as it lets them be.
export const arrange = (width, [first, second], w, h, room = null, gap = 14, caption = 48) => {
  const total = first + second, most = Math.max(first, second);
  if (room === null) {
    const whole = layout(width, total, w, h), single = columnsFor(width, total, w * whole) === total && (most === 1 || whole >= 0.75 * layout(width, most, w, h));
    const panes = second && !single ? most : total;
    const scale = layout(width, panes, w, h), columns = columnsFor(width, panes, Math.round(w * scale));
    return { scale, columns, wide: widen(width, columns, Math.round(w * scale), h * scale), breaks: second > 0 && !single };
  }
  let best = null;
  for (let columns = 1; columns <= total; columns++) {
    const breaks = second > 0 && columns < total, rows = breaks ? Math.ceil(first / columns) + Math.ceil(second / columns) : Math.ceil(total / columns);
    const wide = Math.floor(Math.min((width - gap * (columns - 1)) / columns, (room / rows - caption) / h * w));
    if (!best || wide > best.wide) best = { columns, wide, breaks };
  }
  const wide = Math.max(best.wide, 96);
  return { ...best, wide, scale: scaleWithin(w, wide) };
};
export const scaleWithin = (w, wide) => SCALES.find(s => w * s <= wide) ?? SCALES[SCALES.length - 1];

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

// Points [frame, value] of a curve, null in the gaps. A long one is thinned to the least and greatest value of each stretch, so no peak is lost.
export const thinned = (values, most = 1500) => {
  if (values.length <= most) return values.map((v, i) => v == null ? null : [i, v]);
  const out = [], stretch = Math.ceil(2 * values.length / most);
  for (let from = 0; from < values.length; from += stretch) {
    let low = -1, high = -1;
    for (let i = from; i < Math.min(values.length, from + stretch); i++) {
      if (values[i] == null) continue;
      if (low < 0 || values[i] < values[low]) low = i;
      if (high < 0 || values[i] > values[high]) high = i;
    }
    if (low < 0) out.push(null);
    else for (const i of low === high ? [low] : [Math.min(low, high), Math.max(low, high)]) out.push([i, values[i]]);
  }
  return out;
};

// An SVG path in a box one unit wide a frame and 1 high; broken at gaps, and a point alone between gaps is a dot.
export const curvePath = (points, low, high) => {
  let path = "", run = 0;
  const lift = () => { if (run === 1) path += "h0"; run = 0; };
  for (const p of points) {
    if (!p) { lift(); continue; }
    path += `${run++ ? "L" : "M"}${p[0] + 0.5} ${(1 - (p[1] - low) / (high - low || 1)).toFixed(4)}`;
  }
  lift();
  return path;
};
