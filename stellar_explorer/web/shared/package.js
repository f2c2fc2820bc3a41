/** TODO: names of before; goes when no module imports it any more. See server.js, arrays.js, requests.js. */

import { fetchArrays, fetchPicture } from "./server.js";

export { decodeArrays, floatsOfHalves } from "./arrays.js";
export { resolveAddress } from "./requests.js";
export { Gone, fetchSettings } from "./server.js";

/** What the server says of a refusal; otherwise, where the fault is its own. 503 says that it has no room. */
export async function sentenceOf(response, otherwise = `The server answered ${response.status}.`) {
  return response.status < 500 || response.status === 503 ? response.text() : otherwise;
}

export const fetchPackage = fetchArrays;
export const fetchPhoto = fetchPicture;
