import assert from "node:assert/strict";
import test from "node:test";
import { scalesOf, stylesOf, valueText } from "../../mekit/widgets/static/chart.js";
import { partText, placeText } from "../../mekit/widgets/static/readout.js";

const curve = (unit, low, high, colour = null) => ({ unit, low, high, colour });

test("curves of one unit share a scale, others have their own, hidden ones have no say", () => {
  const curves = [curve("px", 0, 1), curve("px", -0.5, 2), curve("%", 0, 30), curve("px", 0, 0.1)];
  assert.deepEqual([...scalesOf(curves, new Set())], [["px", { low: -0.5, high: 2 }], ["%", { low: 0, high: 30 }]]);
  assert.deepEqual([...scalesOf(curves, new Set([1, 2, 3]))], [["px", { low: 0, high: 1 }]]);
});

test("no two curves look the same", () => {
  const styles = stylesOf([curve("px", 0, 1), curve("px", 0, 1), curve("px", 0, 1, "#aa0000"), curve("px", 0, 1, "#aa0000"), curve("%", 0, 1), curve("%", 0, 1), curve("%", 0, 1)]);
  assert.equal(new Set(styles.map(s => `${s.colour} ${s.dash}`)).size, styles.length);
  assert.equal(styles[2].colour, "#aa0000");
});

test("one unit has one kind of line, and what comes from the same place one colour", () => {
  const [strain, brow, flow, lip, change] = stylesOf([curve("%", 0, 1), curve("%", 0, 1, "#aa3377"), curve("px", 0, 1), curve("px", 0, 1, "#ee6677"), curve("grey levels", 0, 1)]);
  assert.deepEqual([strain.dash, brow.dash], ["", ""]);
  assert.equal(lip.dash, flow.dash);
  assert.equal(new Set([strain, flow, change].map(s => s.dash)).size, 3);
  assert.equal(new Set([strain, flow, change].map(s => s.colour)).size, 1);
  assert.notEqual(strain.colour, brow.colour);
});

test("a value has three digits and its unit, and none is a dash", () => {
  assert.deepEqual([valueText(0.12345, "px"), valueText(null, "px"), valueText(12345, ""), valueText(0, "%")], ["0.123 px", "\u2013", "12345", "0.00 %"]);
});

test("the place names frame, original number, time, and time from the onset", () => {
  const meta = { n: 40, numbers: Array.from({ length: 40 }, (_, i) => i + 100), times: Array.from({ length: 40 }, (_, i) => 5 * i) };
  assert.equal(placeText(meta, 31, 20), "frame 31 / 39 \u00b7 no. 131 \u00b7 155.0 ms \u00b7 +55.0 ms from onset");
  assert.equal(placeText(meta, 10, 20), "frame 10 / 39 \u00b7 no. 110 \u00b7 50.0 ms \u00b7 \u221250.0 ms from onset");
  assert.equal(placeText({ n: 4, numbers: [0, 1, 2, 3], times: null }, 3, 1), "frame 3 / 3 \u00b7 no times \u00b7 +2 frames from onset");
  assert.equal(placeText({ ...meta, numbers: meta.times.map((_, i) => i) }, 5, undefined), "frame 5 / 39 \u00b7 25.0 ms");
});

test("a value is given in every unit it has, and none outside", () => {
  const stack = { quantum: 0.02, factor: 1, channels: 2, digits: 2, unit: "px", second: { unit: "%IOD", factor: 2 } }, grid = { step: 4, w: 1, h: 1 };
  assert.equal(partText(stack, Int16Array.from([100, -25]), grid, { x: 1, y: 1 }, 0), "+2.00 px (+4.00 %IOD)");
  assert.equal(partText(stack, Int16Array.from([100, -25]), grid, { x: 1, y: 1 }, 1), "\u22120.50 px (\u22121.00 %IOD)");
  assert.equal(partText(stack, undefined, grid, { x: 1, y: 1 }, 0), null);
  assert.equal(partText(stack, Int16Array.from([1, 1]), grid, { x: 9, y: 1 }, 0), null);
});
