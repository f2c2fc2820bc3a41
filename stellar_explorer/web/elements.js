/** Building the stage's elements. Data only ever enters as text or as an attribute, never as markup. */

/** make("button", {class: "...", "data-copy": "photo", onclick: f}, "Copy", otherElement, ...) */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

let made = 0;

/** An id no other element of the page has. */
export function uniqueId(name) {
  made += 1;
  return `stellar-${name}-${made}`;
}

/** Write a text only when it differs, so that a frame costs no layout for what stays. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const STROKES = {
  photo: ["M3 5.5h14v9.5H3z", "M3.5 13.5l4-4 3.5 3.5 2.5-2 3 3", "M13 8.2h.01"],
  camera: ["M2.5 6.5h3.2L7 4.5h6l1.3 2h3.2v9h-15z", "M10 13.6a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6z"],
  link: ["M8.5 11.5a3 3 0 0 0 4.3 0l2.7-2.7a3 3 0 0 0-4.3-4.3l-1 1", "M11.5 8.5a3 3 0 0 0-4.3 0l-2.7 2.7a3 3 0 0 0 4.3 4.3l1-1"],
  download: ["M10 3.5v9", "M6.3 9.2L10 12.9l3.7-3.7", "M4 16.5h12"],
  code: ["M7 6l-4 4 4 4", "M13 6l4 4-4 4"],
  close: ["M5.5 5.5l9 9", "M14.5 5.5l-9 9"],
  check: ["M4.5 10.5l3.6 3.6 7.4-8"],
  handle: ["M7.5 6l-4 4 4 4", "M12.5 6l4 4-4 4"],
  search: ["M9 14.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11z", "M13 13l3.8 3.8"],
  plus: ["M10 4.5v11", "M4.5 10h11"],
  like: ["M4 9h2.6v7H4z", "M6.6 9l3-5.4c1.5 0 2.2 1 1.9 2.4L11 8.4h4c1 0 1.6.8 1.4 1.8l-.9 4.4c-.2.9-.8 1.4-1.7 1.4H6.6"],
  dislike: ["M4 11h2.6V4H4z", "M6.6 11l3 5.4c1.5 0 2.2-1 1.9-2.4l-.5-2.4h4c1 0 1.6-.8 1.4-1.8l-.9-4.4c-.2-.9-.8-1.4-1.7-1.4H6.6"],
  mutual: ["M3.5 7.5h12", "M12.5 4.5l3 3-3 3", "M16.5 13h-12", "M7.5 10l-3 3 3 3"],
  similar: ["M10 12.2a2.2 2.2 0 1 0 0-4.4 2.2 2.2 0 0 0 0 4.4z", "M10 16.5a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13z"],
};

/** A line icon, 20 units square, in the colour of the text around it. */
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
