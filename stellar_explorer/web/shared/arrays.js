/** Arrays as the server packs them: typed views of one buffer, without a copy. */

const VIEWS = {
  uint8: Uint8Array, int8: Int8Array, uint16: Uint16Array, int32: Int32Array, float16: Uint16Array,
  float32: Float32Array,
};

/**
 * float16 stays as its raw 16 bits.
 * @param {ArrayBuffer} buffer
 * @param {Record<string, {dtype: string, shape: number[], offset: number}>} layout
 * @returns {Record<string, any>} typed arrays by name
 */
export function decodeArrays(buffer, layout) {
  /** @type {Record<string, any>} */
  const decoded = {};
  for (const [name, { dtype, shape, offset }] of Object.entries(layout)) {
    const View = VIEWS[/** @type {keyof typeof VIEWS} */ (dtype)];
    if (!View) throw new Error(`The package holds ${name} as ${dtype}, which this page cannot read.`);
    decoded[name] = new View(buffer, offset, shape.reduce((product, side) => product * side, 1));
  }
  return decoded;
}

/** Raw float16 bits as numbers. @param {Uint16Array} halves */
export function floatsOfHalves(halves) {
  return Float32Array.from(halves, (bits) => {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 0x1f;
    const fraction = bits & 0x3ff;
    if (exponent === 0) return sign * fraction * 2 ** -24;
    if (exponent === 31) return fraction ? NaN : sign * Infinity;
    return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  });
}
