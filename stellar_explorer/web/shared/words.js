/** Words for the concepts of an analysis, with what the server guesses of their names. */

import { conceptWords } from "./names.js";
import { fetchNames } from "./server.js";

/**
 * Names are guesses: where they cannot be had, roles stay.
 * @param {{token: string, concepts: any[]}} analysis
 * @returns {Promise<string[]>} of each token
 */
export async function fetchWords({ token, concepts }) {
  return conceptWords(concepts, await fetchNames(token).catch(() => undefined));
}
