/** The changes of a photo, as the server offers them, in steps: which is looked at, and which is asked for. Pure. */

/** @typedef {import("./address.js").View} View */
/**
 * amounts: every step, evenly apart, rising; curve: those that a curve is drawn through.
 * @typedef {{name: string, label: string, hint: string, amounts: number[], curve: number[]}} Change
 * @typedef {{change: Change, amount: number}} Step
 */

const OPENING = { change: "shift", amount: 32 };

/** @param {Change} change */
export function usualAmount({ name, amounts }) {
  const last = amounts[amounts.length - 1];
  return name === OPENING.change && amounts.includes(OPENING.amount) ? OPENING.amount : last;
}

/** The step of a view; what the server does not offer is as at the opening. @param {View} view
 * @param {Change[]} changes @returns {Step} */
export function stepOf(view, changes) {
  const named = (/** @type {string | undefined} */ wanted) => changes.find(({ name }) => name === wanted);
  const change = named(view.change) ?? named(OPENING.change) ?? changes[0];
  const isMeant = (view.change ?? OPENING.change) === change.name;
  const amount = isMeant ? change.amounts.find((one) => one === view.amount) : undefined;
  return { change, amount: amount ?? usualAmount(change) };
}

/** How a step stands in a view: undefined where it is as at the opening. @param {Step} step @returns {View} */
export function viewOf({ change, amount }) {
  return {
    change: change.name === OPENING.change ? undefined : change.name,
    amount: amount === usualAmount(change) ? undefined : amount,
  };
}

/**
 * The step that is looked at, then those of the curve, the nearest first; undefined where none is lacking.
 * @param {Step} step @param {(amount: number) => boolean} isLacking
 */
export function nextAmount({ change, amount }, isLacking) {
  const rest = [...change.curve].sort((a, b) => Math.abs(a - amount) - Math.abs(b - amount));
  return [amount, ...rest].find(isLacking);
}

/** An amount beside its slider and under a curve. @param {string} change @param {number} amount */
export function amountInWords(change, amount) {
  switch (change) {
    case "shift": return amount === 0 ? "not moved" : `${Math.abs(amount)} px ${amount < 0 ? "left" : "right"}`;
    case "flip": return amount ? "flipped" : "not flipped";
    case "turn": return `${String(amount).replace("-", "−")}°`;
    default: return amount === 0 ? "whole" : `the middle ${100 - amount} %`;
  }
}

/** What was done. @param {string} change @param {number} amount other than 0 */
export function doneInWords(change, amount) {
  switch (change) {
    case "shift": return `Shifted ${Math.abs(amount)} px to the ${amount < 0 ? "left" : "right"}`;
    case "flip": return "Flipped";
    case "turn": return `Turned by ${Math.abs(amount)}° ${amount < 0 ? "counterclockwise" : "clockwise"}`;
    default: return `Cropped to the middle ${100 - amount} %`;
  }
}
