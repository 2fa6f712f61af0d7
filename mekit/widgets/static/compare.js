// Two clips in step: which frame of the second belongs to a frame of the first. No document, so node tests it.

import { MARKS } from "./marks.js";

const nearestTime = (times, t) => {
  let low = 0, high = times.length - 1;
  while (high - low > 1) { const mid = (low + high) >> 1; times[mid] <= t ? low = mid : high = mid; }
  return t - times[low] <= times[high] - t ? low : high;
};
const medianStep = times => {
  const steps = times.slice(1).map((t, i) => t - times[i]).sort((a, b) => a - b);
  return steps.length ? steps[steps.length >> 1] : 0;
};
const sharedMarks = (a, b) => MARKS.filter(m => a.marks[m] != null && b.marks[m] != null);
const bothTimed = (a, b) => !!(a.times && b.times);

export const stepsOf = (a, b) => [bothTimed(a, b) ? "ms" : "count", "mark"];

// The frame of b that lies as far from b's frame `bo` as frame i of a from a's frame `ao`; `off`: how far the nearest one is from there, where there is none.
const beyond = (i, ao, bo, a, b) => {
  if (!bothTimed(a, b)) {
    const want = bo + i - ao, j = Math.min(b.n - 1, Math.max(0, want));
    return { j, off: j - want, unit: "frames" };
  }
  const want = b.times[bo] + a.times[i] - a.times[ao], j = nearestTime(b.times, want), off = b.times[j] - want;
  return { j, off: Math.abs(off) > 0.5 * b.step + 1e-6 ? off : 0, unit: "ms" };
};

// What is paired needs the median step of the second clip once.
export const clipSide = ({ n, times, marks }) => ({ n, times, marks, step: times ? medianStep(times) : 0 });

// a, b: {n, times or null, marks, step}. `how`: ms (count without times) from the onsets, or else from the first frames; mark: the marks of both coincide, linear between.
export const partner = (i, a, b, how) => {
  const shared = sharedMarks(a, b);
  if (how !== "mark" || !shared.length) {
    const from = shared.includes("onset");
    return beyond(i, from ? a.marks.onset : 0, from ? b.marks.onset : 0, a, b);
  }
  const places = shared.map(m => [a.marks[m], b.marks[m]]), last = places[places.length - 1];
  if (i <= places[0][0]) return beyond(i, ...places[0], a, b);
  if (i >= last[0]) return beyond(i, ...last, a, b);
  const k = places.findIndex(([p]) => p > i), [[a0, b0], [a1, b1]] = [places[k - 1], places[k]];
  return { j: Math.round(b0 + (i - a0) / (a1 - a0) * (b1 - b0)), off: 0, unit: "frames" };
};

// What `partner` does, in words.
export const stepWords = (a, b, how) => {
  const shared = sharedMarks(a, b), unit = bothTimed(a, b) ? "ms" : "frames";
  const from = shared.includes("onset") ? "from each onset" : "from each first frame";
  if (how !== "mark") return `in step by ${unit} ${from}`;
  if (!shared.length) return `no mark is set in both clips: in step by ${unit} ${from}`;
  return `in step by ${shared.join(", ")}` + (shared.length > 1 ? `, evenly between, by ${unit} outside` : `, by ${unit} from there`);
};

export const offWords = ({ off, unit }) => !off ? "" : `no frame here: nearest is ${unit === "ms" ? `${Math.abs(off).toFixed(1)} ms` : `${Math.abs(off)} frames`} ${off < 0 ? "before" : "after"}`;
