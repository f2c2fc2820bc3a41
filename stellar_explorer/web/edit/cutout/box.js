/** Where something small lies on the photo that it is of. Pure. */

/**
 * Where values are not zero, in the photo's pixels and larger by a margin of theirs; null where all are.
 * @param {{values: ArrayLike<number>, width: number, height: number}} small
 * @param {{width: number, height: number}} photo
 * @param {number} margin
 */
export function boxOf({ values, width, height }, photo, margin) {
  let [left, top, right, bottom] = [width, height, -1, -1];
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      if (!values[at]) continue;
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = y;
    }
  }
  if (right < 0) return null;
  const [across, down] = [photo.width / width, photo.height / height];
  return {
    left: Math.max(0, Math.floor((left - margin) * across)), top: Math.max(0, Math.floor((top - margin) * down)),
    right: Math.min(photo.width, Math.ceil((right + margin + 1) * across)),
    bottom: Math.min(photo.height, Math.ceil((bottom + margin + 1) * down)),
  };
}
