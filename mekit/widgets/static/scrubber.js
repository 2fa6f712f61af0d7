// The scrubber as a widget of its own.

import { Scrubber } from "./scrubbing.js";

export default {
  render({ model, el }) {
    let scrubber = new Scrubber(model, el);
    const renew = () => { const kept = scrubber.close(); scrubber = new Scrubber(model, el, kept); };
    model.on("change:meta", renew);
    return () => { model.off("change:meta", renew); scrubber.close(); };
  },
};
