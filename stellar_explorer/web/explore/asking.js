/** What Explore asks of the server: studies of the session's photo, and what the concepts may be called. */

import { Gone, fetchNames, fetchStudy, hasStudy, uploadPhoto } from "../shared/server.js";
import { askedOf } from "../shared/session.js";

/** @typedef {import("../shared/session.js").PhotoRef} PhotoRef @typedef {import("../shared/names.js").Name} Name */
/** @typedef {import("./scene.js").Scene} Scene @typedef {import("../shared/server.js").Study} Study */
/**
 * What asking needs of its tab.
 * @typedef {Pick<import("../shared/tab.js").Tab, "session" | "root" | "latest"> & {scene: Scene | null,
 *   show: (study: Study, isFinal: boolean) => void, arrange: () => void, describe: () => void}} Asker
 */

const COARSE = 224;

export class Asking {
  /** @param {Asker} tab */
  constructor(tab) {
    this.tab = tab;
  }

  /** Whether the photo is the one that is shown. @param {PhotoRef} photo */
  isOf(photo) {
    const shown = this.tab.scene?.photo;
    return Boolean(shown && ("example" in photo ? shown.example === photo.example : shown.token === photo.photo));
  }

  /** The photo at 224 px first, unless it is shown already or the sharp one is at hand; then as it is wanted. */
  async load() {
    const { tab } = this;
    const { state: { photo, model, resolution }, settings: { examples } } = tab.session;
    const name = "name" in photo ? photo.name
      : examples.find((/** @type {any} */ one) => one.id === photo.example)?.title;
    const isSharper = this.isOf(photo) && tab.scene?.analysis.model === model;
    tab.root.dataset.state = !tab.scene ? "loading" : isSharper ? "sharpening" : "busy";
    if (!isSharper && resolution !== COARSE && !hasStudy(askedOf(photo), { model, resolution })) {
      const coarse = await tab.latest(
        this.study({ model, resolution: COARSE, later: resolution }), `Looking at ${name}…`);
      if (!coarse) return;
      tab.show(coarse, false);
    }
    const words = this.isOf(photo) ? `${name} · sharpening to ${resolution} px…` : `Looking at ${name}…`;
    const study = await tab.latest(this.study({ model, resolution }), words);
    if (study) tab.show(study, true);
  }

  /**
   * What the server has lost is asked for once more, and then brought again.
   * @param {{model: string, resolution: number, later?: number}} wanted
   */
  study(wanted) {
    const { session } = this.tab;
    const { photo } = session.state;
    const name = "name" in photo ? photo.name : undefined;
    const once = (/** @type {PhotoRef} */ ref) => fetchStudy(askedOf(ref), { ...wanted, name });
    return session.about(
      (ref) => once(ref).catch((error) => (error instanceof Gone ? once(ref) : Promise.reject(error))),
      (file) => uploadPhoto(file, name ?? file.name));
  }

  /** Names are guesses: where they cannot be had, roles stay. @param {Scene} scene */
  async name(scene) {
    const { tab } = this;
    try {
      scene.name(await fetchNames(scene.analysis.token));
    } catch {
      // as they are
    }
    if (scene !== tab.scene) return;
    tab.root.dataset.named = scene.key;
    tab.arrange();
    tab.describe();
  }
}
