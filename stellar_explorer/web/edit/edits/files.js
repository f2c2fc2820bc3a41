/** What is saved from the Edit tab, and recipes that are loaded into it. */

import { readEdits, recipeOf } from "./recipe.js";
import { cutoutPng, photoPng, recipeBlob, saveBlob } from "./save.js";
import { fetchDrawnPng } from "../server.js";

/** @typedef {import("../work.js").Work} Work */

export class Files {
  /** @param {import("../edit.js").EditTab} tab */
  constructor(tab) {
    this.tab = tab;
  }

  cutout = () => this.save("cutout.png", ({ placed }) => cutoutPng(placed));
  photo = () => this.save("edited.png", ({ cutouts, layout }) => photoPng(cutouts, layout));
  redraw = () => this.save("redraw.png", ({ wanted }) => fetchDrawnPng(wanted));
  recipe = () => this.save("edits.json", async (work) => recipeBlob(recipeOf(work, this.tab.session.settings)));

  /** @param {string} kind @param {(work: Work) => Promise<Blob>} make */
  async save(kind, make) {
    const { tab, tab: { work } } = this;
    if (!work) return;
    try {
      saveBlob(await tab.during(make(work)), work.study.photo.name, kind);
    } catch (error) {
      tab.fail(error);
    }
  }

  /** @param {File} file */
  async load(file) {
    const { tab, tab: { work, root, session: { settings } } } = this;
    if (!work) return;
    try {
      const { edits, note } = await readEdits(file, work, {
        settings, root, takeFrom: (asked, title) => tab.takeFrom(asked, title),
      });
      work.commit(edits);
      tab.say(note);
    } catch (error) {
      tab.fail(error);
    }
  }
}
