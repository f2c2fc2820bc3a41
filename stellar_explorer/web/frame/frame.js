/**
 * The page's frame: header, tabs and the strip of photos, outside of what Gradio draws, so that it is there at once and
 * at any width. It has the page's one session, and brings each tab's script and style when the tab is first opened.
 */

import { find, icon, make } from "../shared/elements.js";
import "../shared/line.js";
import { resolveAddress } from "../shared/requests.js";
import { fetchOk, fetchPhotoFacts, fetchSettings } from "../shared/server.js";
import { Session } from "../shared/session.js";
import { PhotoBar } from "./photo_bar.js";
import { tabList } from "./tab_list.js";
import { switchThemes } from "./theme.js";

/**
 * @typedef {{root: HTMLElement, session: Session, first: any, trigger?: (event: string, data: any) => void}} Mounting
 */

/** @type {Promise<Session> | undefined} */
let starting;

/** The page's one session; the frame is brought to life with it. */
export function start() {
  starting ??= begin();
  return starting;
}

async function begin() {
  const frame = document.querySelector("#stellar-frame") ?? await fetchFrame();
  try {
    switchThemes(find("button", frame, "[data-action=theme]"));
    const sent = document.querySelector("#stellar-settings")?.textContent;
    const session = new Session(sent ? JSON.parse(sent) : await fetchSettings());
    tabList(find("div", frame, ".tab-list"), session);
    new PhotoBar(find("section", frame, ".photo-bar"), session);
    listenForHelp(frame, session);
    session.check(fetchPhotoFacts);
    return session;
  } catch (error) {
    frame.append(alertOf(error));
    throw error;
  }
}

/** Where the document came without the frame, as inside another page. */
async function fetchFrame() {
  const template = make("template");
  template.innerHTML = await (await fetchOk("stellar/frame.html")).text(); // our own, and nothing of a visitor's
  const frame = find("div", template.content, "#stellar-frame");
  document.head.append(...template.content.querySelectorAll("link, #stellar-settings"));
  document.body.prepend(frame);
  return frame;
}

/** Help and Keyboard, fetched when they are first asked for; "?" opens Keyboard. @param {Element} frame
 * @param {Session} session */
function listenForHelp(frame, session) {
  /** @param {"openHelp" | "openKeyboard"} which */
  const open = async (which) => (await import("./help.js"))[which](frame, session, mounted);
  find("button", frame, "[data-action=help]").addEventListener("click", () => open("openHelp"));
  find("button", frame, "[data-action=keyboard]").addEventListener("click", () => open("openKeyboard"));
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target instanceof Element && event.target.closest("textarea, select, input");
    if (event.key === "?" && !isTyping && !document.querySelector("dialog[open]")) open("openKeyboard");
  });
  const skip = find("a", frame, ".skip-link");
  skip.addEventListener("click", (event) => {
    const panel = document.querySelector(`#panel-${session.state.tab}`);
    if (!(panel instanceof HTMLElement)) return;
    event.preventDefault(); // a jump would be a step of the history
    panel.tabIndex = -1;
    panel.focus();
  });
}

/** @type {Map<string, {promise: Promise<void>, done: () => void}>} */
const mountings = new Map();

/** @param {string} tab */
function mounting(tab) {
  let found = mountings.get(tab);
  if (!found) {
    let done = () => {};
    const promise = /** @type {Promise<void>} */ (new Promise((resolve) => { done = resolve; }));
    mountings.set(tab, found = { promise, done });
  }
  return found;
}

/** When a tab has come. @param {string} tab */
const mounted = (tab) => mounting(tab).promise;

/**
 * Called by each panel that Gradio has drawn. Its script and style are fetched when it is first opened; then
 * `mount({root, session, first, trigger})` of its module is called, once. first: what the page was sent with, or null.
 * @param {string} name
 * @param {HTMLElement} element
 * @param {{script: string, styles: string[]} & Partial<Mounting>} options  script, styles: addresses below stellar/web/
 */
export async function panel(name, element, { script, styles, first = null, trigger }) {
  const root = element.matches("[data-panel]") ? element : find("div", element, "[data-panel]");
  if (root.hasAttribute("data-mounted")) return;
  root.setAttribute("data-mounted", "");
  root.id = `panel-${name}`;
  root.setAttribute("role", "tabpanel");
  root.setAttribute("aria-labelledby", `tab-${name}`);
  root.dataset.state = "waiting";
  const session = await start();
  const bring = async () => {
    try {
      const [{ mount }] = await Promise.all([import(resolveAddress(`stellar/web/${script}`)), ...styles.map(style)]);
      await mount({ root, session, first, trigger });
      if (root.dataset.state === "waiting") delete root.dataset.state;
    } catch (error) {
      root.dataset.state = "error";
      root.replaceChildren(alertOf(error));
      console.info(error);
    }
    document.querySelector("#stellar-waiting")?.remove();
    mounting(name).done();
  };
  if (session.state.tab === name) {
    bring();
    return;
  }
  const unsubscribe = session.subscribe(({ tab }) => {
    if (tab !== name) return;
    unsubscribe();
    bring();
  });
}

/** @param {unknown} error */
function alertOf(error) {
  const sentence = `${error instanceof Error ? error.message : error} Reload the page.`;
  return make("p", { class: "alert", role: "alert" }, icon("close"), sentence);
}

/** @type {Map<string, Promise<void>>} */
const brought = new Map();

/** @param {string} path below stellar/web/ */
function style(path) {
  const found = brought.get(path);
  if (found) return found;
  const link = make("link", { rel: "stylesheet", href: resolveAddress(`stellar/web/${path}`) });
  const coming = /** @type {Promise<void>} */ (new Promise((done) => {
    link.addEventListener("load", () => done());
    link.addEventListener("error", () => done()); // unstyled is better than not at all
  }));
  brought.set(path, coming);
  document.head.append(link);
  return coming;
}

start().catch(() => {}); // said on the page
