/** Means over squares of a picture, in a time that does not grow with the squares. */

/**
 * The mean within a square of (2 radius + 1), cut at the borders.
 * @param {Float32Array} plane
 * @param {number} width
 * @param {number} height
 * @param {number} radius
 */
export function boxMean(plane, width, height, radius) {
  const across = new Float32Array(plane.length);
  const mean = new Float32Array(plane.length);
  /**
   * @param {Float32Array} from
   * @param {Float32Array} to
   * @param {number} lines
   * @param {number} length
   * @param {number} step
   * @param {number} lineStep
   */
  const pass = (from, to, lines, length, step, lineStep) => {
    for (let line = 0; line < lines; line++) {
      const start = line * lineStep;
      let sum = 0;
      let count = 0;
      for (let i = 0; i < Math.min(radius, length); i++, count++) sum += from[start + i * step];
      for (let i = 0; i < length; i++) {
        if (i + radius < length) {
          sum += from[start + (i + radius) * step];
          count += 1;
        }
        if (i - radius > 0) {
          sum -= from[start + (i - radius - 1) * step];
          count -= 1;
        }
        to[start + i * step] = sum / count;
      }
    }
  };
  pass(plane, across, height, width, 1, width);
  pass(across, mean, width, height, width, 1);
  return mean;
}
