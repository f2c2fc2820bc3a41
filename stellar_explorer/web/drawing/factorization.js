/**
 * The maths of a factorization, as the browser does it: typed arrays in, typed arrays out, no DOM.
 *
 * What one resolution of a photo holds:
 *   codes      (K, N)    localization, each token scaled by its peak: L = codes * peak / 255
 *   peak       (K,)
 *   features   by basis, (N, 3)   the feature map's colours
 *   semantics  by basis, (K, 3)   affine colour coordinates of S
 *   strongest  (N,)      the token with the largest share of each patch
 *
 * MaskGrid: what masks need of it.
 * @typedef {{rows: number, cols: number, numPatches: number, numTokens: number, codes: Uint8Array,
 *   peak: Float32Array}} MaskGrid
 * @typedef {MaskGrid & {features: Record<string, Uint8Array>, semantics: Record<string, Float32Array>,
 *   strongest: Uint8Array}} Grid
 * @typedef {{row: number, col: number, patch: number}} Place
 */

/**
 * suffix: "" for the analysis itself, ".coarse" for the 224 px one that travels with it.
 * @param {any} analysis @param {Record<string, any>} arrays @param {string} [suffix] @returns {Grid}
 */
export function openGrid(analysis, arrays, suffix = "") {
  const [rows, cols] = suffix ? analysis.coarse.patch_grid : analysis.patch_grid;
  const numTokens = analysis.num_tokens;
  const codes = arrays[`localization${suffix}`];
  const peak = arrays[`peak${suffix}`];
  /** @type {Record<string, Uint8Array>} */
  const features = {};
  /** @type {Record<string, Float32Array>} */
  const semantics = {};
  for (const { name } of analysis.bases) {
    features[name] = arrays[`features.${name}${suffix}`];
    semantics[name] = arrays[`semantics.${name}${suffix}`];
  }
  const everyToken = Array.from({ length: numTokens }, (_, token) => token);
  const strongest = strongestTokens(codes, peak, everyToken, rows * cols);
  return { rows, cols, numPatches: rows * cols, numTokens, codes, peak, features, semantics, strongest };
}

/** Tokens by falling mass; equal masses keep the token order. @param {{mass: number}[]} concepts */
export function tokensByMass(concepts) {
  return concepts.map((_, token) => token).sort((a, b) => concepts[b].mass - concepts[a].mass || a - b);
}

/** (K, N) -> (N,): one token's map, in codes. A view, not a copy. @param {MaskGrid} grid @param {number} token */
export function tokenCodes(grid, token) {
  return grid.codes.subarray(token * grid.numPatches, (token + 1) * grid.numPatches);
}

/**
 * Whether a token's share of the patches along the edges is under half of its share of all: it is in the photo, not
 * round it.
 * @param {Pick<Grid, "rows" | "cols" | "numPatches" | "codes">} grid @param {number} token
 */
export function isInside({ rows, cols, numPatches, codes }, token) {
  let all = 0, edge = 0;
  for (let row = 0; row < rows; row++) {
    for (let col = 0; col < cols; col++) {
      const code = codes[token * numPatches + row * cols + col];
      all += code;
      if (row === 0 || col === 0 || row === rows - 1 || col === cols - 1) edge += code;
    }
  }
  const numEdge = numPatches - Math.max(rows - 2, 0) * Math.max(cols - 2, 0);
  return 2 * edge * numPatches < all * numEdge;
}

/**
 * The code above which a patch holds the token: code * peak / 255 > threshold / K.
 * @param {Pick<Grid, "peak" | "numTokens">} grid @param {number} token @param {number} threshold
 */
export function codeLimit(grid, token, threshold) {
  const peak = grid.peak[token];
  return peak > 0 ? (threshold / grid.numTokens) * (255 / peak) : Infinity;
}

/** (N,) of 0 and 1: the patches that hold the token. @param {MaskGrid} grid @param {number} token */
export function tokenMask(grid, token, threshold = 1) {
  const limit = codeLimit(grid, token, threshold);
  return Uint8Array.from(tokenCodes(grid, token), (code) => (code > limit ? 1 : 0));
}

/** The share of the photo's patches that hold the token. @param {MaskGrid} grid @param {number} token */
export function maskShare(grid, token, threshold = 1) {
  const limit = codeLimit(grid, token, threshold);
  let count = 0;
  for (const code of tokenCodes(grid, token)) if (code > limit) count += 1;
  return count / grid.numPatches;
}

