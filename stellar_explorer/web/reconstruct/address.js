/** What Reconstruct shows, in the address beside what the other tabs keep there; never an upload. */

import { DEFAULTS } from "./server.js";

export const COMPARED = ["rebuilt", "slider", "difference"];
const OURS = ["tab", "photo", "model", "without", "titok", "mae", "visible", "pattern", "compare"];

/** settings: the page's -> {photo?, model?, without: tokens, titok?, mae?, visible?, pattern?, compare?} */
export function readReconstruct(search, settings) {
  const query = new URLSearchParams(search);
  const wish = { without: [] };
  const take = (name, valid) => {
    if (query.has(name) && valid(query.get(name))) wish[name] = query.get(name);
  };
  take("photo", (id) => settings.examples.some((example) => example.id === id));
  take("model", (name) => settings.models.some((model) => model.name === name));
  take("compare", (value) => COMPARED.includes(value));
  take("pattern", (value) => ["random", "grid"].includes(value));
  for (const kind of ["titok", "mae"]) take(kind, (name) => /^[\w.-]{1,40}$/.test(name));
  const visible = Number(query.get("visible"));
  if (Number.isInteger(visible) && visible > 0 && visible <= 196) wish.visible = visible;
  if (/^\d+(\.\d+)*$/.test(query.get("without") ?? "")) wish.without = query.get("without").split(".").map(Number);
  return wish;
}

/** looking: {photo: example id or null, model, without, titok, mae, visible, pattern, compare}. others: whether other tabs' stay. */
export function writeReconstruct(href, looking, defaults, { others = true } = {}) {
  const address = new URL(href);
  if (!others) address.search = "";
  for (const name of OURS) address.searchParams.delete(name);
  address.searchParams.set("tab", "reconstruct");
  const usual = { ...DEFAULTS, compare: COMPARED[0], ...defaults };
  for (const name of OURS.slice(1)) {
    const value = name === "without" ? looking.without.join(".") : looking[name];
    if (value && value !== usual[name]) address.searchParams.set(name, value);
  }
  return address.href;
}
