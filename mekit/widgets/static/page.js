// A page without a kernel: the model that a widget sees is a plain object beside its data.

const fromBase64 = text => Uint8Array.fromBase64 ? Uint8Array.fromBase64(text) : Uint8Array.from(atob(text), c => c.charCodeAt(0));

export const pageModel = (state, buffers) => {
  const heard = new Map(), all = { ...state };
  for (const [name, text] of Object.entries(buffers)) all[name] = new DataView(fromBase64(text).buffer);
  return {
    get: name => all[name],
    set(name, value) {
      const same = JSON.stringify(all[name]) === JSON.stringify(value);
      all[name] = value;
      if (!same) for (const act of [...heard.get(`change:${name}`) ?? []]) act();
    },
    on(event, act) { if (!heard.has(event)) heard.set(event, new Set()); heard.get(event).add(act); },
    off(event, act) { heard.get(event)?.delete(act); },
    save_changes() {},
  };
};

// The host holds its own data in script elements that are never run: one of JSON, one of base64 for each buffer.
export const mount = (widget, host) => {
  const state = JSON.parse(host.querySelector("script[data-state]").textContent);
  const buffers = Object.fromEntries([...host.querySelectorAll("script[data-buffer]")].map(s => [s.dataset.buffer, s.textContent]));
  const el = host.appendChild(document.createElement("div"));
  const model = pageModel(state, buffers);
  host.mekitModel = model;
  return widget.render({ model, el });
};
