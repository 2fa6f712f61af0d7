import assert from "node:assert/strict";
import test from "node:test";
import { viewOf } from "../../mekit/widgets/static/draw.js";
import * as g from "../../mekit/widgets/static/geometry.js";
import { View } from "../../mekit/widgets/static/view.js";

test("zooming keeps the spot where it is on the screen", () => {
  const before = viewOf(200, 100, 1, 100, 50), spot = { x: 60, y: 40 }, { cx, cy } = g.zoomAbout(before, spot, 1, 4), after = viewOf(200, 100, 4, cx, cy);
  for (const [v, s, w] of [["x", 60, "w"], ["y", 40, "h"]]) assert.ok(Math.abs((s - before[v]) / before[w] - (s - after[v]) / after[w]) < 1e-9);
});

test("two fingers keep the frame points that they lie on", () => {
  const held = { x: 100, y: 50 }, out = g.pinched(held, { x: 0.3, y: 0.5 }, { x: 0.7, y: 0.5 }, 1, 0.2 * 200, 200, 100);
  assert.deepEqual([out.zoom, out.cx, out.cy].map(x => Math.round(1e6 * x) / 1e6), [2, 100, 50]);
  const moved = g.pinched(held, { x: 0.4, y: 0.5 }, { x: 0.8, y: 0.5 }, 1, 0.2 * 200, 200, 100);
  assert.ok(Math.abs(moved.cx - 90) < 1e-9);              // the fingers went right, so the picture does
  assert.equal(g.pinched(held, { x: 0, y: 0 }, { x: 1, y: 1 }, 8, 1, 200, 100).zoom, 16);
});

test("a double tap is two taps, soon and near", () => {
  const tap = { t: 1000, x: 50, y: 50 };
  assert.ok(g.isDouble(tap, { t: 1200, x: 55, y: 50 }));
  assert.ok(!g.isDouble(tap, { t: 1500, x: 50, y: 50 }));
  assert.ok(!g.isDouble(tap, { t: 1100, x: 90, y: 50 }));
  assert.ok(!g.isDouble(null, tap));
});

test("the loupe is centred on its spot in the frame and stays inside the pane", () => {
  const view = { x: 0, y: 0, w: 100, h: 100 }, at = g.loupeOf({ x: 50.5, y: 50.5 }, view, 200, 200, 80, 8);
  assert.deepEqual(at.src, { x: 45.5, y: 45.5, w: 10, h: 10 });
  assert.deepEqual([at.left, at.top], [61, 61]);
  const corner = g.loupeOf({ x: 0, y: 99 }, view, 200, 200, 80, 8);
  assert.deepEqual([corner.left, corner.top, corner.src.x], [0, 120, -5]);
  assert.ok(g.loupePower(0.5) >= 4 && g.loupePower(4) > 4 && Number.isInteger(g.loupePower(1.25)));
});

test("every column of a wipe belongs to one side", () => {
  assert.deepEqual([0, 0.5, 1].map(s => g.wipeColumn(s, 161)), [0, 81, 161]);
});

test("a point is in a polygon or not, also where it is hollow", () => {
  const hollow = [[0, 0], [10, 0], [10, 10], [6, 10], [6, 4], [4, 4], [4, 10], [0, 10]];
  assert.deepEqual([[2, 8], [5, 2], [8, 8], [5, 8], [11, 5], [-1, 5]].map(([x, y]) => g.inside(hollow, x, y)), [true, true, true, false, false, false]);
});

test("all regions over a point are found, empty ones never", () => {
  const square = (x, size) => [[x, 0], [x + size, 0], [x + size, size], [x, size]];
  const regions = [{ name: "a", polygon: square(0, 10) }, { name: "b", polygon: square(5, 10) }, { name: "c", polygon: [] }];
  assert.deepEqual(g.regionsAt(regions, 7, 5).map(r => r.name), ["a", "b"]);
  assert.deepEqual(g.regionsAt(regions, 40, 5), []);
  assert.equal(g.regionWords({ label: "left inner brow", aus: [1, 4] }), "left inner brow (AU1, AU4)");
  assert.equal(g.regionWords({ label: "chin", aus: [] }), "chin");
});

test("a view stays inside, shows another clip the same share, and follows a spot just far enough", () => {
  const view = new View({ w: 200, h: 100 });
  view.by(2, { x: 0, y: 0 });
  assert.deepEqual(view.rect, { x: 0, y: 0, w: 100, h: 50 });
  assert.deepEqual(view.of({ w: 100, h: 100 }), { x: 0, y: 0, w: 50, h: 50 });
  assert.equal(view.of({ w: 100, h: 100 }), view.of({ w: 100, h: 100 }));
  assert.equal(view.follow({ x: 50, y: 40 }), false);
  assert.equal(view.follow({ x: 120, y: 40 }), true);
  assert.deepEqual([view.rect.x, view.rect.y], [28, 0]);
  assert.equal(new View({ w: 200, h: 100 }).follow({ x: 0, y: 99 }), false);
  view.by(0, view.centre());
  assert.equal(view.zoom, 1);
  assert.deepEqual(new View({ w: 200, h: 100 }, view.state).rect, view.rect);
});
