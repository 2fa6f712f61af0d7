// Between a widget and the notebook around it: keys that stay inside, and a kernel that may be gone.

// JupyterLab's one-letter shortcuts (x cuts the cell) must not act from inside `root`; those with Ctrl, Command or Alt may,
// but for the ones that `own` claims (Ctrl+Z here is a mark taken back, not a cell).
// JupyterLab looks from the focused element outwards and acts on the first match, so the element itself carries the attribute as well.
export const keepKeys = (root, signal, own = () => false) => {
  const mark = "data-lm-suppress-shortcuts";
  root.setAttribute(mark, "true");
  window.addEventListener("keydown", e => {
    if (!root.contains(e.target)) return;
    for (const node of [root, e.target]) node.toggleAttribute(mark, own(e) || !(e.ctrlKey || e.metaKey || e.altKey));
  }, { capture: true, signal });
};

// A saved page has no kernel; a view drawn after its kernel ended is marked by the notebook.
export const isLive = (model, el) => typeof model.send === "function" && !el?.closest?.(".jupyter-widgets-disconnected");

// Where a kernel is restarted its widgets stay on screen, unheard. The model says so once; `act` is called at most once.
export const whenGone = (model, signal, act) => {
  const gone = () => { model.off("comm_live_update", gone); act(); };
  model.on("comm_live_update", gone);
  signal.addEventListener("abort", () => model.off("comm_live_update", gone));
};

// Saves, or gives false where nobody is there to hear it.
export const trySave = model => {
  try { model.save_changes(); return true; } catch { return false; }
};
