/** The pictures of the comparison: each what was rebuilt, or the photo up to a line, or where it differs; or a gap. */

import { make, write } from "../shared/elements.js";
import { bytesInWords } from "../shared/numbers.js";
import { resolveAddress } from "../shared/requests.js";
import { lit } from "../retrieve/masks.js";

/** Parts with dots between them; a line breaks at the dots alone. @param {...(string | null)} parts */
const listed = (...parts) => parts.flatMap((part) => part ?? []).map((part) =>
  part.replaceAll(" ", "\u00a0")).join(" · ");

/** What the server says of a picture, in two lines. @param {any} facts */
function factsInWords({ tokens, bytes, native_width: width, native_height: height }) {
  return listed(tokens === null ? null : `${tokens} ${tokens === 1 ? "token" : "tokens"}`, bytesInWords(bytes),
    `${width} × ${height}`);
}

/** @param {any} facts */
function measuresInWords({ psnr_db: psnr, ssim, stem_distance: stem }) {
  return listed(`${psnr.toFixed(1)} dB`, `SSIM ${ssim.toFixed(2)}`, stem === null ? null : `stem ${stem.toFixed(2)}`);
}

class Frame {
  /**
   * A drag across the frame moves the line of all of them.
   * @param {string} name @param {{drag: (share: number) => void}} on
   */
  constructor(name, on) {
    this.on = on;
    this.image = make("img", { class: "rebuilt-image", draggable: "false", hidden: true });
    this.over = make("img", { class: "rebuilt-over", alt: "", draggable: "false", hidden: true });
    this.gap = make("p", { class: "rebuilt-gap", hidden: true, "data-gap": "" });
    this.frame = make("div", { class: "rebuilt-frame", onpointerdown: (/** @type {PointerEvent} */ event) =>
      this.drag(event) },
      this.image, this.over, make("span", { class: "rebuilt-line" }), this.gap);
    this.name = name;
  }

  /** @param {PointerEvent} event */
  drag(event) {
    if (event.button !== 0 || !this.frame.closest('[data-compare="slider"]')) return;
    const { left, width } = this.frame.getBoundingClientRect();
    const follow = (/** @type {PointerEvent} */ { clientX }) => this.on.drag((clientX - left) / width);
    follow(event);
    this.frame.setPointerCapture(event.pointerId);
    this.frame.addEventListener("pointermove", follow);
    const end = () => this.frame.removeEventListener("pointermove", follow);
    this.frame.addEventListener("pointerup", end, { once: true });
    this.frame.addEventListener("pointercancel", end, { once: true });
  }
}

/** The photo as all others are measured against, with a concept lit where a chip is pointed at. */
export class PhotoPicture {
  constructor() {
    this.image = make("img", { class: "rebuilt-image", draggable: "false", hidden: true });
    this.canvas = make("canvas", { class: "rebuilt-lit", "aria-hidden": "true" });
    this.facts = make("p", { class: "hint" });
    this.element = make("figure", { class: "rebuilt", "data-picture": "photo" },
      make("figcaption", { class: "rebuilt-title" }, make("strong", {}, "Photo"),
        make("span", { class: "hint" }, "the reference")),
      make("div", { class: "rebuilt-frame rebuilt-still" }, this.image, this.canvas), this.facts);
  }

  /** @param {any} study @param {string} address */
  show(study, address) {
    const [height, width] = study.reconstruct.size;
    this.scene = study;
    this.image.src = resolveAddress(address);
    this.image.alt = study.photo.alt || study.photo.name;
    this.image.hidden = false;
    write(this.facts, `${width} × ${height} pixels of ${study.photo.width} × ${study.photo.height}`);
    this.light(null);
  }

