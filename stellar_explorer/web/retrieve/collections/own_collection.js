/** What of Retrieve happens as a visitor's own photos come into their collection, and go. */

import { OwnPhotos } from "./own.js";

const SOON = 2000; // photos come faster than hits should change

/**
 * @typedef {Object} Events
 * @property {(name: string | null) => void} choose  a collection
 * @property {() => Promise<any>} searchAgain  what is searched has changed
 * @property {(work: Promise<any>) => Promise<any>} during
 * @property {(sentence: string) => void} refuse
 */

export class OwnCollection {
  /** @param {{max_bytes: number, accept: string}} settings @param {Events} on */
  constructor(settings, on) {
    this.on = on;
    /** @type {import("./collections.js").CollectionMenu | null} */
    this.menu = null;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    this.photos = new OwnPhotos(settings, {
      chosen: (files) => this.keep(files), start: (name) => this.start(name), added: (facts) => this.added(facts),
      end: () => this.ended(),
      refuse: on.refuse,
    });
  }

  /** @param {File[] | Promise<File[]>} files */
  keep(files) {
    this.on.during(Promise.resolve(files).then((all) => this.photos.add(all)));
  }

  /** @param {string} name */
  async start(name) {
    await this.menu?.look();
    this.on.choose(name);
  }

  /** @param {any} facts */
  added(facts) {
    this.menu?.update(facts);
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.on.searchAgain();
    }, SOON);
  }

  /** What came last is searched too, before the adding counts as done. */
  async ended() {
    clearTimeout(this.timer);
    this.timer = undefined;
    await this.menu?.look();
    await this.on.searchAgain();
  }

  remove() {
    this.on.during(this.removing());
  }

  async removing() {
    await this.photos.remove();
    await this.menu?.look();
    this.on.choose(null);
  }
}
