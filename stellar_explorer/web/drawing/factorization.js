/**
 * The maths of a factorization, as the browser does it: typed arrays in, typed arrays out, no DOM.
 *
 * A `Grid` is what one resolution of a photo holds:
 *   rows, cols, numPatches, numTokens
 *   codes      Uint8Array (K, N)    localization, each token scaled by its peak: L = codes * peak / 255
 *   peak       Float32Array (K,)
 *   features   {basis: Uint8Array (N, 3)}     the feature map's colours
 *   semantics  {basis: Float32Array (K, 3)}   affine colour coordinates of S
 *   strongest  Uint8Array (N,)      the token with the largest share of each patch
 */

/** suffix: "" for the analysis itself, ".coarse" for the 224 px one that travels with it. */
export function openGrid(analysis, arrays, suffix = "") {
  const [rows, cols] = suffix ? analysis.coarse.patch_grid : analysis.patch_grid;
  const numTokens = analysis.num_tokens;
  const codes = arrays[`localization${suffix}`];
  const peak = arrays[`peak${suffix}`];
  const features = {};
  const semantics = {};
  for (const { name } of analysis.bases) {
    features[name] = arrays[`features.${name}${suffix}`];
    semantics[name] = arrays[`semantics.${name}${suffix}`];
  }
  const everyToken = Array.from({ length: numTokens }, (_, token) => token);
  const strongest = strongestTokens(codes, peak, everyToken, rows * cols);
  return { rows, cols, numPatches: rows * cols, numTokens, codes, peak, features, semantics, strongest };
}

/** Tokens by falling mass; equal masses keep the token order. */
export function tokensByMass(concepts) {
  return concepts.map((_, token) => token).sort((a, b) => concepts[b].mass - concepts[a].mass || a - b);
}

/** (K, N) -> (N,): one token's map, in codes. A view, not a copy. */
export function tokenCodes(grid, token) {
  return grid.codes.subarray(token * grid.numPatches, (token + 1) * grid.numPatches);
}

/** Whether a token's share of the patches along the edges is under half of its share of all: it is in the photo, not round it. */
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

/** The code above which a patch holds the token: code * peak / 255 > threshold / K. */
export function codeLimit(grid, token, threshold) {
  const peak = grid.peak[token];
  return peak > 0 ? (threshold / grid.numTokens) * (255 / peak) : Infinity;
}

/** (N,) of 0 and 1: the patches that hold the token. */
export function tokenMask(grid, token, threshold = 1) {
  const limit = codeLimit(grid, token, threshold);
  return Uint8Array.from(tokenCodes(grid, token), (code) => (code > limit ? 1 : 0));
}

/** (N,): the token, among those kept, with the largest share of each patch; the lowest number wins a tie. */
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

/** (K, N): only the given tokens, each patch's shares summing to 1 again; a patch with nothing left is uniform. */
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

/** (N, 3) in 0..255: L S in the colours of a basis. Rows of L sum to 1, so the affine colours of S may be mixed. */
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

/** codes int8 (N, d), scale (d,) -> (N,): cosine similarity of every patch to one. */
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

/** A point in 0..1 -> the patch under it. */
export function patchAt(grid, u, v) {
  const col = Math.min(grid.cols - 1, Math.max(0, Math.floor(u * grid.cols)));
  const row = Math.min(grid.rows - 1, Math.max(0, Math.floor(v * grid.rows)));
  return { row, col, patch: row * grid.cols + col };
}
