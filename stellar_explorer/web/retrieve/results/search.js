/** Searches: one request for one question to one collection, however often it is asked for. */

import { fetchJson, posting } from "../../shared/server.js";
import { nameHits } from "../../teach/names.js";
import { withTaught } from "../../teach/store.js";
import { whereOf } from "./narrowing.js";
import { collectionAddress } from "../photo.js";
import { queryOf } from "../question/query.js";

/** @typedef {import("./matches.js").Found} Found */

export const FIRST_RESULTS = 60;
const MORE_RESULTS = 500;

export class Search {
  constructor() {
    this.key = "";
    /** The question that more than the first hits are wanted of. */
    this.wanted = "";
    /** @type {Promise<Found> | null} */
    this.answer = null;
  }

  /**
   * The answer that there is, or that is under way, where nothing has changed. null where nothing is asked.
   * @param {import("../question/query.js").Question} question @param {any} collection
   * @param {import("./narrowing.js").FilterValues} filters
   * @returns {Promise<Found | null>}
   */
  async of(question, collection, filters) {
    const query = withTaught(queryOf(question), collection);
    if (!query) return null;
    const asked = { query, where: whereOf(filters), fold: filters.fold };
    const key = JSON.stringify([collection.name, asked]);
    const k = this.wanted === key ? MORE_RESULTS : FIRST_RESULTS;
    if (key !== this.key || !this.answer) {
      this.key = key;
      this.answer = this.ask(collection, { ...asked, k });
    }
    return this.answer;
  }

  /** @param {any} collection @param {any} asked @returns {Promise<Found>} */
  async ask(collection, asked) {
    const { key } = this;
    try {
      const found = await fetchJson(collectionAddress(collection.name, "search"), posting(asked));
      await nameHits(collection, found.results);
      return { ...found, k: asked.k };
    } catch (error) {
      if (key === this.key) this.forget();
      throw error;
    }
  }

  /** The next time the server is asked again: what is searched has changed. */
  forget() {
    this.answer = null;
  }

  /** Of the same question. */
  more() {
    this.wanted = this.key;
    this.forget();
  }
}
