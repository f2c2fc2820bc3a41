/**
 * What moves, what stays: the photo of the Edit tab is shifted, flipped, turned or cropped, and its concepts are watched.
 * The photo and the map foretold follow the slider in the browser; the server is asked for one step at a time, the one
 * that the slider stands at before those that the curves still lack.
 */

import { choice, slider } from "../shared/controls.js";
import { followPhoto } from "../edit/photo.js";
import { icon, make, write } from "../shared/elements.js";
import { AmountCurve } from "./curve.js";
import { ConceptPicture, MovingPhoto, sceneOf } from "./maps.js";
import { Numbers, cosineInWords, percentInWords } from "./numbers.js";
import { ask } from "../shared/requests.js";
import { fetchPhoto, fetchSettings, sentenceOf } from "../shared/package.js";

const ROOT = "[data-equivariance]";
const INTRODUCTION = "When a photo moves, the same things are in other places: where a model's concepts are should move along, and what they "
  + "say should stay. Move the photo and watch both, beside a model that has no concepts.";
const OPENING = { change: "shift", amount: 32 };
const FLIP_MS = 420;
const MOST_KEPT = 240;
const WORDS = {
  shift: (pixels) => (pixels === 0 ? "not moved" : `${Math.abs(pixels)} px ${pixels < 0 ? "left" : "right"}`),
  flip: (amount) => (amount ? "flipped" : "not flipped"),
  turn: (degrees) => `${String(degrees).replace("-", "−")}°`,
  crop: (percent) => (percent === 0 ? "whole" : `the middle ${100 - percent} %`),
};
const DONE = {
  shift: (pixels) => `Shifted ${Math.abs(pixels)} px to the ${pixels < 0 ? "left" : "right"}`, flip: () => "Flipped",
  turn: (degrees) => `Turned by ${Math.abs(degrees)}° ${degrees < 0 ? "against the clock" : "clockwise"}`,
  crop: (percent) => `Cropped to the middle ${100 - percent} %`,
};
const MEASURED = [
  ["How it is measured", "The photo is encoded before and after, at 224 px. The two sets of tokens are matched one to one so that the sum of the "
    + "cosines of their semantics S is largest; which token went where is not used. Z = L S. The split is of the change of Z at the same places of the "
    + "grid: dZ = dL S + L dS + dL dS; a part's percentage is its projection on dZ, so the three add up to 100 % and one may lie below 0."],
  ["What is foretold", "L (and X) before, moved as the photo was, bilinearly between patches. Compared only where a patch lies wholly in the photo "
    + "before; in the pictures the rest is darkened. The share is 1 − |found − foretold|² / |found − before|². Steps of half a patch, turns and crops "
    + "fall between patches, so nothing can be foretold to 100 % there. Shift, flip and turn move the photo as the model sees it, and what comes in "
    + "over the border is its mirror image; a crop is taken from the file's own pixels."],
  ["Why this peer", "A model without tokens has its patch features X alone. They move with the photo nearly as well as a STELLAR's do, as the row X says: "
    + "for a convolutional network that is built in. What X lacks is a division into what and where, so K-means over the patches of each photo, as "
    + "many centroids as there are concepts, stands in for it: its centroids are S, its one-hot patches L."],
  ["What this does not show", "K-means is begun anew for each photo, and its clusters would differ even were the photo unmoved and only the beginning "
    + "another: the dotted line of the first curve says by how much. Its L is one-hot, where a STELLAR's is soft, which makes its changes harder to foretell. The "
    + "peer was trained on other data, for another purpose. One photo is one photo; python -m train.evaluate nano --data equivariance=DIR takes the same "
    + "numbers over many."],
];

export async function mountEquivariance({ element }) {
  const root = element.matches?.(ROOT) ? element : element.querySelector(ROOT);
  if (!root || root.hasAttribute("data-mounted")) return;
  root.setAttribute("data-mounted", "");
  root.dataset.state = "loading";
  try {
    const [settings, { changes }] = await Promise.all([fetchSettings(), fetchSettings("stellar/equivariance/changes.json")]);
    new EquivarianceSection(root, settings, changes).begin();
  } catch (error) {
    root.dataset.state = "error";
    root.replaceChildren(make("p", { class: "alert", role: "alert" }, error.message));
  }
}

class EquivarianceSection {
  image = null;
  photoKey = "";
  peer = null; // the server's own first choice
  answers = new Map();
  refused = new Set();
  pointed = null;
  held = null;
  isAsking = false;
  isNear = false;

  constructor(root, settings, changes) {
    this.root = root;
    this.changes = new Map(changes.map((change) => [change.name, change]));
    this.asked = { example: settings.default.example };
    this.model = settings.default.model;
    this.change = this.changes.get(OPENING.change);
    this.amounts = new Map(changes.map(({ name, amounts }) => [name, name === OPENING.change ? OPENING.amount : amounts.at(-1)]));
    this.flipAt = 1;
    this.build();
  }

