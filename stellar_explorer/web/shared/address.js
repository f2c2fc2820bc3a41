/** What is being looked at, in the address: read on arrival, kept up to date, and copied as a link. */

export const VIEWS = ["side", "photo", "features", "low_rank", "concepts", "residual", "entropy", "compare"];
export const THRESHOLDS = { least: 0.25, most: 8 };
const OURS = ["photo", "concept", "resolution", "model", "view", "threshold", "kept", "basis", "style", "show"];

/**
 * The parts of a query that make sense here; unknown values are left out.
 * -> {photo?, concept?, resolution?, model?, view?, threshold?, kept?, basis?, style?, show?}
 */
export function readAddress(search, settings) {
  const query = new URLSearchParams(search);
  const wish = {};
  const take = (name, value, valid) => {
    if (query.has(name) && valid) wish[name] = value;
  };
  const number = (name) => (/^\d+(\.\d+)?$/.test(query.get(name) ?? "") ? Number(query.get(name)) : NaN);
  const among = (name, values) => take(name, query.get(name), values.includes(query.get(name)));
  among("photo", settings.examples.map((example) => example.id));
  among("model", settings.models.filter((model) => model.available).map((model) => model.name));
  among("view", VIEWS);
  among("style", ["smooth", "blocky"]);
  among("show", ["mask", "heat"]);
  take("basis", query.get("basis"), /^\w+$/.test(query.get("basis") ?? ""));
  take("resolution", number("resolution"), settings.resolutions.includes(number("resolution")));
  take("concept", number("concept"), Number.isInteger(number("concept")));
  take("kept", number("kept"), Number.isInteger(number("kept")) && number("kept") > 0);
  const threshold = number("threshold");
  take("threshold", threshold, threshold >= THRESHOLDS.least && threshold <= THRESHOLDS.most);
  return wish;
}

/** The address with what differs from `defaults`; parameters that are not ours stay as they are. */
export function writeAddress(href, looking, defaults) {
  const address = new URL(href);
  for (const name of OURS) {
    const value = looking[name];
    if (value === undefined || value === null || value === defaults[name]) address.searchParams.delete(name);
    else address.searchParams.set(name, value);
  }
  return address.href;
}
