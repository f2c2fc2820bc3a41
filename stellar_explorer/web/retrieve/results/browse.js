/** The photos of a collection as they came, to ask with one of them. */

import { make } from "../../shared/elements.js";
import { resolveAddress } from "../../shared/requests.js";
import { fetchJson } from "../../shared/server.js";
import { collectionAddress } from "../photo.js";
import { aspectOf } from "./tile.js";

const AT_ONCE = 48;

export class Browse {
  /**
   * @param {{open: (photo: any) => void, fail: (error: unknown) => void,
   *   during: (work: Promise<any>) => Promise<any>}} on
   */
  constructor(on) {
    this.on = on;
    this.shown = "";
    /** @type {any} */
    this.collection = null;
    this.list = make("ul", { class: "hits", "aria-label": "Photos of the collection", "data-browse": "" });
    this.more = make("button", {
      type: "button", class: "button retrieve-more", hidden: true, onclick: () => on.during(this.fetchMore()),
    }, "Show more");
    this.element = make("div", { class: "retrieve-browse", hidden: true }, this.list, this.more);
  }

  /** @param {any} collection  its facts, or null where hits are shown instead */
  show(collection) {
    this.element.hidden = !collection;
    const key = collection ? `${collection.name}/${collection.num_photos}` : "";
    if (!collection || key === this.shown) return;
    this.shown = key;
    this.collection = collection;
    this.list.replaceChildren();
    this.on.during(this.fetchMore());
  }

  async fetchMore() {
    const { shown, collection } = this;
    const offset = this.list.children.length;
    try {
      const rest = `photos.json?offset=${offset}&limit=${AT_ONCE}`;
      const { photos } = await fetchJson(collectionAddress(collection.name, rest));
      if (shown !== this.shown || offset !== this.list.children.length) return;
      this.list.append(...photos.map((/** @type {any} */ photo) => this.tile(photo)));
      this.more.hidden = photos.length < AT_ONCE || this.list.children.length >= collection.num_photos;
    } catch (error) {
      this.shown = "";
      this.on.fail(error);
    }
  }

  /** @param {any} photo */
  tile(photo) {
    const { title, label, thumbnail } = photo;
    return make("li", { class: "hit", style: `--aspect: ${aspectOf(photo)}`, "data-photo": photo.photo },
      make("button", {
        type: "button", class: "hit-picture", "data-drawn": "", "aria-label": `Search with ${title}`,
        onclick: () => this.on.open(photo),
      }, make("img", { src: resolveAddress(thumbnail), alt: "", loading: "lazy", draggable: "false" })),
      make("p", { class: "hit-title", title }, label ? `${label} · ${title}` : title));
  }
}
