// Marks: their order, their past, the next one. No document, so node tests them.

export const MARKS = ["onset", "apex", "offset"];
export const marksSet = marks => MARKS.filter(m => marks[m] != null);

// Set (or, with null, clear) one mark; the order onset, apex, offset is kept by refusing, never by moving another mark.
export const setMark = (marks, name, i) => {
  const next = { ...marks };
  if (i === null) { delete next[name]; return { marks: next }; }
  next[name] = i;
  const set = marksSet(next);
  for (let k = 1; k < set.length; k++) {
    if (next[set[k - 1]] > next[set[k]]) {
      const other = set[k - 1] === name ? set[k] : set[k - 1];
      return { marks, problem: `${name} ${i} would lie ${set[k - 1] === name ? "after" : "before"} the ${other} at ${next[other]}; move or clear the ${other} first` };
    }
  }
  return { marks: next };
};

// The nearest marked frame before (-1) or after (+1) frame i, with the names of the marks on it; null where there is none.
export const markBeyond = (marks, i, direction) => {
  const places = marksSet(marks).map(m => marks[m]).filter(p => (p - i) * direction > 0);
  if (!places.length) return null;
  const frame = direction > 0 ? Math.min(...places) : Math.max(...places);
  return { frame, names: marksSet(marks).filter(m => marks[m] === frame) };
};

const sameMarks = (a, b) => MARKS.every(m => (a[m] ?? null) === (b[m] ?? null));

// "apex 31 instead of 35; offset cleared": what taking a step through the past has done.
export const changeWords = (before, after) => MARKS.filter(m => (before[m] ?? null) !== (after[m] ?? null))
  .map(m => after[m] == null ? `${m} cleared` : before[m] == null ? `${m} at ${after[m]}` : `${m} at ${after[m]} instead of ${before[m]}`).join("; ");

// Every state the marks have been in, whoever set them: a key here, or Python.
export class History {
  constructor(marks, most = 200) { Object.assign(this, { now: { ...marks }, past: [], future: [], most }); }
  put(marks) {
    if (sameMarks(marks, this.now)) return false;
    this.past.push(this.now); this.now = { ...marks }; this.future = [];
    if (this.past.length > this.most) this.past.shift();
    return true;
  }
  step(from, to) {
    if (!from.length) return null;
    to.push(this.now); this.now = from.pop();
    return { ...this.now };
  }
  undo() { return this.step(this.past, this.future); }
  redo() { return this.step(this.future, this.past); }
}
