/**
 * The page's frame: header, tabs and the strip of photos, outside of what Gradio draws, so that it is there at once and at
 * any width. It has the page's one session, and brings each tab's script and style when the tab is first opened.
 */

import { icon, make } from "./elements.js";
import "./line.js";
import { PhotoBar } from "./photo_bar.js";
import { resolveAddress } from "./requests.js";
import { fetchSettings } from "./server.js";
import { Session } from "./session.js";
import { TabList } from "./tab_list.js";
import { themeSwitch } from "./theme.js";

const TITLE = "STELLAR Explorer";
const PAPER = "https://arxiv.org/abs/2602.01905";

/** @type {Promise<Session> | undefined} */
let starting;

/** The page's one session; the frame is built with it. */
export function start() {
  starting ??= build();
  return starting;
}

async function build() {
  const frame = make("div", { id: "stellar-frame", class: "stellar-stage" }, header());
  document.querySelector("#stellar-frame")?.remove();
  document.body.prepend(frame);
  try {
    const session = new Session(await fetchSettings());
    frame.append(new TabList(session).element, new PhotoBar(session).element);
    return session;
  } catch (error) {
    frame.append(make("p", { class: "alert", role: "alert" }, `${error instanceof Error ? error.message : error} Reload the page.`));
    throw error;
  }
}

function header() {
  return make("header", { class: "masthead" },
    make("a", { class: "skip-link", href: "#stellar-panels" }, "Skip to the content"),
    make("img", { src: resolveAddress("stellar/logo.svg"), alt: "", width: "28", height: "28" }),
    make("h1", {}, TITLE),
    make("p", {}, "Look inside a vision model: what it sees in a photo, and where."),
    make("nav", { class: "masthead-links", "aria-label": "About" },
      make("a", { href: PAPER, target: "_blank", rel: "noopener" }, "Paper"),
      themeSwitch()));
}

/**
 * Called by each panel that Gradio has drawn. Its script and style are fetched when it is first opened; then
 * `mount({root, session, first, trigger})` of its module is called, once. first: what the page was sent with, or null.
 * @param {string} name
 * @param {HTMLElement} element
 * @param {{script: string, styles: string[], first?: any, trigger?: (event: string, data: any) => void}} options  addresses below stellar/web/
 */
export async function panel(name, element, { script, styles, first = null, trigger }) {
  const root = /** @type {HTMLElement} */ (element.matches?.("[data-panel]") ? element : element.querySelector("[data-panel]"));
  if (!root || root.hasAttribute("data-mounted")) return;
  root.setAttribute("data-mounted", "");
  root.id = `panel-${name}`;
  root.dataset.state = "waiting";
  const session = await start();
  const bring = async () => {
    try {
      const [{ mount }] = await Promise.all([import(resolveAddress(`stellar/web/${script}`)), ...styles.map(style)]);
      await mount({ root, session, first, trigger });
    } catch (error) {
      root.dataset.state = "error";
      root.replaceChildren(make("p", { class: "alert", role: "alert" }, icon("close"), `${error instanceof Error ? error.message : error} Reload the page.`));
    }
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

/** @type {Map<string, Promise<void>>} */
const brought = new Map();

/** @param {string} path below stellar/web/ */
function style(path) {
  if (!brought.has(path)) {
    const link = make("link", { rel: "stylesheet", href: resolveAddress(`stellar/web/${path}`) });
    brought.set(path, new Promise((done) => {
      link.addEventListener("load", () => done());
      link.addEventListener("error", () => done()); // unstyled is better than not at all
    }));
    document.head.append(link);
  }
  return brought.get(path);
}

if (!document.body) await new Promise((done) => document.addEventListener("DOMContentLoaded", done, { once: true }));
start().catch(() => {}); // said on the page
