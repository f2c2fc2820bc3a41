/** Building the stage's elements. Data only ever enters as text or as an attribute, never as markup. */

/**
 * What may be inside an element; null, undefined and false are left out, so that a child may depend on something.
 * @typedef {Node | string | null | undefined | false} Child
 */

/**
 * make("button", {class: "...", "data-copy": "photo", onclick: f}, "Copy", otherElement, ...)
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, any>} [attributes]  true: there, without a value; false, null, undefined: not there
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/**
 * What a selector finds; an Error where there is nothing, which is our own mistake.
 * find("button", root, ".photo-add button") has the button's type.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {ParentNode} within
 * @param {string} selector
 * @returns {HTMLElementTagNameMap[T]}
 */
export function find(tag, within, selector) {
  const found = within.querySelector(selector);
  if (found?.localName !== tag) throw new Error(`There is no ${tag} ${selector}.`);
  return /** @type {any} */ (found);
}

let made = 0;

/** An id no other element of the page has. @param {string} name */
export function uniqueId(name) {
  made += 1;
  return `stellar-${name}-${made}`;
}

/** Write a text only when it differs, so that a frame costs no layout for what stays.
 * @param {Node} element @param {string} text */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** @type {Record<string, string[]>} */
const STROKES = {
  photo: ["M3 5.5h14v9.5H3z", "M3.5 13.5l4-4 3.5 3.5 2.5-2 3 3", "M13 8.2h.01"],
  camera: ["M2.5 6.5h3.2L7 4.5h6l1.3 2h3.2v9h-15z", "M10 13.6a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6z"],
  link: ["M8.5 11.5a3 3 0 0 0 4.3 0l2.7-2.7a3 3 0 0 0-4.3-4.3l-1 1",
    "M11.5 8.5a3 3 0 0 0-4.3 0l-2.7 2.7a3 3 0 0 0 4.3 4.3l1-1"],
  download: ["M10 3.5v9", "M6.3 9.2L10 12.9l3.7-3.7", "M4 16.5h12"],
  code: ["M7 6l-4 4 4 4", "M13 6l4 4-4 4"],
  close: ["M5.5 5.5l9 9", "M14.5 5.5l-9 9"],
  check: ["M4.5 10.5l3.6 3.6 7.4-8"],
  handle: ["M7.5 6l-4 4 4 4", "M12.5 6l4 4-4 4"],
  rebuild: ["M3 3.5h6v6H3z", "M11 3.5h6v6h-6z", "M3 11.5h6v5H3z", "M13.8 11.5v5.4", "M11.3 14.3l2.5 2.6 2.5-2.6"],
  search: ["M9 14.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11z", "M13 13l3.8 3.8"],
  plus: ["M10 4.5v11", "M4.5 10h11"],
  like: ["M4 9h2.6v7H4z",
    "M6.6 9l3-5.4c1.5 0 2.2 1 1.9 2.4L11 8.4h4c1 0 1.6.8 1.4 1.8l-.9 4.4c-.2.9-.8 1.4-1.7 1.4H6.6"],
  dislike: ["M4 11h2.6V4H4z",
    "M6.6 11l3 5.4c1.5 0 2.2-1 1.9-2.4l-.5-2.4h4c1 0 1.6-.8 1.4-1.8l-.9-4.4c-.2-.9-.8-1.4-1.7-1.4H6.6"],
  mutual: ["M3.5 7.5h12", "M12.5 4.5l3 3-3 3", "M16.5 13h-12", "M7.5 10l-3 3 3 3"],
  erase: ["M7.5 15.5h9",
    "M3.6 11.6l7.3-7.3a1.2 1.2 0 0 1 1.7 0l3.6 3.6a1.2 1.2 0 0 1 0 1.7l-5.9 5.9H6.6l-3-3a.6.6 0 0 1 0-.9z"],
  clone: ["M7.5 7.5h9v9h-9z", "M12.5 7.5v-4h-9v9h4"],
  undo: ["M6.8 4L3.5 7.3l3.3 3.3", "M3.5 7.3h8a4.3 4.3 0 1 1 0 8.7H8"],
  redo: ["M13.2 4l3.3 3.3-3.3 3.3", "M16.5 7.3h-8a4.3 4.3 0 1 0 0 8.7H12"],
  open: ["M10 13V4", "M6.3 7.4L10 3.7l3.7 3.7", "M4 16.5h12"],
  what: ["M3.5 6.5h9", "M9.5 3.5l3 3-3 3", "M16.5 13.5h-9", "M10.5 10.5l-3 3 3 3"],
  where: ["M10 17s5-4.6 5-8.6a5 5 0 0 0-10 0C5 12.4 10 17 10 17z", "M10 10.2a1.9 1.9 0 1 0 0-3.8 1.9 1.9 0 0 0 0 3.8z"],
  edit: ["M4 16l.8-3.4 8.6-8.6 2.6 2.6-8.6 8.6z", "M11.5 5.9l2.6 2.6"],
  more: ["M5 10h.01", "M10 10h.01", "M15 10h.01"],
  adjust: ["M3.5 6h7", "M14.5 6h2", "M12.5 8a2 2 0 1 0 0-4 2 2 0 0 0 0 4z", "M3.5 14h2", "M9.5 14h7",
    "M7.5 16a2 2 0 1 0 0-4 2 2 0 0 0 0 4z"],
  similar: ["M10 12.2a2.2 2.2 0 1 0 0-4.4 2.2 2.2 0 0 0 0 4.4z", "M10 16.5a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13z"],
};

/** A line icon, 20 units square, in the colour of the text around it. @param {string} name */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("icon");
  for (const stroke of STROKES[name]) {
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", stroke);
    svg.append(path);
  }
  return svg;
}
