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
