/**
 * The concept or cluster under the pointer, the concept that is pinned, and where it leads: its photo, Retrieve, a
 * taught word.
 */

import { fetchPhotoFacts } from "../shared/server.js";
import { smallPicture } from "../teach/marks.js";
import { namesOf } from "../teach/names.js";
import { indexedExample } from "../teach/store.js";
import { Card, PICTURE } from "./card.js";

/** @typedef {import("./points.js").Points} Points @typedef {import("./atlas.js").AtlasTab} AtlasTab */

export class Concepts {
  /** @param {AtlasTab} tab */
  constructor(tab) {
    this.tab = tab;
    this.pinned = -1;
    const on = {
      retrieve: (/** @type {number} */ row) => this.retrieve(row), look: (/** @type {number} */ row) => this.look(row),
      cluster: (/** @type {number} */ code) => tab.choose("cluster", code), close: () => this.unpin(),
      example: (/** @type {number} */ row) => this.example(row),
    };
    this.hoverCard = new Card(tab.crops, on);
    this.card = new Card(tab.crops, on);
  }

  unpin() {
    this.pick({ row: -1, code: -1 }, null);
  }

  /** What has arrived is drawn. */
  fill() {
    this.card.fill();
    this.hoverCard.fill();
  }

  /** @param {import("./map/map.js").Under} under @param {import("./map/map.js").Place | null} place */
  hover({ row, code }, place) {
    const { points, map } = this.tab;
    if (!points) return;
    const cluster = code >= 0 ? code : row >= 0 ? points.clusterOf(row) : -1;
    map.light(code < 0 ? null : points.rowsWith("cluster", code), code);
    this.tab.mark(cluster);
    if (cluster < 0 || !place || (row >= 0 && row === this.pinned)) this.hoverCard.hide();
    else this.hoverCard.show(this.told(row, cluster, false), place);
  }

  /** @param {number} row @param {number} code @param {boolean} isPinned */
  told(row, code, isPinned) {
    const points = /** @type {Points} */ (this.tab.points);
    return {
      row, code, points, cluster: this.tab.clusters.categories[code],
      title: row < 0 ? null : (this.tab.lighting.titles.get(points.photo[row]) ?? null), isPinned,
    };
  }

  /** @param {import("./map/map.js").Under} under @param {import("./map/map.js").Place | null} place */
  pick({ row, code }, place) {
    if (code >= 0) {
      this.tab.choose("cluster", code === this.tab.lighting.cluster ? -1 : code);
      return;
    }
    this.pinned = row;
    const { map, points } = this.tab;
    map.mark(row);
    if (row < 0 || !points || !place) {
      this.card.hide();
      return;
    }
    this.hoverCard.hide();
    this.card.show(this.told(row, points.clusterOf(row), true), place);
    this.callByOwnWords(row);
  }

  /** @param {number} row */
  async callByOwnWords(row) {
    const { points, collection } = this.tab;
    if (!points || !collection) return;
    const id = points.id[row];
    const named = /** @type {any} */ (await namesOf(collection, { concepts: /** @type {any} */ ([id]) }));
    if (named && this.pinned === row && this.tab.points === points) this.card.call(named.concepts[id] ?? []);
  }

  /** A crop was chosen elsewhere on the page: the map goes to it. @param {number} id */
  find(id) {
    const { points, map } = this.tab;
    const row = points?.rowOf.get(id);
    if (!points || row === undefined) {
      this.tab.alert("This concept is not among those that the map shows.");
      return;
    }
    if (map.painting && !map.painting.lit[row]) this.tab.clear();
    map.view.flyTo(row, Math.sqrt(points.length / 60));
    map.frame.scrollIntoView({ block: "nearest", behavior: "smooth" });
    this.pick({ row, code: -1 }, map.view.onScreen(row));
  }

  /** @param {number} row */
  retrieve(row) {
    const { points, collection, session } = this.tab;
    if (!points || !collection) return;
    const find = `${points.photo[row]}.${points.token[row]}`;
    session.change({
      tab: "retrieve", collection: collection.name, views: { ...session.state.views, retrieve: { find } },
    });
  }

  /** Its photo becomes that of all tabs, with the concept pinned. @param {number} row */
  async look(row) {
    const { points, collection, session } = this.tab;
    if (!points || !collection) return;
    const from = { collection: collection.name, id: points.photo[row] };
    const facts = await this.tab.latest(fetchPhotoFacts(from));
    if (!facts) return;
    if (!facts.example) session.list(facts);
    /** @type {any} */
    const photo = facts.example ? { example: facts.example } : { photo: facts.token, name: facts.name, from };
    const isOffered = session.settings.models.some(
      (/** @type {any} */ { name, available }) => available && name === points.manifest.model,
    );
    session.change({
      tab: "explore", photo, concept: points.token[row], ...(isOffered ? { model: points.manifest.model } : {}),
    });
  }

  /** As an example of the word that is taught in Retrieve. @param {number} row */
  example(row) {
    const points = /** @type {Points} */ (this.tab.points);
    const id = points.id[row];
    const { crops, collection } = this.tab;
    const facts = crops.facts.get(id);
    const label = facts?.taught[0]?.[0] ?? points.nameOf(row) ?? points.labels[points.clusterOf(row)];
    return indexedExample(collection?.name ?? "", id, { label, picture: smallPicture(crops.picture(id, PICTURE)) });
  }

  moved() {
    if (this.pinned < 0) return;
    this.card.place = this.tab.map.view.onScreen(this.pinned);
    this.card.put();
  }
}
