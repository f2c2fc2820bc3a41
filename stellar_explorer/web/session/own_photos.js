/**
 * The visitor's own photos, as the strip shows them: kept for this browser tab over a reload, for as long as the server
 * has them. Where storage is switched off a reload forgets the list, and nothing else.
 */

const STORED = "stellar-photos";
const MOST = 24;

/**
 * @typedef {{photo: string, name: string, width: number, height: number, thumbnail: string, notes: string[]}} OwnPhoto
 */

export class OwnPhotos {
  /** @param {any} page a window, or what stands in for one */
  constructor(page) {
    this.page = page;
    /** Another list after each change. @type {OwnPhoto[]} */
    this.list = this.stored();
    /** All that were ever listed here: Back may come to one that was removed. @type {Map<string, OwnPhoto>} */
    this.known = new Map(this.list.map((one) => [one.photo, one]));
    /** What was uploaded in this page, to upload again if the server loses it. @type {Map<string, File>} */
    this.files = new Map();
  }

  /** @param {string} token */
  find(token) {
    return this.list.find((one) => one.photo === token);
  }

  /** First in the list, or behind another. @param {OwnPhoto} photo @param {File} [file] @param {string} [after] */
  add(photo, file, after) {
    const others = this.list.filter((one) => one.photo !== photo.photo);
    const place = 1 + others.findIndex((one) => one.photo === after);
    if (file) this.files.set(photo.photo, file);
    this.known.set(photo.photo, photo);
    this.put([...others.slice(0, place), photo, ...others.slice(place)].slice(0, MOST));
  }

  /** One that was listed before is listed again. @param {string} token */
  relist(token) {
    const photo = this.known.get(token);
    if (photo && !this.find(token)) this.add(photo);
  }

  /** @param {string} token @returns {OwnPhoto | undefined} the one that is now in its place */
  remove(token) {
    const place = this.list.findIndex((one) => one.photo === token);
    this.put(this.list.filter((one) => one.photo !== token));
    return this.list[Math.min(place, this.list.length - 1)];
  }

  /** The server no longer has it. @param {string} token */
  forget(token) {
    this.remove(token);
    this.known.delete(token);
    this.files.delete(token);
  }

  /** @param {OwnPhoto[]} list */
  put(list) {
    this.list = list;
    try {
      this.page.sessionStorage.setItem(STORED, JSON.stringify(list));
    } catch {
      // switched off, or full
    }
  }

  /** @returns {OwnPhoto[]} */
  stored() {
    try {
      const list = JSON.parse(this.page.sessionStorage.getItem(STORED) ?? "[]");
      if (!Array.isArray(list)) return [];
      return list.filter((one) => ["photo", "name", "thumbnail"].every((name) => typeof one?.[name] === "string"));
    } catch {
      return [];
    }
  }
}
