/**
 * What a list of edits means for the photo itself: which of its things lie elsewhere, how large, which are gone. Pure.
 *
 * Places are shares of the photo's sides. A token that was moved or scaled shows what lay at (x, y) at
 * (scale x + right, scale y + down).
 */

/**
 * As a recipe has it; see history.js for the kinds.
 * @typedef {{edit: string, tokens?: number[], others?: number[], photo?: string | null, dx?: number, dy?: number,
 *   by?: number, what?: number, where?: number}} Edit
 * What is shown instead of a token's own piece of the photo. photo null: the photo itself.
 * @typedef {{photo: string | null, tokens: number[]}} Look
 * @typedef {{scale: number, right: number, down: number}} Place
 * A piece of the photo, or of another, at a place. tokens: as edits name them; origins: of the photo.
 * @typedef {{tokens: number[], origins: number[], place: Place, look: Look | null}} Piece
 * pieces: those that are not where the photo has them, the foremost last; lifted: sets of tokens whose place is a hole;
 * origins: for every token the one that it is or is a copy of; gone: tokens that were removed.
 * @typedef {{pieces: Piece[], lifted: number[][], origins: number[], gone: Set<number>}} Layout
 */

/** Nearer than this to where it was, a thing is where it was. */
const NEAR = 1e-4;
/** Edits that the cut-out cannot show: they say how strongly the model sees, or mix whole photos. */
const REDRAW_ONLY = new Set(["strengthen", "swap_where", "morph"]);

/** @param {Edit} edit */
export const isRedrawOnly = (edit) => REDRAW_ONLY.has(edit.edit);

/**
 * @param {Edit[]} edits
 * @param {{mass: number, centroid: number[]}[]} concepts in token order
 * @returns {Layout}
 */
export function layoutOf(edits, concepts) {
  const states = concepts.map((_, token) => stateOf(token, `own`));
  /** @type {number[][]} */
  const sets = [];
  /** @type {Set<number>} */
  const known = new Set();
  edits.forEach((edit, order) => {
    const tokens = (edit.tokens ?? []).filter((token) => token < states.length);
    if (!tokens.length || isRedrawOnly(edit)) return;
    if (edit.edit === "clone") {
      for (const token of tokens) {
        const { origin, scale, right, down, look } = states[token];
        states.push({ ...stateOf(origin, `copy ${order}`), scale, look, right: right + (edit.dx ?? 0),
          down: down + (edit.dy ?? 0), order });
      }
      return;
    }
    const fresh = tokens.filter((token) => token < concepts.length && !known.has(token));
    for (const token of fresh) {
      known.add(token);
      states[token].set = `set ${sets.length}`;
    }
    if (fresh.length) sets.push(fresh);
    const change = changeOf(edit, tokens.map((token) => states[token]), concepts, states);
    for (const token of tokens) Object.assign(states[token], change(states[token]), { order });
  });
  const isAway = (/** @type {number} */ token) => token >= concepts.length || isMoved(states[token]);
  return {
    pieces: piecesOf(states, isAway),
    lifted: sets.map((set) => set.filter(isAway)).filter((set) => set.length),
    origins: states.map(({ origin }) => origin),
    gone: new Set(states.flatMap(({ isGone }, token) => (isGone ? [token] : []))),
  };
}

/**
 * @typedef {Place & {origin: number, set: string, look: Look | null, isGone: boolean, order: number}} State
 * @param {number} origin
 * @param {string} set
 * @returns {State}
 */
const stateOf = (origin, set) => ({ origin, set, scale: 1, right: 0, down: 0, look: null, isGone: false, order: -1 });

/** @param {State} state */
function isMoved({ scale, right, down, look, isGone }) {
  return isGone || look !== null || Math.abs(scale - 1) > NEAR || Math.abs(right) > NEAR || Math.abs(down) > NEAR;
}

/**
 * @param {Edit} edit
 * @param {State[]} chosen
 * @param {{mass: number, centroid: number[]}[]} concepts
 * @param {State[]} states
 * @returns {(state: State) => Partial<State>}
 */
function changeOf(edit, chosen, concepts, states) {
  switch (edit.edit) {
    case "move": return ({ right, down }) => ({ right: right + (edit.dx ?? 0), down: down + (edit.dy ?? 0) });
    case "scale": {
      const by = edit.by ?? 1;
      const [x, y] = middleOf(chosen, concepts);
      return ({ scale, right, down }) => ({ scale: scale * by, right: x + (right - x) * by,
        down: y + (down - y) * by });
    }
    case "swap_what": {
      const { photo = null, others = [] } = edit;
      const tokens = photo ? others : others.flatMap((token) => states[token]?.origin ?? []);
      return () => ({ look: { photo: photo ?? null, tokens } });
    }
    default: return () => ({ isGone: true }); // erase, withdraw
  }
}

/**
 * About which things are scaled: the mean of where they lie by now, by their mass.
 * @param {State[]} states
 * @param {{mass: number, centroid: number[]}[]} concepts
 */
function middleOf(states, concepts) {
  let [sum, x, y] = [1e-9, 0, 0];
  for (const { origin, scale, right, down } of states) {
    const { mass, centroid } = concepts[origin];
    sum += mass;
    x += mass * (scale * centroid[0] + right);
    y += mass * (scale * centroid[1] + down);
  }
  return [x / sum, y / sum];
}

/**
 * What was changed together and lies alike is one piece.
 * @param {State[]} states
 * @param {(token: number) => boolean} isAway
 */
function piecesOf(states, isAway) {
  /** @type {Map<string, Piece & {order: number}>} */
  const pieces = new Map();
  states.forEach(({ origin, set, scale, right, down, look, isGone, order }, token) => {
    if (isGone || !isAway(token)) return;
    const key = [set, scale.toFixed(5), right.toFixed(5), down.toFixed(5), JSON.stringify(look)].join("/");
    const piece = pieces.get(key);
    if (!piece) pieces.set(key, { tokens: [token], origins: [origin], place: { scale, right, down }, look, order });
    else {
      piece.tokens.push(token);
      piece.origins.push(origin);
      piece.order = Math.max(piece.order, order);
    }
  });
  return [...pieces.values()].sort((a, b) => a.order - b.order).map(({ order: _, ...piece }) => piece);
}
