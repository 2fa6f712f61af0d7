import assert from "node:assert/strict";
import test from "node:test";
import { clipSide, offWords, partner, stepWords, stepsOf } from "../../mekit/widgets/static/compare.js";

const clip = (n, step, marks = {}) => clipSide({ n, times: step ? Array.from({ length: n }, (_, i) => i * step) : null, marks });

test("by ms the onsets coincide, at different rates too", () => {
  const a = clip(100, 5, { onset: 20 }), b = clip(50, 10, { onset: 8 });
  assert.deepEqual(partner(20, a, b, "ms"), { j: 8, off: 0, unit: "ms" });
  assert.equal(partner(40, a, b, "ms").j, 18);          // 100 ms after either onset
  assert.equal(partner(10, a, b, "ms").j, 3);
});

test("without an onset in both it goes by the first frames", () => {
  const a = clip(100, 5, { onset: 20 }), b = clip(50, 10);
  assert.equal(partner(40, a, b, "ms").j, 20);
  assert.equal(stepWords(a, b, "ms"), "in step by ms from each first frame");
  assert.equal(stepWords(a, clip(9, 9, { onset: 1 }), "ms"), "in step by ms from each onset");
});

test("where the second has no frame the nearest is shown and said", () => {
  const a = clip(100, 5, { onset: 0 }), b = clip(50, 5, { onset: 10 });
  const after = partner(60, a, b, "ms"), before = partner(0, clip(100, 5, { onset: 30 }), b, "ms");
  assert.deepEqual(after, { j: 49, off: -105, unit: "ms" });
  assert.equal(offWords(after), "no frame here: nearest is 105.0 ms before");
  assert.deepEqual([before.j, before.off], [0, 100]);
  assert.equal(offWords({ j: 3, off: 0, unit: "ms" }), "");
  const gap = clipSide({ n: 4, times: [0, 5, 10, 100], marks: {} });
  assert.deepEqual(partner(10, clip(100, 5), gap, "ms"), { j: 2, off: -40, unit: "ms" });
});

test("by marks onset, apex and offset coincide, and between them it is even", () => {
  const a = clip(100, 5, { onset: 10, apex: 20, offset: 40 }), b = clip(100, 5, { onset: 50, apex: 55, offset: 95 });
  assert.deepEqual([10, 20, 40].map(i => partner(i, a, b, "mark").j), [50, 55, 95]);
  assert.deepEqual([14, 30].map(i => partner(i, a, b, "mark").j), [52, 75]);
  assert.deepEqual([5, 42].map(i => partner(i, a, b, "mark").j), [45, 97]);             // outside by ms
  assert.equal(stepWords(a, b, "mark"), "in step by onset, apex, offset, evenly between, by ms outside");
});

test("marks on one frame, one mark, and none at all", () => {
  const a = clip(100, 5, { onset: 10, apex: 10 }), b = clip(100, 5, { onset: 50, apex: 60 });
  assert.equal(partner(10, a, b, "mark").j, 50);
  assert.equal(partner(11, a, b, "mark").j, 61);
  assert.equal(partner(12, clip(100, 5, { apex: 10 }), b, "mark").j, 62);
  assert.equal(partner(12, clip(100, 5), b, "mark").j, 12);
  assert.match(stepWords(clip(9, 5), b, "mark"), /no mark is set in both clips/);
});

test("without times it goes by frame count, and never by ms", () => {
  const a = clip(100, null, { onset: 10 }), b = clip(100, 5, { onset: 50 });
  assert.deepEqual(stepsOf(a, b), ["count", "mark"]);
  assert.deepEqual(partner(12, a, b, "count"), { j: 52, off: 0, unit: "frames" });
  assert.deepEqual(partner(99, a, b, "count"), { j: 99, off: -40, unit: "frames" });
  assert.equal(stepWords(a, b, "count"), "in step by frames from each onset");
});