/**
 * The box round the patches that hold the token, as [left, top, right, bottom] in 0..1; the whole where none does.
 * @param {MaskGrid} grid @param {number} token @returns {[number, number, number, number]}
 */
export function maskBox(grid, token, threshold = 1) {
  const { rows, cols } = grid;
  const mask = tokenMask(grid, token, threshold);
  let [left, top, right, bottom] = [cols, rows, 0, 0];
  mask.forEach((held, patch) => {
    if (!held) return;
    const row = Math.floor(patch / cols);
    const col = patch % cols;
    [left, top] = [Math.min(left, col), Math.min(top, row)];
    [right, bottom] = [Math.max(right, col + 1), Math.max(bottom, row + 1)];
  });
  return right ? [left / cols, top / rows, right / cols, bottom / rows] : [0, 0, 1, 1];
}

/**
 * (N,): the token, among those kept, with the largest share of each patch; the lowest number wins a tie.
 * @param {Uint8Array} codes @param {Float32Array} peak @param {number[]} tokens @param {number} numPatches
 */
export function strongestTokens(codes, peak, tokens, numPatches) {
  const ascending = [...tokens].sort((a, b) => a - b);
  const best = new Float32Array(numPatches);
  const strongest = new Uint8Array(numPatches).fill(ascending[0]);
  for (const token of ascending) {
    const start = token * numPatches;
    for (let patch = 0; patch < numPatches; patch++) {
      const share = codes[start + patch] * peak[token];
      if (share > best[patch]) {
        best[patch] = share;
        strongest[patch] = token;
      }
    }
  }
  return strongest;
}

/**
 * (K, N): only the given tokens, each patch's shares summing to 1 again; a patch with nothing left is uniform.
 * @param {Grid} grid @param {number[]} tokens
 */
export function keepConcepts(grid, tokens) {
  const { numPatches, codes, peak } = grid;
  const localization = new Float32Array(grid.numTokens * numPatches);
  const total = new Float32Array(numPatches);
  for (const token of tokens) {
    for (let patch = 0, at = token * numPatches; patch < numPatches; patch++, at++) {
      localization[at] = (codes[at] * peak[token]) / 255;
      total[patch] += localization[at];
    }
  }
  for (const token of tokens) {
    for (let patch = 0, at = token * numPatches; patch < numPatches; patch++, at++) {
      localization[at] = total[patch] > 0 ? localization[at] / total[patch] : 1 / tokens.length;
    }
  }
  return localization;
}

/**
 * (N, 3) in 0..255: L S in the colours of a basis. Rows of L sum to 1, so the affine colours of S may be mixed.
 * @param {Grid} grid @param {string} basis @param {number[]} tokens
 */
export function lowRankColours(grid, basis, tokens) {
  const { numPatches } = grid;
  const localization = keepConcepts(grid, tokens);
  const semantics = grid.semantics[basis];
  const sums = new Float32Array(numPatches * 3);
  for (const token of tokens) {
    const [red, green, blue] = semantics.subarray(token * 3, token * 3 + 3);
    for (let patch = 0; patch < numPatches; patch++) {
      const share = localization[token * numPatches + patch];
      sums[patch * 3] += share * red;
      sums[patch * 3 + 1] += share * green;
      sums[patch * 3 + 2] += share * blue;
    }
  }
  return Uint8ClampedArray.from(sums, (value) => value * 255);
}

/**
 * codes (N, d), scale (d,) -> (N,): cosine similarity of every patch to one.
 * @param {Int8Array} codes @param {Float32Array} scale @param {number} patch
 */
export function similarityTo(codes, scale, patch) {
  const width = scale.length;
  const numPatches = codes.length / width;
  const query = new Float32Array(width);
  for (let i = 0; i < width; i++) query[i] = codes[patch * width + i] * scale[i] * scale[i];
  const similarity = new Float32Array(numPatches);
  for (let other = 0, at = 0; other < numPatches; other++) {
    let sum = 0;
    for (let i = 0; i < width; i++, at++) sum += query[i] * codes[at];
    similarity[other] = sum;
  }
  return similarity;
}

/**
 * A point in 0..1 -> the patch under it.
 * @param {Pick<Grid, "rows" | "cols">} grid @param {number} u @param {number} v @returns {Place}
 */
export function patchAt(grid, u, v) {
  const col = Math.min(grid.cols - 1, Math.max(0, Math.floor(u * grid.cols)));
  const row = Math.min(grid.rows - 1, Math.max(0, Math.floor(v * grid.rows)));
  return { row, col, patch: row * grid.cols + col };
}
