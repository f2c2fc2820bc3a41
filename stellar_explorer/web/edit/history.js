/**
 * The list of edits and its past: plain values as a recipe has them, no DOM.
 * An edit: {edit: "move", tokens, dx, dy} | {edit: "erase" or "withdraw", tokens} | {edit: "clone", tokens, dx, dy}
 * | {edit: "scale", tokens, by} | {edit: "strengthen", tokens, by} | {edit: "swap_what", tokens, others, photo}
 * | {edit: "swap_where", photo} | {edit: "morph", photo, what, where}
 */

const MOST_STATES = 300;
const round = (value) => Number(value.toFixed(6));
const isSame = (one, other) => one.length === other.length && one.every((token) => other.includes(token));

/** Undo and redo. What one gesture does, as a drag or a slider's way, is one step. */
export class History {
  constructor() {
    this.clear();
  }

  clear() {
    this.states = [[]];
    this.at = 0;
    this.gesture = null;
  }

  get edits() {
    return this.states[this.at];
  }

  get canUndo() {
    return this.at > 0;
  }

  get canRedo() {
    return this.at < this.states.length - 1;
  }

  /** gesture: what changes of one gesture have in common; null for a change by itself. */
  commit(edits, gesture = null) {
    const goesOn = gesture !== null && gesture === this.gesture && this.at > 0;
    this.states.splice(goesOn ? this.at : this.at + 1, Infinity, edits);
    if (this.states.length > MOST_STATES) this.states.shift();
    this.at = this.states.length - 1;
    this.gesture = gesture;
  }

  undo() {
    this.at = Math.max(0, this.at - 1);
    this.gesture = null;
  }

  redo() {
    this.at = Math.min(this.states.length - 1, this.at + 1);
    this.gesture = null;
  }

  /** The server has refused what was done last: it never was. */
  reject() {
    if (this.at === 0) return;
    this.states.splice(this.at, Infinity);
    this.at -= 1;
    this.gesture = null;
  }
}

const lastOf = (edits, kind, tokens) => {
  const last = edits.at(-1);
  return last?.edit === kind && isSame(last.tokens, tokens) ? last : null;
};

/** Moves of the same concepts, one after the other, are one move. */
export function withMove(edits, tokens, dx, dy) {
  const last = lastOf(edits, "move", tokens);
  const before = last ? edits.slice(0, -1) : edits;
  const clip = (value) => Math.min(1, Math.max(-1, round(value)));
  const move = { edit: "move", tokens, dx: clip((last?.dx ?? 0) + dx), dy: clip((last?.dy ?? 0) + dy) };
  return move.dx || move.dy ? [...before, move] : before;
}

/** How large or strong the concepts are made by the edits of just them: what a slider shows. */
export function totalOf(edits, kind, tokens) {
  const own = edits.filter((edit) => edit.edit === kind && isSame(edit.tokens, tokens));
  return kind === "scale" ? own.reduce((total, { by }) => total * by, 1) : own.reduce((total, { by }) => total + by, 0);
}

/** The edits after which that total is `total`. */
export function withTotal(edits, kind, tokens, total) {
  const last = lastOf(edits, kind, tokens);
  const before = last ? edits.slice(0, -1) : edits;
  const had = totalOf(before, kind, tokens);
  const by = round(kind === "scale" ? total / had : total - had);
  const isNothing = kind === "scale" ? by === 1 : by === 0;
  return isNothing ? before : [...before, { edit: kind, tokens, by }];
}

/** The two sliders of a morph towards one photo, one after the other, are one morph. */
export function withMorph(edits, photo, what, where) {
  const last = edits.at(-1);
  const before = last?.edit === "morph" && last.photo === photo ? edits.slice(0, -1) : edits;
  return what || where ? [...before, { edit: "morph", photo, what: round(what), where: round(where) }] : before;
}

/** For every token there is after the edits, the one that it is, or is a copy of. */
export function originsOf(edits, numTokens) {
  const origins = Array.from({ length: numTokens }, (_, token) => token);
  for (const edit of edits) if (edit.edit === "clone") origins.push(...edit.tokens.map((token) => origins[token]));
  return origins;
}

/**
 * Without one edit. The copies that it made are gone from the later ones, copies of copies too; the others' numbers move
 * up, and an edit of which nothing is left goes.
 */
export function without(edits, place, numTokens) {
  const numbers = Array.from({ length: numTokens }, (_, token) => token); // of each token there was: now, or null
  let next = numTokens;
  const kept = [];
  edits.forEach((edit, at) => {
    const renumbered = (tokens) => tokens.map((token) => numbers[token] ?? null).filter((token) => token !== null);
    const left = edit.tokens && renumbered(edit.tokens);
    if (edit.edit === "clone") {
      for (const token of edit.tokens) numbers.push(at === place || numbers[token] === null ? null : next++);
    }
    if (at === place || left?.length === 0) return;
    const others = edit.others && !edit.photo ? renumbered(edit.others) : edit.others;
    if (others?.length === 0) return;
    kept.push({ ...edit, ...(left ? { tokens: left } : {}), ...(others ? { others } : {}) });
  });
  return kept;
}

// ---- words ----

const percent = (share) => `${Math.round(Math.abs(share) * 100)} %`;

function directions(dx, dy) {
  const parts = [];
  if (dx) parts.push(`${percent(dx)} ${dx > 0 ? "right" : "left"}`);
  if (dy) parts.push(`${percent(dy)} ${dy > 0 ? "down" : "up"}`);
  return parts.join(", ") || "in its place";
}

/** origins: of all tokens; -> "Concept 3", "A copy of concept 3", "Concepts 1, 3 and a copy of 3" */
export function namesOf(tokens, origins, numTokens) {
  if (tokens.length === 1 && tokens[0] >= numTokens) return `A copy of concept ${origins[tokens[0]]}`;
  const names = tokens.map((token) => (token < numTokens ? `${token}` : `a copy of ${origins[token]}`));
  const list = names.length > 1 ? `${names.slice(0, -1).join(", ")} and ${names.at(-1)}` : names[0];
  return `${tokens.length > 1 ? "Concepts" : "Concept"} ${list}`;
}

/** One edit in words. titleOf(photo): what a person calls it. */
export function wordsOf(edit, { origins, numTokens, titleOf }) {
  const who = edit.tokens && namesOf(edit.tokens, origins, numTokens);
  switch (edit.edit) {
    case "move": return `${who} moved ${directions(edit.dx, edit.dy)}`;
    case "erase": return `${who} erased`;
    case "withdraw": return `${who} withdrawn everywhere`;
    case "clone": return `${who} copied, ${directions(edit.dx, edit.dy)}`;
    case "scale": return `${who} made ${edit.by > 1 ? "larger" : "smaller"}, ${edit.by.toFixed(2)} times`;
    case "strengthen": return `${who} ${edit.by > 0 ? "strengthened" : "silenced"} by ${Math.abs(edit.by).toFixed(1)}`;
    case "swap_what": return `${who}: what ${namesOf(edit.others, edit.others, Infinity).toLowerCase()} of ${edit.photo ? titleOf(edit.photo) : "this photo"} say${edit.others.length > 1 ? "" : "s"}`;
    case "swap_where": return `All concepts at the places of ${titleOf(edit.photo)}`;
    default: return `Towards ${titleOf(edit.photo)}: ${percent(edit.what)} of what, ${percent(edit.where)} of where`;
  }
}
