/** What the Reconstruct tab asks of the server: a photo once, and then pictures and numbers by address. */

import { fetchPackage, fetchPhoto } from "../shared/package.js";
import { fetchJson } from "../retrieve/photo.js";

export const DEFAULTS = Object.freeze({ kept: null, titok: "titok", mae: "mae", visible: 32, pattern: "random" });
/** What of the settings a picture depends on; the rest, on which concepts are kept. */
const MATTERS = { titok: ["titok"], mae: ["mae", "visible", "pattern"], vqgan: [] };

/** asked: {example} | {photo: token} | {file: File} -> {photo, analysis, reconstruct, image, arrays} */
export async function askStudy(asked, model) {
  const isFile = Boolean(asked.file);
  const manifest = await fetchJson(`stellar/reconstruct?model=${encodeURIComponent(model)}`, {
    method: "POST", body: isFile ? asked.file : JSON.stringify(asked),
    headers: { "Content-Type": isFile ? "application/octet-stream" : "application/json" },
  });
  if (isFile) manifest.photo.name = asked.file.name || manifest.photo.name;
  const [image, { arrays }] = await Promise.all([fetchPhoto(manifest.photo), fetchPackage(manifest.analysis)]);
  return { ...manifest, image, arrays };
}

/** "?kept=0.3&visible=64": what differs from the server's own. names: of the settings to say. */
export function queryOf(settings, names = Object.keys(DEFAULTS)) {
  const query = new URLSearchParams();
  for (const name of names) {
    const value = settings[name];
    if (value !== DEFAULTS[name]) query.set(name, name === "kept" ? value.join(".") : value);
  }
  return query.size ? `?${query}` : "";
}

/** Where a picture is (kind "pictures" or "differences", "png") and what is told of it ("pictures", "json"). */
export function addressOf(study, name, settings, kind = "pictures", suffix = "png") {
  return `stellar/reconstruct/${study}/${kind}/${name}.${suffix}${queryOf(settings, MATTERS[name] ?? ["kept"])}`;
}

export const photoAddress = (study) => `stellar/reconstruct/${study}/photo.png`;
export const savedAddress = (study, file, settings) => `stellar/reconstruct/${study}/${file}${queryOf(settings)}`;
export const askNumbers = (study, name, settings) => fetchJson(addressOf(study, name, settings, "pictures", "json"));

export async function askBudgets(study, order) {
  return (await fetchJson(`stellar/reconstruct/${study}/budgets.json?order=${order}`)).budgets;
}
