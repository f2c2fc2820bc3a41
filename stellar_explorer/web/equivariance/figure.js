/** What is drawn and told of an answer: the pictures, the numbers, the curves, and the words above them. */

import { write } from "../shared/elements.js";
import { linesOf, namesOf, peerOf } from "./answers.js";
import { POINT, layout } from "./layout.js";
import { WHICH, sceneOf } from "./maps.js";
import { amountInWords } from "./steps.js";
import { sharesOf, wordsOfMap } from "./words.js";

/** @typedef {import("./answers.js").Answer} Answer @typedef {import("./steps.js").Step} Step */
/** @typedef {import("../drawing/layers.js").Scene} Scene @typedef {import("./motion.js").Motion} Motion */

const SIDE = 224; // the photo's longer one, as the model sees it

export class Figure {
  /** @param {import("./steps.js").Change[]} changes @param {import("./layout.js").Events} on */
  constructor(changes, on) {
    this.parts = layout(changes, on);
    /** @type {WeakMap<Answer, Record<string, Scene>[]>} */
    this.scenes = new WeakMap();
    /** Whose peers are offered. @type {string | null} */
    this.model = null;
  }

  /** The step's hint, and what its slider goes through. @param {Step} step */
  offer({ change: { name, hint, amounts }, amount }) {
    const { change, amount: slider } = this.parts;
    change.set(name);
    const line = change.element.querySelector("p");
    if (line) write(line, hint);
    // The native slider steps evenly from its least: all changes' amounts do.
    const range = slider.element.querySelector("input");
    if (range) [range.min, range.step] = [String(amounts[0]), String(amounts[1] - amounts[0])];
    slider.set(amount, amounts[amounts.length - 1]);
  }

  /** @param {Answer} answer @returns {Record<string, Scene>[]} of the model and of its peer */
  scenesOf(answer) {
    const { photo, model, change, amount } = answer;
    const key = `${photo.token}/${model}/${change}/${amount}`;
    const scenes = this.scenes.get(answer) ?? answer.subjects.map((subject) =>
      Object.fromEntries(WHICH.map((which) => [which, sceneOf(subject, which, key)])));
    this.scenes.set(answer, scenes);
    return scenes;
  }

  /** An answer has come. words: of the model's concepts, null where they are not known yet.
   * @param {Answer} answer @param {string[] | null} words */
  show(answer, words) {
    const { parts } = this;
    const { change, amount, peer, photo } = answer;
    if (this.model !== answer.model) parts.peer.offer(answer.peers);
    this.model = answer.model;
    parts.peer.set(peer);
    parts.photo.describe(`${photo.name}: ${photo.alt}. ${amountInWords(change, amount)}.`);
    namesOf(answer).forEach((name, place) => {
      for (const which of WHICH) parts.rows[place].pictures[which].describe(`Concept map ${which}, ${name}`);
    });
    this.head(answer);
    this.tell(answer, words);
  }

  /** What stands above the maps. @param {Answer} answer */
  head(answer) {
    const { rows, peer: peers } = this.parts;
    const { label, note } = peerOf(answer);
    const [own, peer] = answer.subjects;
    const line = peers.element.querySelector("p");
    const hint = peer.clustered ? "A model without concepts, for comparison." : "Another STELLAR, for comparison.";
    if (line) write(line, hint);
    write(rows[0].title, `${answer.label}, a STELLAR`);
    write(rows[0].note, `${own.num_tokens} concepts. ${POINT} one to see it alone in every map.`);
    write(rows[1].title, label);
    write(rows[1].note, peer.clustered ? `${note} Drawn in the colour of the concept it is matched to.` : note);
  }

  /** The numbers. @param {Answer} answer @param {string[] | null} words */
  tell(answer, words) {
    const { subjects, subjects: [, peer] } = answer;
    const [ownMaps, peerMaps] = this.scenesOf(answer);
    const ownWords = words ?? wordsOfMap(ownMaps.before.grid);
    const told = [
      { words: ownWords, shares: sharesOf(ownMaps.before.grid) },
      { words: peer.clustered ? ownWords : wordsOfMap(peerMaps.before.grid), shares: sharesOf(peerMaps.before.grid) },
    ];
    const plainNames = [answer.label, peerOf(answer).label];
    this.parts.numbers.update({ subjects, names: namesOf(answer), plainNames, told });
  }

  /**
   * shown: the newest answer that has come; isAnswer: whether it is to the step that is looked at, which the pictures
   * that need no answer show already; at: where the photo is on its way to that step.
   * @param {{shown: Answer, isAnswer: boolean, image: HTMLImageElement, step: Step, at: number,
   *   lit: (number | null)[]}} drawn
   */
  draw({ shown, isAnswer, image, step, at, lit }) {
    const [rows, cols] = shown.subjects[0].patch_grid;
    const imageWidth = (SIDE * cols) / Math.max(rows, cols);
    const motion = { change: step.change.name, amount: at, imageWidth };
    const { photo, rows: subjects } = this.parts;
    photo.draw(image, shown.photo.token, motion);
    this.scenesOf(shown).forEach(({ before, predicted, found }, place) => {
      const { pictures } = subjects[place];
      pictures.before.draw(before, lit[place], null);
      if (isAnswer && at === step.amount) pictures.predicted.draw(predicted, lit[place], motion);
      else pictures.predicted.drawMoved(before, motion);
      const { change, amount } = shown;
      pictures.found.draw(found, lit[place], isAnswer ? motion : { change, amount, imageWidth });
    });
  }

  /** @param {[number, Answer][]} known of the step's change @param {Step} step */
  drawCurves(known, { change: { name, amounts }, amount: at }) {
    if (!known.length) return;
    const ends = /** @type {[number, number]} */ ([amounts[0], amounts[amounts.length - 1]]);
    const { stays, moves } = linesOf(known, ends);
    const words = (/** @type {number} */ amount) => amountInWords(name, amount);
    this.parts.curves.stays.update({ ends, at, words, lines: stays });
    this.parts.curves.moves.update({ ends, at, words, lines: moves });
  }
}
