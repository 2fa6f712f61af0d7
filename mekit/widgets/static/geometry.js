// Where things are in a picture: zoom, pinch, loupe, wipe, regions. No document, so node tests it.

import { clamp } from "./draw.js";

export const ZOOMS = { least: 1, most: 16 };

// Centre after zooming about a spot that stays where it is on the screen. view: {x, y, w, h} in frame pixels.
export const zoomAbout = (view, spot, from, to) => {
  const k = from / to;
  return { cx: spot.x + (view.x + view.w / 2 - spot.x) * k, cy: spot.y + (view.y + view.h / 2 - spot.y) * k };
};

// Two fingers carry the picture: `held` is the frame point that lay between them at first; a and b are where they are now, as shares of the pane.
export const pinched = (held, a, b, zoom0, spread0, w, h) => {
  const spread = Math.hypot((a.x - b.x) * w, (a.y - b.y) * h), zoom = clamp(zoom0 * spread / Math.max(spread0, 1e-6), ZOOMS.least, ZOOMS.most);
  const mx = (a.x + b.x) / 2, my = (a.y + b.y) / 2;
  return { zoom, cx: held.x - (mx - 0.5) * w / zoom, cy: held.y - (my - 0.5) * h / zoom };
};

// Two places of the pointer that a hand takes for one.
export const isNear = (a, b, room) => Math.hypot(a.x - b.x, a.y - b.y) < room;
// A second tap on the same place soon after the first.
export const isDouble = (last, now) => !!last && now.t - last.t < 320 && isNear(last, now, 24);

// The loupe: a square of `size` screen pixels that shows frame pixels `power` times as large around a spot, kept inside the pane.
// src: what it shows, in frame pixels; left, top: where it stands in a pane of width x height screen pixels that shows `view`.
export const loupeOf = (spot, view, width, height, size, power) => {
  const x = (spot.x - view.x) / view.w * width, y = (spot.y - view.y) / view.h * height, side = size / power;
  return { src: { x: spot.x - side / 2, y: spot.y - side / 2, w: side, h: side },
    left: Math.round(clamp(x - size / 2, 0, Math.max(0, width - size))), top: Math.round(clamp(y - size / 2, 0, Math.max(0, height - size))) };
};

// Whole screen pixels to each frame pixel, at least twice what the pane shows.
export const loupePower = paneScale => Math.max(4, 2 * Math.ceil(paneScale * 1.5));

// The column of a canvas where the wipe's right picture begins.
export const wipeColumn = (share, width) => Math.round(share * width);

// Even-odd rule; a point on an edge counts to one side only.
export const inside = (polygon, x, y) => {
  let odd = false;
  for (let k = 0, j = polygon.length - 1; k < polygon.length; j = k++) {
    const [xk, yk] = polygon[k], [xj, yj] = polygon[j];
    if ((yk > y) !== (yj > y) && x < (xj - xk) * (y - yk) / (yj - yk) + xk) odd = !odd;
  }
  return odd;
};
export const regionsAt = (regions, x, y) => regions.filter(r => r.polygon.length > 2 && inside(r.polygon, x, y));
export const regionWords = region => region.label + (region.aus.length ? ` (${region.aus.map(au => `AU${au}`).join(", ")})` : "");
