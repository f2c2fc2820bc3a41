/** What the server answers, in words and as lines of curves. Pure. */

import { doneInWords } from "./steps.js";

/**
 * A model, or its peer, before and after a change; see subject_facts in stellar_explorer/equivariance/measuring.py.
 * clustered, restarted: of a peer alone.
 * @typedef {{name: string, patch_grid: [number, number], num_tokens: number, palette: string[], cosine: number[],
 *   nearest: number[], weight: number[], cosine_by_mass: number, shares: (number | null)[], norms: number[],
 *   localization_cosine: number | null, resting_cosine: number | null, predicted: Record<string, number | null>,
 *   visible: number, maps: {before: string, predicted: string, found: string, peak: number[]}, clustered?: boolean,
 *   restarted?: number | null}} Subject
 *
 * @typedef {{value: string, label: string, note: string}} Peer
 * @typedef {{photo: import("../shared/server.js").PhotoFacts, model: string, label: string, change: string,
 *   amount: number, peer: string, peers: Peer[], subjects: [Subject, Subject]}} Answer
 *
 * A curve. points: [amount, similarity] with rising amounts.
 * @typedef {{kind: "model" | "peer" | "model-still" | "peer-still", label: string, points: [number, number][]}} Line
 */

/** Two decimals; a third where two would round to a whole 1 that it is not. @param {number | null} value */
export const similarityInWords = (value) => (value === null ? "none"
  : value.toFixed(value >= 0.995 && value < 0.9995 ? 3 : 2).replace("-", "−"));

/** @param {number | null} value */
export const percentInWords = (value) =>
  (value === null ? "none" : `${Math.round(value * 100).toString().replace("-", "−")} %`);

/** Below 0 moving is a worse guess than standing still; by how much says nothing. @param {number | null} value */
export const shareInWords = (value) => (value === null ? "–" : value < 0 ? "none" : percentInWords(value));

/** @param {Answer} answer @returns {Peer} */
export function peerOf({ peers, peer }) {
  return peers.find(({ value }) => value === peer) ?? { value: peer, label: peer, note: "" };
}

/** Of the model and its peer, as the numbers call them. @param {Answer} answer @returns {[string, string]} */
export function namesOf(answer) {
  const { label } = peerOf(answer);
  return [answer.label, answer.subjects[1].clustered ? `${label}, K-means` : label];
}

/** The finding in two sentences. @param {Answer} answer */
export function findingInWords(answer) {
  const { change, amount, label, subjects: [own, peer] } = answer;
  if (own.shares[0] === null) return "Nothing is moved yet: every concept is where it was and looks as it did.";
  const [position, other] = [own, peer].map(({ shares }) => percentInWords(shares[0]));
  const [appearance, against] = [own, peer].map(({ cosine_by_mass: value }) => similarityInWords(value));
  return `${doneInWords(change, amount)}. ${label}: ${position} of the change is in the concepts' positions, and the `
    + `similarity of their appearance before and after is ${appearance}. ${peerOf(answer).label}`
    + `${peer.clustered ? " in clusters" : ""}: ${other}, and ${against}.`;
}

/**
 * The curves of a change. known: [amount, answer], amounts rising; not empty.
 * @param {[number, Answer][]} known @param {[number, number]} ends of the axis
 * @returns {{stays: Line[], moves: Line[]}}
 */
export function linesOf(known, ends) {
  const [own, peer] = namesOf(known[0][1]);
  const { restarted = null } = known[0][1].subjects[1];
  /** @type {(kind: Line["kind"], label: string, place: 0 | 1, of: (subject: Subject) => number | null) => Line} */
  const line = (kind, label, place, of) => ({
    kind, label, points: known.flatMap(([amount, { subjects }]) => {
      const value = of(subjects[place]);
      return value === null ? [] : [/** @type {[number, number]} */ ([amount, value])];
    }),
  });
  /** @type {Line} */
  const whim = { kind: "peer-still", label: "K-means started elsewhere, photo unmoved", points: [] };
  if (known.length > 1 && restarted !== null) whim.points = ends.map((amount) => [amount, restarted]);
  return {
    stays: [whim, line("peer", peer, 1, (subject) => subject.cosine_by_mass),
      line("model", own, 0, (subject) => subject.cosine_by_mass)],
    moves: [line("peer-still", `${peer}, L unmoved`, 1, (subject) => subject.resting_cosine),
      line("model-still", `${own}, L unmoved`, 0, (subject) => subject.resting_cosine),
      line("peer", peer, 1, (subject) => subject.localization_cosine),
      line("model", own, 0, (subject) => subject.localization_cosine)],
  };
}
