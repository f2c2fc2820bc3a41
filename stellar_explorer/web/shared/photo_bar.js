/**
 * The strip of photos over every tab: ways in for a photo (choose, drop, paste, camera), one's own photos with their names,
 * and the examples. A click on one makes it the photo of all tabs.
 */

import { Camera } from "./camera.js";
import { icon, make, uniqueId, write } from "./elements.js";
import { resolveAddress } from "./requests.js";
import { uploadPhoto } from "./server.js";
import { isSamePhoto } from "./session.js";
import { filesOf, fitted, megabytes, refusal, refusalOfText } from "./uploads.js";

/** @typedef {import("./session.js").Session} Session @typedef {import("./session.js").PhotoRef} PhotoRef */

/** Tabs whose photo is none of the session's. */
const WITHOUT = ["atlas", "models"];
const ARROWS = /** @type {Record<string, number>} */ ({ ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity });

/** A tab may take what is dropped by itself: true where it did. @type {Map<string, (transfer: DataTransfer, event: DragEvent) => boolean>} */
const takers = new Map();

/** @param {string} tab @param {(transfer: DataTransfer, event: DragEvent) => boolean} take */
export function takeDrops(tab, take) {
  takers.set(tab, take);
}

export class PhotoBar {
  /** @param {Session} session */
  constructor(session) {
    this.session = session;
    const { settings } = session;
    this.chooser = make("input", {
      type: "file", multiple: true, accept: settings.accept, class: "unseen", tabindex: "-1", "aria-hidden": "true", "data-control": "file",
      onchange: () => {
        this.add([...this.chooser.files]);
        this.chooser.value = "";
      },
    });
    this.camera = new Camera((file) => this.add([file]), (sentence) => this.tell([sentence]));
    const hint = uniqueId("hint");
    const add = make("div", { class: "photo-add" },
      make("button", {
        type: "button", class: "button button-first", "data-action": "choose", "aria-describedby": hint,
        title: `Up to ${megabytes(settings.max_bytes)} each; larger ones are made smaller first. Or drop or paste one anywhere.`,
        onclick: () => this.chooser.click(),
      }, icon("photo"), make("span", {}, "Add photo")),
      make("button", {
        type: "button", class: "button photo-camera", "data-action": "camera", "aria-label": "Take a photo", title: "Take a photo with this device's camera",
        onclick: () => this.camera.open(),
      }, icon("camera")),
      make("p", { class: "unseen", id: hint }, "Or drop one anywhere, or paste one."), this.chooser);
    this.own = make("div", { class: "photo-strip", role: "group", "aria-label": "Your photos", "data-own": "" });
    this.examples = make("div", { class: "photo-strip", role: "group", "aria-label": "Examples" }, ...settings.examples.map((/** @type {any} */ example) => this.tile(
      { example: example.id }, { name: example.title, thumbnail: example.thumbnail, title: `${example.title}. ${example.credit}`, alt: "" })));
    this.ownHead = make("span", { class: "photo-head" }, "Yours");
    this.words = make("p", { class: "photo-words", role: "status", "aria-live": "polite", "data-photo-status": "" });
    this.alertWords = make("span");
    this.alert = make("div", { class: "alert", role: "alert", hidden: true, "data-photo-alert": "" }, this.alertWords,
      make("button", { type: "button", class: "quiet-button", "aria-label": "Dismiss", onclick: () => this.tell([]) }, icon("close")));
    this.strip = make("div", { class: "photo-strips", onkeydown: (/** @type {KeyboardEvent} */ event) => this.key(event) },
      this.ownHead, this.own, make("span", { class: "photo-head" }, "Examples"), this.examples);
    this.veil = make("div", { class: "veil", popover: "manual", "data-veil": "", "aria-hidden": "true" },
      make("div", { class: "veil-words" }, icon("photo"), make("span", {}, "Drop the photo to look at it")));
    this.element = make("section", { class: "photo-bar", "aria-label": "Photos" },
      make("div", { class: "photo-row" }, add, this.strip), this.words, this.alert, this.camera.element, this.veil);
    session.tell = (sentence) => this.tell([sentence]);
    session.subscribe(() => this.update());
    this.listen();
    this.update();
  }

  /** @param {PhotoRef} photo @param {{name: string, thumbnail: string, title: string, alt: string}} facts */
  tile(photo, { name, thumbnail, title, alt }) {
    const id = "example" in photo ? { "data-example": photo.example } : { "data-photo": photo.photo };
    return make("button", {
      type: "button", class: "example", ...id, "aria-pressed": "false", "aria-label": name, title,
      onclick: () => this.session.change({ photo }),
    }, make("img", { src: resolveAddress(thumbnail), alt, width: "48", height: "48", draggable: "false", loading: "lazy" }));
  }

