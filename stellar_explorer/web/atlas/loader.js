/**
 * Getting a collection's map: what is offered, a map that is still being made, and one that photos have been added to
 * since.
 */

import { fetchCollections, fetchManifest, fetchPoints } from "./server.js";

const WAIT = 1000;
const EMPTY = "No collection is here yet. Make one: python -m index build PHOTOS --out indexes/mine, " +
  "and start with --index-root indexes.";

/** @typedef {import("./server.js").Collection} Collection @typedef {import("./points.js").Points} Points */

export class Loader {
  /**
   * wait: words, and the share that is done or null. open: isKnown, whether it is the same map with what came since.
   * @param {{offer: (collections: Collection[], chosen: Collection) => void, wait: (words: string, share: number |
   *   null) => void,
   *   fresh: (words: string) => void, open: (points: Points, chosen: Collection, isKnown: boolean) => Promise<void>,
   *   fail: (sentence: string, isShown: boolean) => void}} on
   */
  constructor(on) {
    this.on = on;
    /** @type {string | null} */
    this.collection = null;
    /** The address of the map that is shown. @type {string | null} */
    this.key = null;
    this.looks = 0;
    this.timer = 0;
  }

  stop() {
    this.looks += 1;
    clearTimeout(this.timer);
  }

  /** wanted: by its name, or null for the first. @param {string | null} wanted */
  async look(wanted) {
    this.stop();
    const look = this.looks;
    const later = (wait = WAIT) => {
      if (look === this.looks) this.timer = window.setTimeout(() => this.look(wanted), wait);
    };
    try {
      const offered = await fetchCollections();
      if (look !== this.looks) return;
      if (!offered.length) {
        this.on.wait(EMPTY, null);
        return;
      }
      const chosen = offered.find(({ name }) => name === wanted) ?? offered[0];
      if (this.collection !== chosen.name) this.key = null;
      this.collection = chosen.name;
      this.on.offer(offered, chosen);
      if (await this.load(chosen, () => look === this.looks)) later();
    } catch (error) {
      if (look !== this.looks) return;
      this.on.fail(`The map cannot be shown now. ${/** @type {Error} */ (error).message}`, this.key !== null);
      later(5 * WAIT);
    }
  }

  /** -> whether to look again soon. @param {Collection} chosen @param {() => boolean} isWanted */
  async load(chosen, isWanted) {
    if (chosen.state === "failed") throw new Error(chosen.message);
    if (chosen.state === "building") {
      this.on.wait(`The photos of ${chosen.title ?? chosen.name} are being read`, chosen.progress ?? 0);
      return true;
    }
    const manifest = await fetchManifest(chosen.name);
    if (!isWanted()) return false;
    if (manifest.state === "failed") throw new Error(manifest.message);
    if (manifest.state === "making") {
      this.on.wait(manifest.stage, manifest.share);
      return true;
    }
    this.on.fresh(manifest.newer ? `${manifest.newer.stage}…` : "");
    if (manifest.address !== this.key) {
      const points = await fetchPoints(manifest);
      if (!isWanted()) return false;
      const isKnown = this.key !== null;
      this.key = manifest.address;
      await this.on.open(points, chosen, isKnown);
    }
    return Boolean(manifest.newer);
  }
}
