// Which key does what: one table for the help, one for the keyboard. Buttons bear the same names (data-act).

export const KEYS = [
  ["\u2190 \u2192", "one frame; with shift ten; also the wheel over track or curves"], ["home end", "first, last frame"], ["[ ]", "previous, next mark"],
  ["space", "play, pause"], [", .", "slower, faster"], ["l", "loop: off, whole, between the marks"],
  ["o a f", "set onset, apex, offset; with shift clear"], ["u y", "undo, redo marks (also ctrl z, ctrl y)"], ["1 \u2026 9", "show or hide a pane"],
  ["+ \u2212 0", "zoom in, out, whole frame; ctrl and wheel, pinch; double tap for the whole"], ["alt \u2190 \u2191 \u2192 \u2193", "move the reading cross, or else the zoomed picture; with shift further"],
  ["x", "reading cross: values by keyboard"], ["g", "loupe"], ["e", "outlines of the AU regions"],
  ["w", "wipe between two panes; shift w the next right one"], ["< >", "move the divider of the wipe"],
  ["s", "second clip in step by time or by marks"], ["v", "full screen"], ["?", "these keys; escape closes"],
];

const NAMES = { " ": "play", ",": "slower", ".": "faster", "+": "in", "=": "in", "-": "out", "\u2212": "out", "[": "earlier", "]": "later", "?": "help", "<": "wipe:back", ">": "wipe:on",
  home: "first", end: "last", arrowleft: "back", arrowdown: "back", arrowright: "next", arrowup: "next", pagedown: "back", pageup: "next",
  o: "onset", a: "apex", f: "offset", u: "undo", y: "redo", l: "loop", x: "cross", g: "loupe", e: "regions", w: "wipe", s: "sync", v: "full", escape: "escape" };
const MOVES = { arrowleft: "move:left", arrowright: "move:right", arrowup: "move:up", arrowdown: "move:down" };

// The act a key asks for, or null where it is not ours. AltGr types [ and ] on many keyboards and is no Alt;
// where digits are typed with shift (French keyboards), the bare digit keys count too.
export const actOf = e => {
  const key = e.key.toLowerCase(), typed = e.getModifierState?.("AltGraph") ?? false;
  if (!typed && (e.ctrlKey || e.metaKey)) return e.altKey ? null : key === "z" ? (e.shiftKey ? "redo" : "undo") : key === "y" ? "redo" : null;
  if (!typed && e.altKey) return MOVES[key] ?? null;
  if (/^[1-9]$/.test(key)) return `pane:${key - 1}`;
  if (key === "0") return "whole";
  if (Object.hasOwn(NAMES, key)) return NAMES[key];
  const digit = /^Digit(\d)$/.exec(e.code ?? "")?.[1];
  return digit == null || e.shiftKey ? null : digit === "0" ? "whole" : `pane:${digit - 1}`;
};

// Ten frames at once, for keys that stride.
export const strides = e => e.shiftKey || e.key === "PageUp" || e.key === "PageDown";
