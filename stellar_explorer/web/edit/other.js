/** Another photo beside the one that is edited: its concepts to take from, its places to take, and the way towards it. */

import { slider } from "../shared/controls.js";
import { EditCanvas, tokensTogether } from "./canvas.js";
import { namesOf } from "./history.js";
import { icon, make, uniqueId, write } from "../shared/elements.js";
import { refusal } from "../shared/gather.js";
import { resolveAddress } from "../shared/package.js";

const IDLE = "Choose another photo: its concepts can say what yours say, and be where yours are.";

export class OtherPhoto {
  /** on: {open(asked, name), swapWhat(tokens), swapWhere(), morph(what, where), refuse(sentence)} */
  constructor(settings, on) {
    this.on = on;
    this.study = null;
    this.taken = [];
    this.how = "together";
    const hint = uniqueId("hint");
    this.examples = settings.examples.map((example) => make("button", {
      type: "button", class: "example", "data-other-example": example.id, "aria-pressed": "false", title: `${example.title}. ${example.credit}`,
      onclick: () => on.open({ example: example.id }, example.title),
    }, make("img", { src: resolveAddress(example.thumbnail), alt: `${example.title}: ${example.alt}`, width: "48", height: "48", draggable: "false", loading: "lazy" })));
    const chooser = make("input", {
      type: "file", accept: settings.accept, class: "unseen", tabindex: "-1", "aria-hidden": "true", "data-control": "other-file",
      onchange: () => {
        const [file] = chooser.files;
        const sentence = file && refusal(file, settings.max_bytes);
        if (sentence) on.refuse(sentence);
        else if (file) on.open({ file }, file.name);
        chooser.value = "";
      },
    });
    this.title = make("p", { class: "edit-other-title" });
    this.hint = make("p", { class: "hint", id: hint }, IDLE);
    this.view = new EditCanvas({ choose: (token) => this.choose(token), step: (by) => this.step(by) },
      { label: "The other photo and its concepts", help: hint });
    this.give = make("button", { type: "button", class: "button", "data-action": "swap-what", onclick: () => on.swapWhat(this.taken) },
      icon("what"), make("span", {}, "Swap what"));
    this.places = make("button", {
      type: "button", class: "button", "data-action": "swap-where", onclick: () => on.swapWhere(),
      title: "Every concept of your photo goes where the concept of this photo is that says the most alike; each takes one",
    }, icon("where"), make("span", {}, "Swap where"));
    const share = (name, label, says) => slider({
      name, label, hint: says, min: 0, max: 1, step: 0.05, words: (value) => `${Math.round(value * 100)} %`, onchange: () => this.morph(),
    });
    this.what = share("morph-what", "Morph what", "What the concepts say, towards this photo's.");
    this.where = share("morph-where", "Morph where", "Where they are, towards this photo's places.");
    this.body = make("div", { class: "edit-other-body", hidden: true }, this.title, this.view.frame, this.hint,
      make("div", { class: "edit-buttons" }, this.give, this.places),
      make("div", { class: "edit-morphs" }, this.what.element, this.where.element));
    this.idle = make("p", { class: "hint" }, IDLE);
    this.element = make("section", { class: "edit-other", "aria-label": "Another photo", "data-other": "" },
      make("h3", {}, "With another photo"),
      make("div", { class: "edit-other-choose" },
        make("button", { type: "button", class: "button", "data-action": "other-choose", onclick: () => chooser.click() }, icon("photo"), "Choose photo"),
        make("div", { class: "gallery-strip", role: "group", "aria-label": "Examples to take from" }, ...this.examples)),
      this.idle, this.body, chooser);
  }

  /** study: as askStudy gives it, with `scene` for the canvas; taken: tokens to begin with. null: none any more. */
  show(study, taken = []) {
    this.study = study;
    this.body.hidden = !study;
    this.idle.hidden = Boolean(study);
    for (const button of this.examples) button.setAttribute("aria-pressed", String(button.dataset.otherExample === study?.photo.example));
    if (!study) return;
    write(this.title, study.photo.name);
    this.title.title = study.photo.name;
    this.view.describe(`The other photo, ${study.photo.alt || study.photo.name}. Arrow keys step through its concepts.`);
    this.view.show(study.scene);
    this.take(taken);
  }

  choose(token) {
    this.take(this.how === "together" ? tokensTogether(this.study.scene.grid, token) : [token]);
  }

  take(taken) {
    this.taken = taken;
    this.view.choose(taken);
    this.element.dataset.taken = taken.join(" ");
    this.say();
  }

  step(by) {
    const { order } = this.study;
    const at = this.taken.length ? order.indexOf(this.taken[0]) : by > 0 ? -1 : order.length;
    this.take([order[(at + by + order.length) % order.length]]);
  }

  /** tokens: the chosen of the photo that is edited; how a click takes; morph: {what, where} by now. */
  update({ tokens, how, morph }) {
    this.tokens = tokens;
    this.how = how;
    this.what.set(morph.what);
    this.where.set(morph.where);
    this.say();
  }

  say() {
    const { taken, tokens } = this;
    this.give.disabled = !(taken.length && tokens?.length);
    const names = taken.length && namesOf(taken, taken, Infinity);
    const words = !taken.length ? "Click a concept here, to give what it says to those chosen in your photo."
      : !tokens?.length ? `${names} taken; now click in your photo what shall look like this.`
        : `${names} taken. Swap what: those chosen in your photo say what ${taken.length > 1 ? "these say" : "this says"}, and stay where they are.`;
    write(this.hint, words);
  }

  morph() {
    const valueOf = ({ element }) => Number(element.querySelector("input").value);
    this.on.morph(valueOf(this.what), valueOf(this.where));
  }
}