  /** @param {number | null} token */
  light(token) {
    const { canvas, scene } = this;
    const ratio = Math.min(2, window.devicePixelRatio || 1);
    const [width, height] = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
    if (!scene || !width || !height) return;
    [canvas.width, canvas.height] = [width, height];
    if (token === null) return;
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    const overlay = lit(scene.grid, token, width, height);
    context.drawImage(overlay.canvas, 0, 0, width, height);
    if (!overlay.path) return;
    context.lineCap = "round";
    for (const [thick, colour] of [[3.2, "rgb(10 9 8 / 0.55)"], [1.6, scene.analysis.palette[token]]]) {
      context.lineWidth = thick * ratio;
      context.strokeStyle = colour;
      context.stroke(overlay.path);
    }
  }
}

/** One way of rebuilding. `facts` is what the server said last, null before. */
export class RebuiltPicture extends Frame {
  /** @param {import("./server.js").Way} way @param {{drag: (share: number) => void}} on */
  constructor({ name, label, hint }, on) {
    super(name, on);
    this.way = { name, label, hint };
    /** @type {any} */
    this.facts = null;
    this.addresses = { picture: "", difference: "" };
    this.address = "";
    this.shownAddress = "";
    this.label = make("strong", {}, label);
    this.first = make("p", { class: "rebuilt-facts", "data-facts": "" });
    this.second = make("p", { class: "hint rebuilt-measures", "data-measures": "" });
    this.controls = make("div", { class: "rebuilt-controls", hidden: true });
    this.element = make("figure", { class: "rebuilt", "data-picture": name, "data-state": "waiting" },
      make("figcaption", { class: "rebuilt-title", title: hint }, this.label, make("span", { class: "hint" }, hint)),
      this.frame, this.first, this.second, this.controls);
  }

  /** What is chosen for this picture. @param {...HTMLElement} controls */
  give(...controls) {
    this.controls.replaceChildren(...controls);
    this.controls.hidden = !controls.length;
  }

  /** Another photo: what was there is another's. @param {string} photoAddress */
  clear(photoAddress) {
    this.facts = null;
    this.address = this.shownAddress = "";
    this.over.src = resolveAddress(photoAddress);
    this.over.hidden = false;
    this.image.hidden = true;
    this.gap.hidden = true;
    for (const line of [this.first, this.second]) write(line, "");
    this.element.dataset.state = "waiting";
  }

  /**
   * facts: as stellar_explorer/reconstruct/routes.py's `facts` has them.
   * @param {any} facts @param {{picture: string, difference: string}} addresses
   */
  take(facts, addresses) {
    this.facts = facts;
    this.addresses = addresses;
    const isMissing = facts.missing !== null;
    write(this.label, facts.model);
    write(this.gap, facts.missing ?? "");
    this.gap.hidden = !isMissing;
    write(this.first, isMissing ? "" : factsInWords(facts));
    write(this.second, isMissing ? "" : measuresInWords(facts));
    this.first.title = isMissing ? "" : facts.what;
    this.element.dataset.state = isMissing ? "missing" : "ready";
    if (isMissing) this.image.hidden = true;
  }

  /**
   * -> when what is shown has come.
   * @param {string} compare  one of COMPARED @param {string} about  the photo in words
   */
  async show(compare, about) {
    if (!this.facts || this.facts.missing !== null) return;
    const isDifference = compare === "difference";
    const address = resolveAddress(isDifference ? this.addresses.difference : this.addresses.picture);
    const from = this.facts.tokens === null ? `${this.facts.bytes} bytes` : `${this.facts.tokens} tokens`;
    const alt = isDifference ? `Where ${this.facts.model} differs from ${about}`
      : `${about}, rebuilt by ${this.facts.model} from ${from}`;
    if (address === this.shownAddress) return;
    this.shownAddress = address;
    // Decoded before it is shown: the picture before stays until then, and nothing blinks.
    const next = new Image();
    next.src = address;
    await next.decode().catch(() => {});
    if (address !== this.shownAddress) return;
    this.image.src = address;
    this.image.alt = alt;
    this.image.hidden = false;
  }
}
