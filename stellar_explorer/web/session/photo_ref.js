/**
 * What is looked at: an example by its id, or an upload by its token with its visitor's name for it.
 * @typedef {{example: string} | {photo: string, name: string}} PhotoRef
 */

/** The same photo? @param {PhotoRef} one @param {PhotoRef} other */
export function isSamePhoto(one, other) {
  if ("example" in one) return "example" in other && one.example === other.example;
  return "photo" in other && one.photo === other.photo;
}

/** As a request names it. @param {PhotoRef} photo @returns {{example: string} | {photo: string}} */
export function askedOf(photo) {
  return "example" in photo ? { example: photo.example } : { photo: photo.photo };
}
