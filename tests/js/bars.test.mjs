import assert from "node:assert/strict";
import test from "node:test";
import * as bars from "../../mekit/widgets/static/bars.js";

test("percent rounds, clamps, and never prints NaN", () => {
  for (const [value, text] of [[0, "0 %"], [0.504, "50 %"], [1.2, "100 %"], [-1, "0 %"], [NaN, "–"], [null, "–"]])
    assert.equal(bars.percent(value), text);
});

test("change is in the points that are printed, so that 12 % to 20 % reads +8", () => {
  for (const [now, before, text] of [[0.2, 0.12, "+8"], [0.12, 0.2, "−8"], [0.204, 0.196, "±0"], [0.5, NaN, ""], [NaN, 0.5, ""]])
    assert.equal(bars.change(now, before), text);
});

test("the strip runs from the lower to the higher of the two", () => {
  assert.deepEqual(bars.span(0.75, 0.25), { left: 25, width: 50, rises: true });
  assert.deepEqual(bars.span(0.25, 0.75), { left: 25, width: 50, rises: false });
  assert.equal(bars.span(0.25, undefined), null);
});

test("rows survive lists that are shorter than the names", () => {
  const rows = bars.rowsOf({ names: ["AU1", "AU4"], titles: ["x"], values: [0.3], before: [], trained: [false], target: "AU4" });
  assert.deepEqual(rows.map((r) => [r.title, r.trained, r.selected]), [["x", false, false], ["", true, true]]);
  assert.ok(Number.isNaN(rows[1].value) && Number.isNaN(rows[0].before));
});

test("a screen reader hears name, value, change, and that an output is not trained", () => {
  const row = { name: "AU5", title: "upper lid raiser", value: 0.4, before: 0.3, trained: false, selected: true };
  assert.equal(bars.describe(row), "AU5, upper lid raiser, 40 %, +10 points since the last run, not trained: means nothing, target");
});

test("a row offers itself only where somebody listens", () => {
  const row = { name: "AU4", title: "brow lowerer", trained: true };
  assert.equal(bars.hint(row, true), "brow lowerer: click to make it the target");
  assert.equal(bars.hint(row, false), "brow lowerer");
  assert.match(bars.hint({ ...row, trained: false }, true), /means nothing/);
});

test("arrow keys stop at the ends", () => {
  assert.deepEqual(["ArrowUp", "ArrowDown", "Home", "End", "x"].map((k) => bars.step(k, 0, 3)), [0, 1, 0, 2, null]);
  assert.equal(bars.step("ArrowDown", 2, 3), 2);
});
