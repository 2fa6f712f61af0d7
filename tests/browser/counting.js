// Counts what a widget holds and must give back: pictures, timers, animation frames, observers, listeners of its model. `counting.open()` gives what is open now.
(() => {
  const open = { bitmaps: 0, timers: new Set(), frames: new Set(), observers: new Map(), made: 0 };
  const decode = window.createImageBitmap.bind(window), shut = ImageBitmap.prototype.close, live = new WeakSet();
  window.createImageBitmap = async (...all) => { const b = await decode(...all); open.bitmaps++; open.made++; live.add(b); return b; };
  ImageBitmap.prototype.close = function () { if (live.delete(this)) open.bitmaps--; return shut.call(this); };
  for (const [start, stop, set, once] of [["setTimeout", "clearTimeout", open.timers, true], ["setInterval", "clearInterval", open.timers, false], ["requestAnimationFrame", "cancelAnimationFrame", open.frames, true]]) {
    const begin = window[start].bind(window), end = window[stop].bind(window);
    window[start] = (act, ...more) => { const id = begin((...all) => { if (once) set.delete(id); act(...all); }, ...more); set.add(id); return id; };
    window[stop] = id => { set.delete(id); end(id); };
  }
  for (const name of ["ResizeObserver", "MutationObserver", "IntersectionObserver"]) {
    const Real = window[name];
    window[name] = class extends Real {
      observe(...all) { open.observers.set(this, name); super.observe(...all); }
      disconnect() { open.observers.delete(this); super.disconnect(); }
    };
  }
  const roots = [];
  document.addEventListener("mekit:drawn", e => { const root = e.target.closest(".mekit-scrubber"); if (root && !roots.some(r => r.deref() === root)) roots.push(new WeakRef(root)); }, true);
  window.counting = {
    open: () => ({ bitmaps: open.bitmaps, timers: open.timers.size, frames: open.frames.size, observers: open.observers.size }), made: () => open.made,
    roots: () => [roots.length, roots.filter(r => r.deref()).length],       // how many scrubbers have been drawn, and how many of them are still held by anything
  };
})();
