/** Which entry of the Models tab stands in an address. Pure. */

const KEY = /^([0-9a-f]{16}|tables)$/;

/** What stands for the paper's tables in the place of an entry's key. */
export const TABLES = "tables";

export const ADDRESS = {
  names: ["entry"],
  /** @param {import("../shared/session.js").SessionState} state */
  write: ({ views }) => ({ entry: views.models?.entry }),
  /** @param {URLSearchParams} query */
  read(query) {
    const entry = query.get("entry") ?? "";
    return KEY.test(entry) ? { entry } : {};
  },
};