  get amount() {
    return this.amounts.get(this.change.name);
  }

  // ---- what is on the page ----

  build() {
    const on = { point: (token) => this.point(token), press: (token) => this.press(token), resize: () => this.drawSoon() };
    this.alertWords = make("span");
    this.alertBar = make("div", { class: "alert", role: "alert", hidden: true, "data-alert": "" }, this.alertWords,
      make("button", { type: "button", class: "quiet-button", "aria-label": "Dismiss", onclick: () => this.alert(null) }, icon("close")));
    this.changeChoice = choice({
      name: "change", label: "Change the photo", hint: this.change.hint, onchange: (name) => this.chooseChange(name),
      options: [...this.changes.values()].map(({ name, label, hint }) => ({ value: name, label, hint })),
    });
    this.changeChoice.set(this.change.name);
    this.changeHint = this.changeChoice.element.querySelector("p");
    this.slider = slider({
      name: "amount", label: "How far", hint: "Drag, or use the arrow keys.", min: 0, max: 1, step: 1,
      words: (amount) => WORDS[this.change.name](amount), onchange: (amount) => this.chooseAmount(amount),
    });
    this.range = this.slider.element.querySelector("input");
    this.peerChoice = choice({ name: "peer", label: "Beside", hint: " ", options: [], onchange: (peer) => this.choosePeer(peer) });
    this.peerHint = this.peerChoice.element.querySelector("p");
    this.photo = new MovingPhoto(on.resize);
    this.rows = [this.row("model", on), this.row("peer", on)];
    this.numbers = new Numbers(on);
    this.curves = {
      stays: new AmountCurve("stays", "S stays", "Cosine of matched tokens, by mass."),
      moves: new AmountCurve("moves", "L moves along", "Cosine of the L foretold with the L found; dotted, had L stayed where it was."),
    };
    this.status = make("p", { class: "status eq-status", role: "status", "aria-live": "polite", "data-status": "" });
    this.root.setAttribute("role", "region");
    this.root.setAttribute("aria-label", "What moves, what stays");
    this.root.replaceChildren(
      make("header", { class: "eq-header" }, make("h2", {}, "What moves, what stays"),
        make("p", { class: "eq-introduction" }, INTRODUCTION),
        make("p", { class: "hint eq-formula" }, make("span", {}, "X ≈ L S: where and what. Moved by θ: "),
          make("i", {}, "dZ/dθ = (dL/dθ) S + L (dS/dθ)"), make("span", {}, "; equivariant L, invariant S."))),
      this.alertBar,
      this.status,
      make("div", { class: "eq-figure" },
        make("div", { class: "eq-side" }, this.photo.element, this.slider.element, this.changeChoice.element, this.peerChoice.element), ...this.rows.flatMap(({ parts }) => parts)),
      this.numbers.element,
      make("div", { class: "eq-curves" }, this.curves.stays.element, this.curves.moves.element),
      make("details", { class: "eq-details" }, make("summary", {}, "How this is measured, and what it does not show"),
        make("dl", {}, ...MEASURED.flatMap(([title, words]) => [make("dt", {}, title), make("dd", {}, words)]))));
    this.offerAmounts();
  }

  row(subject, on) {
    const title = make("h3", {});
    const note = make("p", { class: "hint" });
    const pictures = {
      before: new ConceptPicture(`${subject}-before`, "Before", "where it all was", on),
      foretold: new ConceptPicture(`${subject}-foretold`, "Foretold", "L before, moved along", on),
      found: new ConceptPicture(`${subject}-found`, "Found", "L of the moved photo", on),
    };
    const name = make("div", { class: "eq-row-name", "data-row": subject }, title, note);
    return { title, note, pictures, parts: [name, ...Object.values(pictures).map(({ element }) => element)] };
  }

  offerAmounts() {
    const { amounts } = this.change;
    // The native slider steps evenly from its least: all changes' amounts do.
    this.range.min = amounts[0];
    this.range.step = amounts[1] - amounts[0];
    this.slider.set(this.amount, amounts.at(-1));
  }

  // ---- coming ----

  begin() {
    followPhoto((photo) => this.take(photo));
    // The end of a tab: nothing is asked of the server before a visitor comes near.
    new IntersectionObserver(([entry]) => {
      this.isNear = entry.isIntersecting;
      if (this.isNear) this.ask();
    }, { rootMargin: "300px" }).observe(this.root);
  }

