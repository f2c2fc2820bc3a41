/** How the view of "What moves, what stays" stands in an address: what differs from its opening. Pure. */

/**
 * What is left out is as at the opening: a shift, the usual amount of a change, the peer that the server puts first.
 * @typedef {{change?: string, amount?: number, peer?: string}} View
 */

const NAMES = ["change", "amount", "peer"];

/** @type {import("../shared/session.js").ViewAddress} */
export const equivarianceAddress = {
  names: NAMES,

  write({ views }) {
    const view = views.equivariance ?? {};
    return Object.fromEntries(NAMES.map((name) => [name, view[name]]));
  },

  /** Whether the server offers it is seen when its list has come. */
  read(query) {
    /** @type {View} */
    const view = {};
    for (const name of /** @type {const} */ (["change", "peer"])) {
      const said = query.get(name) ?? "";
      if (/^[a-z][a-z0-9-]{0,39}$/.test(said)) view[name] = said;
    }
    const amount = query.get("amount") ?? "";
    if (/^-?\d{1,3}$/.test(amount)) view.amount = Number(amount);
    return view;
  },
};