  /** After any change: which is looked at, and one's own. */
  update() {
    const { session } = this;
    const { photo, tab } = session.state;
    this.element.hidden = WITHOUT.includes(tab);
    if (this.drawn !== session.photos) {
      this.drawn = session.photos;
      this.own.replaceChildren(...session.photos.map((one) => make("span", { class: "photo-own" },
        this.tile({ photo: one.photo, name: one.name }, { name: one.name, thumbnail: one.thumbnail, title: `${one.name}, ${one.width} × ${one.height} pixels`, alt: "" }),
        make("button", { type: "button", class: "photo-remove", "aria-label": `Remove ${one.name}`, title: `Remove ${one.name}`, onclick: () => session.remove(one.photo) }, icon("close")))));
      this.own.hidden = this.ownHead.hidden = !session.photos.length;
    }
    for (const button of this.strip.querySelectorAll(".example")) {
      const { example, photo: token } = /** @type {HTMLElement} */ (button).dataset;
      const ref = example ? { example } : { photo: token ?? "", name: "" };
      button.setAttribute("aria-pressed", String(isSamePhoto(ref, photo)));
    }
  }

  /** Uploads what are photos, says of the others why not; the first that went well is looked at. @param {File[]} files @param {string[]} [refused] */
  async add(files, refused = []) {
    const { settings } = this.session;
    const wrong = [...refused];
    const notes = [];
    let isFirst = true;
    for (const [place, file] of files.entries()) {
      const sentence = refusal(file);
      if (sentence) {
        wrong.push(sentence);
        continue;
      }
      write(this.words, files.length > 1 ? `Uploading ${file.name}, ${place + 1} of ${files.length}…` : `Uploading ${file.name}…`);
      try {
        const made = await fitted(file, settings.max_bytes);
        if (made.note) notes.push(made.note);
        const facts = await uploadPhoto(made.file, file.name || "Your photo");
        if (isFirst) this.session.show(facts, made.file);
        else this.session.list(facts, made.file);
        notes.push(...facts.notes);
        isFirst = false;
      } catch (error) {
        const { message } = /** @type {Error} */ (error);
        wrong.push(message.includes(file.name) ? message : `${file.name}: ${message}`);
      }
    }
    write(this.words, notes.join(" "));
    this.tell(wrong);
  }

  /** @param {string[]} sentences */
  tell(sentences) {
    write(this.alertWords, sentences.join(" "));
    this.alert.hidden = !sentences.length;
  }

  /** Arrow keys go from photo to photo. @param {KeyboardEvent} event */
  key(event) {
    const by = ARROWS[event.key];
    const buttons = /** @type {HTMLElement[]} */ ([...this.strip.querySelectorAll(".example")]);
    const at = buttons.indexOf(/** @type {HTMLElement} */ (event.target));
    if (by === undefined || at < 0) return;
    event.preventDefault();
    buttons[Math.max(0, Math.min(buttons.length - 1, at + by))].focus();
  }

  /** The whole page takes a dropped or pasted photo. */
  listen() {
    const { veil, session } = this;
    const holdsFile = (/** @type {DragEvent} */ event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
    const close = () => veil.matches(":popover-open") && veil.hidePopover();
    window.addEventListener("dragenter", (event) => {
      if (!holdsFile(event)) return;
      event.preventDefault();
      if (!takers.has(session.state.tab) && !veil.matches(":popover-open")) veil.showPopover();
    });
    window.addEventListener("dragover", (event) => {
      if (!holdsFile(event) || !event.dataTransfer) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = "copy";
    });
    window.addEventListener("dragleave", (event) => {
      if (event.relatedTarget === null) close();
    });
    window.addEventListener("drop", (event) => {
      close();
      if (!holdsFile(event) || !event.dataTransfer) return;
      event.preventDefault();
      if (takers.get(session.state.tab)?.(event.dataTransfer, event)) return;
      const { files, refused } = filesOf(event.dataTransfer);
      this.add(files, refused);
    });
    document.addEventListener("paste", (event) => {
      if (event.target instanceof Element && event.target.closest("input, textarea, [contenteditable=true]")) return;
      const files = [...(event.clipboardData?.files ?? [])];
      const sentence = files.length ? null : refusalOfText(event.clipboardData?.getData("text/plain") ?? "");
      if (!files.length && !sentence) return;
      event.preventDefault();
      if (files.length) this.add(files);
      else if (sentence) this.tell([sentence]);
    });
  }
}