  take({ asked, model }) {
    const key = JSON.stringify([asked, model ?? this.model]);
    if (key === JSON.stringify([this.asked, this.model]) && this.image) return;
    this.asked = asked;
    if (model && model !== this.model) {
      this.model = model;
      this.peer = null;
    }
    this.held = null;
    this.pointed = null;
    this.refused.clear();
    this.alert(null);
    this.ask();
  }

  // ---- choosing ----

  chooseChange(name) {
    this.change = this.changes.get(name);
    this.flipAt = this.amounts.get("flip");
    write(this.changeHint, this.change.hint);
    this.offerAmounts();
    this.turnToAsk();
  }

  chooseAmount(amount) {
    this.amounts.set(this.change.name, amount);
    if (this.change.name === "flip") this.animateFlip(amount);
    this.turnToAsk();
  }

  choosePeer(peer) {
    this.peer = peer;
    this.turnToAsk();
  }

  turnToAsk() {
    this.drawSoon();
    this.ask();
  }

  /** A photo that turns round like a page; at once for whoever asked for less motion. */
  animateFlip(to) {
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
      this.flipAt = to;
      return;
    }
    const [from, start] = [this.flipAt, performance.now()];
    const step = (now) => {
      if (this.amounts.get("flip") !== to) return;
      const share = Math.min(1, Math.max(0, (now - start) / FLIP_MS));
      this.flipAt = from + (to - from) * (1 - (1 - share) ** 3);
      this.draw();
      if (share < 1) requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  point(token) {
    if (token === this.pointed) return;
    this.pointed = token;
    this.light();
  }

  press(token) {
    this.held = this.held === token ? null : token;
    this.light();
  }

  get lit() {
    return this.pointed ?? this.held;
  }

  light() {
    this.numbers.light(this.lit);
    this.drawSoon();
  }

  // ---- asking the server, one step at a time ----

  keyOf(amount, { change = this.change.name, peer = this.peer } = {}) {
    // Unmoved is unmoved, whatever was not done; but a curve belongs to its change.
    return JSON.stringify([this.asked, this.model, change, amount, peer]);
  }

  answerAt(amount) {
    return this.answers.get(this.keyOf(amount)) ?? null;
  }

  /** The step that is looked at, then the curve's, the nearest first. */
  nextAmount() {
    const { amount } = this;
    const lacking = [...this.change.curve].sort((a, b) => Math.abs(a - amount) - Math.abs(b - amount));
    return [amount, ...lacking].find((one) => !this.answerAt(one) && !this.refused.has(this.keyOf(one)));
  }

  async ask() {
    if (this.isAsking || !this.isNear) return;
    const amount = this.nextAmount();
    this.root.toggleAttribute("data-waiting", amount === this.amount);
    if (amount === undefined) return;
    this.isAsking = true;
    const key = this.keyOf(amount);
    const body = JSON.stringify({ ...this.asked, model: this.model, change: this.change.name, amount, ...(this.peer && { peer: this.peer }) });
    const { asked, model, change } = this;
    try {
      const response = await ask("stellar/equivariance", { method: "POST", body, headers: { "Content-Type": "application/json" } });
      if (!response.ok) throw new Error(await sentenceOf(response));
      await this.keep(await response.json(), { key, asked, model, change });
    } catch (error) {
      this.refused.add(key);
      if (key === this.keyOf(amount)) this.alert(error instanceof TypeError ? "The server does not answer; is it still running?" : error.message);
    } finally {
      this.isAsking = false;
      this.ask();
    }
  }

  async keep(answer, { key, asked, model, change }) {
    const isLookedAt = asked === this.asked && model === this.model;
    if (isLookedAt && this.photoKey !== answer.photo.token) {
      this.image = await fetchPhoto(answer.photo);
      this.photoKey = answer.photo.token;
    }
    answer.scenes = answer.subjects.map((subject) => Object.fromEntries(["before", "foretold", "found"].map((which) =>
      [which, sceneOf(subject, which, key)])));
    if (this.answers.size > MOST_KEPT) this.answers.delete(this.answers.keys().next().value);
    if (isLookedAt && this.peer === null) {
      this.peer = answer.peer;
      this.offerPeers(answer);
    }
    this.answers.set(JSON.stringify([asked, model, change.name, answer.amount, answer.peer]), answer);
    this.drawSoon();
  }

  offerPeers({ peers, peer }) {
    this.peerChoice.offer(peers);
    this.peerChoice.set(peer);
  }

  alert(sentence) {
    this.alertBar.hidden = sentence === null;
    write(this.alertWords, sentence ?? "");
  }

  // ---- drawing ----

  drawSoon() {
    if (this.isDrawing) return;
    this.isDrawing = true;
    requestAnimationFrame(() => {
      this.isDrawing = false;
      this.draw();
    });
  }

  draw() {
    const answer = this.answerAt(this.amount);
    const shown = answer ?? this.shown;
    if (!shown || !this.image) return;
    if (answer && answer !== this.shown) this.show(answer);
    const [rows, cols] = shown.subjects[0].patch_grid;
    this.root.style.setProperty("--aspect", String(cols / rows));
    const imageWidth = (224 * cols) / Math.max(rows, cols);
    const motion = { change: this.change.name, amount: this.change.name === "flip" ? this.flipAt : this.amount, imageWidth };
    this.photo.draw(this.image, this.photoKey, motion);
    const isTurning = this.change.name === "flip" && this.flipAt !== this.amount;
    this.rows.forEach(({ pictures }, place) => {
      const { before, foretold, found } = shown.scenes[place];
      pictures.before.draw(before, this.lit, null);
      if (answer && !isTurning) pictures.foretold.draw(foretold, this.lit, motion);
      else pictures.foretold.drawMoved(before, motion);
      pictures.found.draw(found, this.lit, answer ? motion : { ...motion, change: shown.change, amount: shown.amount });
    });
    this.drawCurves();
  }

  namesOf(answer) {
    const { label } = answer.peers.find(({ value }) => value === answer.peer);
    return [answer.label, `${label}, K-means`];
  }

  /** What an answer says, in words, bars and hints. */
  show(answer) {
    this.shown = answer;
    this.root.dataset.state = "ready";
    this.root.dataset.shown = `${answer.change}/${answer.amount}/${answer.peer}`;
    const names = this.namesOf(answer);
    const [own, peer] = answer.subjects;
    const { label, note } = answer.peers.find(({ value }) => value === answer.peer);
    write(this.peerHint, peer.clustered ? "A model without concepts, for comparison." : "Another STELLAR, for comparison.");
    write(this.rows[0].title, `${answer.label}, a STELLAR`);
    write(this.rows[0].note, `${own.num_tokens} concepts. Point at one to see it alone in every map.`);
    write(this.rows[1].title, label);
    write(this.rows[1].note, peer.clustered ? `${note} Drawn in the colour of the concept it shares most patches with.` : note);
    this.numbers.update(answer.subjects, names, [answer.label, label]);
    this.numbers.light(this.lit);
    write(this.status, this.sentence(answer, own, peer, label));
    this.photo.describe(`${answer.photo.name}: ${answer.photo.alt}. ${WORDS[answer.change](answer.amount)}.`);
    this.rows.forEach(({ pictures }, place) => {
      for (const [which, picture] of Object.entries(pictures)) picture.describe(`Concept map ${which}, ${names[place]}`);
    });
  }

  sentence({ change, amount, label }, own, peer, peerLabel) {
    if (own.shares[0] === null) return "Nothing is moved yet: every concept is where it was and says what it said.";
    const [where, there] = [own, peer].map(({ shares }) => percentInWords(shares[0]));
    const [said, told] = [own, peer].map(({ cosine_by_mass: cosine }) => cosineInWords(cosine));
    return `${DONE[change](amount)}. ${label}: ${where} of the change is in where concepts are, and what they say has a cosine of ${said} `
      + `with what they said. ${peerLabel}${peer.clustered ? " in clusters" : ""}: ${there}, and ${told}.`;
  }

  drawCurves() {
    const { change } = this;
    const known = change.amounts.map((amount) => [amount, this.answerAt(amount)]).filter(([, answer]) => answer);
    if (!known.length) return;
    const names = this.namesOf(known[0][1]);
    const line = (kind, label, place, of) => ({
      kind, label, points: known.map(([amount, { subjects }]) => [amount, of(subjects[place])]).filter(([, value]) => value !== null),
    });
    const shared = { amounts: [change.amounts[0], change.amounts.at(-1)], at: this.amount, words: WORDS[change.name] };
    const { restarted } = known[0][1].subjects[1];
    const whole = known.length > 1 && restarted !== null ? shared.amounts.map((amount) => [amount, restarted]) : [];
    this.curves.stays.update({
      ...shared, lines: [
        { kind: "peer-still", label: "K-means begun elsewhere, photo unmoved", points: whole },
        line("peer", names[1], 1, ({ cosine_by_mass: value }) => value), line("model", names[0], 0, ({ cosine_by_mass: value }) => value),
      ],
    });
    this.curves.moves.update({
      ...shared, lines: [
        line("peer-still", `${names[1]}, L unmoved`, 1, ({ resting_cosine: value }) => value),
        line("model-still", `${names[0]}, L unmoved`, 0, ({ resting_cosine: value }) => value),
        line("peer", names[1], 1, ({ localization_cosine: value }) => value), line("model", names[0], 0, ({ localization_cosine: value }) => value),
      ],
    });
  }
}
