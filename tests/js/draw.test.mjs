import assert from "node:assert/strict";
import test from "node:test";
import * as d from "../../mekit/widgets/static/draw.js";

test("every frame owns an equal part of the track, ends included", () => {
  for (const n of [1, 2, 7, 200]) for (let i = 0; i < n; i++) assert.equal(d.frameAt(d.shareOf(i, n) * 640, 640, n), i);
  assert.equal(d.frameAt(-5, 640, 200), 0);
  assert.equal(d.frameAt(640, 640, 200), 199);
});

test("a notch of the wheel is a frame on every mouse, and the short moves of a touch pad add up", () => {
  const turn = (moves, more = {}) => moves.reduce(([left, n], deltaY) => { const got = d.notches(left, { deltaX: 0, deltaY, deltaMode: 0, ...more }); return [got.left, n + got.frames]; }, [0, 0])[1];
  assert.equal(turn([120]), 1); assert.equal(turn([-100, -53]), -2); assert.equal(turn([3, 3], { deltaMode: 1 }), 2);
  assert.equal(turn(Array(30).fill(10)), 6); assert.equal(turn([20, 20, -20, -20, -20]), -1);
  assert.equal(d.notches(0, { deltaX: 120, deltaY: 0, deltaMode: 0 }).frames, 1);
});

test("the frame at a time is the last whose time has come, at variable rate too", () => {
  const times = [0, 5, 12, 40, 41];
  assert.deepEqual([-1, 0, 4.9, 5, 39.9, 40, 99].map(t => d.indexAt(times, t)), [0, 0, 0, 1, 2, 3, 4]);
});

test("times to play by end one frame after the last", () => {
  assert.equal(d.playTimes([0, 5, 10], 3).end, 15);
  assert.deepEqual(d.playTimes(null, 3), { times: [0, 40, 80], end: 120 });
  assert.equal(d.playTimes([7], 1).end, 47);
});

test("a value is read from the cell of the grid the pointer is in", () => {
  const grid = { step: 4, w: 3, h: 2 }, stack = { quantum: 0.02 };
  const data = Int16Array.from([0, 1, 2, 3, 4, 50, 0, 0, 0, 0, 0, -50]);
  assert.equal(d.valueAt(stack, data, grid, 11.9, 7.9, 0), 1);
  assert.equal(d.valueAt(stack, data, grid, 8, 4, 1), -1);
  assert.equal(d.valueAt(stack, data, grid, 12, 0), null);
  assert.equal(d.valueAt(stack, undefined, grid, 0, 0), null);
});

test("the wheel is clear at rest, opaque at the limit, and hue follows direction", () => {
  const table = Uint8Array.from({ length: 768 }, (_, k) => Math.floor(k / 3)), out = new Uint8ClampedArray(12);
  d.paintWheel(Int16Array.from([0, 100, 0, 0, 0, 100]), 3, 0.02, 2, table, out);
  assert.equal(out[3], 0);
  assert.deepEqual([out[4], out[8]], [0, 64]);
  assert.ok(out[7] > 230 && out[11] > 230);
});

test("a signed scale has zero in the middle of its table, an unsigned one at its start", () => {
  const table = Uint8Array.from({ length: 768 }, (_, k) => Math.floor(k / 3)), out = new Uint8ClampedArray(12);
  d.paintScale(Int16Array.from([-10, 0, 10]), 3, 1, 10, true, table, out);
  assert.deepEqual([out[0], out[4], out[8]], [0, 128, 255]);
  d.paintScale(Int16Array.from([-10, 0, 5]), 3, 1, 10, false, table, out);
  assert.deepEqual([out[0], out[4], out[8]], [0, 0, 128]);
});

test("signed values never hide the picture, unsigned ones may", () => {
  const table = new Uint8Array(768), out = new Uint8ClampedArray(8);
  d.paintScale(Int16Array.from([-10, 10]), 2, 1, 10, true, table, out);
  assert.ok(out[3] / 255 <= 0.6 && out[7] / 255 <= 0.6 && out[3] > 140);
  d.paintScale(Int16Array.from([10, 0]), 2, 1, 10, false, table, out);
  assert.ok(out[3] / 255 > 0.9);
});

test("panes grow by a quarter at most, to fill their row and no further", () => {
  assert.equal(d.widen(1200, 3, 256, 256), 320);
  assert.equal(d.widen(820, 3, 256, 256), 264);
  assert.equal(d.widen(300, 1, 400, 400), 400);
  assert.equal(d.widen(2000, 2, 440, 440), 460);
});

