/**
 * The strip of photos over the tabs: ways in for a photo (choose, drop, paste, camera), one's own photos with their
 * names, and the examples. A click on one makes it the photo of all tabs.
 */

import { listenToDrops } from "../shared/drops.js";
import { find, icon, make, write } from "../shared/elements.js";
import { arrowed } from "../shared/keyboard.js";
import { resolveAddress } from "../shared/requests.js";
import { uploadPhoto } from "../shared/server.js";
import { isSamePhoto } from "../shared/session.js";
import { fitted, megabytes, refusal } from "../shared/uploads.js";
import { Camera } from "./camera.js";
import { reachable } from "./tab_list.js";

/** @typedef {import("../shared/session.js").Session} Session */
/** @typedef {import("../shared/session.js").PhotoRef} PhotoRef */

export class PhotoBar {
  /** @param {HTMLElement} element the bar that the page was sent with @param {Session} session */
  constructor(element, session) {
    this.session = session;
    const { settings } = session;
    this.chooser = find("input", element, "[data-control=file]");
    this.strip = find("div", element, ".photo-strips");
    this.own = find("div", element, "[data-own]");
    this.caption = find("p", element, "[data-photo-caption]");
    this.words = find("p", element, "[data-photo-status]");
    this.alert = find("div", element, "[data-photo-alert]");
    this.camera = new Camera((file) => this.add([file]), (sentence) => this.tell([sentence]));
    const choose = find("button", element, "[data-action=choose]");
    choose.title = `Up to ${megabytes(settings.max_bytes)} each; larger ones are made smaller first. `
      + "Or drop or paste one anywhere.";
    choose.addEventListener("click", () => this.chooser.click());
    find("button", element, "[data-action=camera]").addEventListener("click", () => this.camera.open());
    this.chooser.addEventListener("change", () => {
      this.add([...this.chooser.files ?? []]);
      this.chooser.value = "";
    });
    for (const tile of this.tiles()) {
      tile.addEventListener("click", () => session.change({ photo: { example: tile.dataset.example ?? "" } }));
    }
    this.strip.addEventListener("keydown", (event) => this.key(event));
    const veil = listenToDrops(session, ({ files, refused }) => this.add(files, refused));
    element.append(this.camera.element, veil);
    session.tell = (sentence) => this.tell([sentence]);
    session.subscribe((state, before) => this.update(!isSamePhoto(state.photo, before.photo)));
    this.update(true);
  }

  /** @returns {HTMLElement[]} */
  tiles() {
    return [...this.strip.querySelectorAll(/** @type {"button"} */ (".example"))];
  }

  /** After any change: which is looked at, and one's own. @param {boolean} isOther whether another is looked at */
  update(isOther) {
    const { photo } = this.session.state;
    if (this.drawn !== this.session.photos) this.drawOwn();
    const tiles = this.tiles();
    const isThis = (/** @type {HTMLElement} */ { dataset: { example, photo: token = "" } }) =>
      isSamePhoto(example ? { example } : { photo: token, name: "" }, photo);
    for (const tile of tiles) tile.setAttribute("aria-pressed", String(isThis(tile)));
    const current = tiles.find(isThis);
    if (isOther || !tiles.some((tile) => tile.tabIndex === 0)) reachable(tiles, current ?? tiles[0]);
    if (isOther && current) this.reveal(current);
    write(this.caption, this.captionOf(photo));
  }

  /** The name of what is looked at, and of an example whose it is. @param {PhotoRef} photo */
  captionOf(photo) {
    if ("example" in photo) {
      const example = this.session.settings.examples.find((/** @type {any} */ one) => one.id === photo.example);
      return example ? `${example.title} · ${example.credit}` : "";
    }
    const own = this.session.own.find(photo.photo);
    return own ? `${own.name} · ${own.width} × ${own.height} pixels` : photo.name;
  }

  drawOwn() {
    const { session } = this;
    this.drawn = session.photos;
    const focused = document.activeElement instanceof HTMLElement && this.own.contains(document.activeElement);
    this.own.replaceChildren(...session.photos.map((one) => {
      const { photo, name, width, height } = one;
      const src = resolveAddress(one.thumbnail);
      const image = make("img", { src, alt: "", width: 48, height: 48, draggable: "false" });
      return make("span", { class: "photo-own" },
        make("button", {
          type: "button", class: "example", "data-photo": photo, "aria-pressed": "false", "aria-label": name,
          title: `${name}, ${width} × ${height} pixels`, onclick: () => session.change({ photo: { photo, name } }),
        }, image),
        make("button", {
          type: "button", class: "photo-remove", "aria-label": `Remove ${name}`, title: `Remove ${name}`,
          onclick: () => session.remove(photo),
        }, icon("close")));
    }));
    this.own.hidden = !session.photos.length;
    if (focused) this.tiles()[0].focus();
  }

  /** Without moving the page. @param {HTMLElement} tile */
  reveal(tile) {
    const [row, box] = [this.strip.getBoundingClientRect(), tile.getBoundingClientRect()];
    if (box.left < row.left + 8) this.strip.scrollLeft += box.left - row.left - 24;
    else if (box.right > row.right - 8) this.strip.scrollLeft += box.right - row.right + 24;
  }

  /** Uploads what are photos, says of the others why not; the first that went well is looked at.
   * @param {File[]} files @param {string[]} [refused] */
  async add(files, refused = []) {
    const wrong = [...refused];
    const notes = [];
    let last = "";
    for (const [place, file] of files.entries()) {
      const sentence = refusal(file);
      if (sentence) {
        wrong.push(sentence);
        continue;
      }
      const of = files.length > 1 ? `, ${place + 1} of ${files.length}` : "";
      write(this.words, `Uploading ${file.name}${of}…`);
      try {
        const made = await fitted(file, this.session.settings.max_bytes);
        const facts = await uploadPhoto(made.file, file.name || "Your photo");
        if (last) this.session.list(facts, made.file, last);
        else this.session.show(facts, made.file);
        last = facts.token;
        notes.push(...made.note ? [made.note] : [], ...facts.notes);
      } catch (error) {
        const said = error instanceof Error ? error.message : String(error);
        wrong.push(said.includes(file.name) ? said : `${file.name}: ${said}`);
      }
    }
    write(this.words, notes.join(" "));
    this.tell(wrong);
  }

  /** Until they are dismissed, or others come; none takes them away. @param {string[]} sentences */
  tell(sentences) {
    this.alert.hidden = !sentences.length;
    this.alert.replaceChildren(
      make("div", {}, ...sentences.map((sentence) => make("p", {}, sentence))),
      make("button", { type: "button", class: "quiet-button", "aria-label": "Dismiss", onclick: () => this.tell([]) },
        icon("close")));
  }

  /** Arrow keys go from photo to photo, Delete takes out one's own. @param {KeyboardEvent} event */
  key(event) {
    const tiles = this.tiles();
    const to = arrowed(event, tiles);
    if (to) reachable(tiles, to);
    const token = event.target instanceof HTMLElement ? event.target.dataset.photo : undefined;
    if (!token || event.key !== "Delete") return;
    event.preventDefault();
    this.session.remove(token);
  }
}
