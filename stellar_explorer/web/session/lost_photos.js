/** What to do where the server no longer has a photo that somebody looks at. */

import { Gone, forgetStudies } from "../shared/server.js";

/** @typedef {import("./photo_ref.js").PhotoRef} PhotoRef */
/** @typedef {import("../shared/server.js").PhotoFacts} PhotoFacts */

export class LostPhotos {
  /** @param {import("../shared/session.js").Session} session */
  constructor(session) {
    this.session = session;
    /** Uploads that are under way again, by the token that was lost. @type {Map<string, Promise<PhotoFacts>>} */
    this.renewals = new Map();
  }

  /**
   * For a request about the photo that is looked at. What the server has lost is made again; an upload is brought
   * again if this page still has the file; else it is said, and the first example is looked at. Other errors are the
   * caller's.
   * @template T
   * @param {(photo: PhotoRef) => Promise<T>} request
   * @param {(file: File, name: string) => Promise<PhotoFacts>} upload
   * @returns {Promise<T>}
   */
  async about(request, upload) {
    const { photo } = this.session.state;
    try {
      return await request(photo);
    } catch (error) {
      if (!(error instanceof Gone)) throw error;
    }
    forgetStudies();
    const renewed = "photo" in photo ? await this.renewed(photo, upload) : photo;
    try {
      return await request(renewed);
    } catch (error) {
      if (error instanceof Gone && "photo" in renewed) this.lose([renewed.photo]);
      throw error;
    }
  }

  /**
   * The upload as the server has it now: sent again, once however many ask, where this page has the file.
   * @param {{photo: string, name: string}} photo
   * @param {(file: File, name: string) => Promise<PhotoFacts>} upload
   * @returns {Promise<{photo: string, name: string}>}
   */
  async renewed(photo, upload) {
    const file = this.session.own.files.get(photo.photo);
    if (!file) return photo;
    const name = photo.name || file.name;
    const renewal = this.renewals.get(photo.photo) ?? upload(file, name);
    this.renewals.set(photo.photo, renewal);
    try {
      const facts = await renewal;
      if (facts.token !== photo.photo && this.renewals.has(photo.photo)) this.exchange(photo, facts, file);
      return { photo: facts.token, name };
    } finally {
      this.renewals.delete(photo.photo);
    }
  }

  /** An upload has another token from now on. @param {{photo: string, name: string}} photo @param {PhotoFacts} facts
   * @param {File} file */
  exchange(photo, facts, file) {
    const { session } = this;
    session.list(facts, file, photo.photo);
    session.own.remove(photo.photo);
    const { concept } = session.state;
    const now = { photo: facts.token, name: facts.name };
    if (this.isLookedAt(photo.photo)) session.change({ photo: now, concept }, { isStep: false });
    else session.put({ ...session.state });
  }

  /** The server no longer has these uploads: said once, and no longer listed. @param {string[]} tokens */
  lose(tokens) {
    const { session } = this;
    const { photo } = session.state;
    const lost = tokens.filter((token) => session.own.known.has(token) || this.isLookedAt(token));
    if (!lost.length) return;
    const lookedAt = lost.find((token) => this.isLookedAt(token));
    const names = lost.map((token) => session.own.known.get(token)?.name
      || (token === lookedAt && "photo" in photo && photo.name) || "Your photo");
    for (const token of lost) session.own.forget(token);
    if (lookedAt) session.change({ photo: session.defaults.photo }, { isStep: false });
    else session.put({ ...session.state });
    const [are, them] = names.length === 1 ? ["is", "it"] : ["are", "them"];
    const meanwhile = lookedAt ? " An example is shown meanwhile." : "";
    session.tell(`${names.join(", ")} ${are} no longer on the server; add ${them} again.${meanwhile}`);
  }

  /**
   * After a reload: which of the own photos the server still has.
   * @param {(asked: {photo: string}) => Promise<PhotoFacts>} fetchFacts
   */
  async check(fetchFacts) {
    const { own, state: { photo } } = this.session;
    const tokens = new Set(own.list.map((one) => one.photo));
    if ("photo" in photo) tokens.add(photo.photo);
    const lost = await Promise.all([...tokens].map(async (token) => {
      try {
        await fetchFacts({ photo: token });
        return [];
      } catch (error) {
        return error instanceof Gone ? [token] : []; // a server that does not answer has lost nothing yet
      }
    }));
    this.lose(lost.flat());
  }

  /** @param {string} token */
  isLookedAt(token) {
    const { photo } = this.session.state;
    return "photo" in photo && photo.photo === token;
  }
}