test("labels of marks that lie close stand below each other, others on top", () => {
  assert.deepEqual(d.levels([10, 10, 10]), [0, 1, 2]);
  assert.deepEqual(d.levels([10, 20, 30]), [0, 1, 0]);
  assert.deepEqual(d.levels([10, 100, 200]), [0, 0, 0]);
});

test("the view stays inside the frame", () => {
  assert.deepEqual(d.viewOf(100, 80, 1, 3, 3), { x: 0, y: 0, w: 100, h: 80 });
  assert.deepEqual(d.viewOf(100, 80, 2, 95, 40), { x: 50, y: 20, w: 50, h: 40 });
});

test("panes are whole multiples or fractions of the frame and fit the width", () => {
  for (const width of [300, 640, 900, 1400]) for (const panes of [1, 3, 5]) for (const [w, h] of [[64, 64], [256, 256], [640, 360], [1920, 1080]]) {
    const s = d.layout(width, panes, w, h);
    assert.ok(Number.isInteger(8 * s) || Number.isInteger(Math.round(1e9 / s) / 1e9), `${s}`);
    assert.ok(w * s <= width, `${w} x ${s} in ${width}`);
  }
  assert.equal(d.layout(820, 3, 256, 256), 1);
  assert.equal(d.layout(735, 3, 256, 256), 7 / 8);      // a notebook beside the file browser: three in a row all the same
});

test("rows are as equal as they can be", () => {
  assert.deepEqual([[1100, 5], [560, 3], [200, 4], [2000, 5]].map(([w, n]) => d.columnsFor(w, n, 256)), [3, 2, 1, 5]);
});

test("a curve breaks where there is no value, and a point between gaps is a dot", () => {
  assert.equal(d.curvePath(d.thinned([0, 1, null, 1, null]), 0, 1), "M0.5 1.0000L1.5 0.0000M3.5 0.0000h0");
  assert.equal(d.curvePath(d.thinned([null, 1, 0]), 0, 2), "M1.5 0.5000L2.5 1.0000");
});

test("a long curve is thinned, and its one peak and its one dip stay", () => {
  const values = Array.from({ length: 20000 }, (_, i) => i === 7001 ? 9 : i === 7003 ? -9 : 0), points = d.thinned(values, 1000);
  assert.ok(points.length <= 1000);
  assert.deepEqual(points.filter(p => p[1]), [[7001, 9], [7003, -9]]);
  const sparse = d.thinned(values.map((v, i) => i % 400 ? null : v), 1000).filter(Boolean);
  assert.deepEqual([sparse.length, sparse[1][0]], [50, 400]);
});

test("two clips stand in one row where they fit, else each in its own", () => {
  assert.deepEqual(d.arrange(1150, [1, 1], 256, 256), { scale: 1, columns: 2, wide: 320, breaks: false });
  const below = d.arrange(1150, [3, 3], 256, 256);
  assert.deepEqual([below.columns, below.breaks], [3, true]);
  assert.equal(d.arrange(900, [3, 0], 256, 256).breaks, false);
});

test("the whole screen is used and not left", () => {
  for (const [width, height] of [[1920, 900], [1280, 640], [800, 1200]]) for (const counts of [[1, 0], [3, 0], [5, 0], [1, 1], [3, 3]]) {
    const a = d.arrange(width, counts, 256, 200, height), rows = a.breaks ? Math.ceil(counts[0] / a.columns) + Math.ceil(counts[1] / a.columns) : Math.ceil((counts[0] + counts[1]) / a.columns);
    assert.ok(a.columns * a.wide + 14 * (a.columns - 1) <= width && rows * (a.wide * 200 / 256 + 48) <= height + 1, `${width} ${counts}`);
  }
  assert.ok(d.arrange(1920, [1, 0], 256, 200, 900).wide > 1000);
});

test("numbers carry a true minus and no sign at zero", () => {
  assert.deepEqual([d.signed(-0.5), d.signed(0.001), d.signed(0.42)], ["\u22120.50", " 0.00", "+0.42"]);
});

test("arrows are left out where nothing moves", () => {
  const grid = { step: 4, w: 4, h: 4 }, data = new Int16Array(32);
  data[10] = 50;
  const found = d.arrows({ quantum: 0.02, limit: 1 }, data, grid, { x: 0, y: 0, w: 16, h: 16 }, 4, 10);
  assert.deepEqual(found, [[10, 10, 10, 0]]);
});
