/** The search for what goes on in a hole, beside the page: it takes longer than a frame. */

import { sourcesOf } from "./texture.js";

self.onmessage = ({ data: { id, colours, unknown, width, height } }) => {
  const sources = sourcesOf(colours, unknown, width, height);
  self.postMessage({ id, sources }, { transfer: [sources.buffer] });
};
