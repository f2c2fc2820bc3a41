/** Files that a person takes away from the Edit tab: pictures and recipes. */

import { make } from "../../shared/elements.js";
import { settled } from "../cutout/fills.js";
import { slugOf } from "./words.js";

/** @param {Blob} blob @param {string} name */
function deliver(blob, name) {
  const address = URL.createObjectURL(blob);
  const link = Object.assign(document.createElement("a"), { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** @param {Blob} blob @param {string} photo its name @param {string} kind "edited.png" */
export function saveBlob(blob, photo, kind) {
  deliver(blob, `stellar-${slugOf(photo)}-${kind}`);
}

/** @param {HTMLCanvasElement} canvas @returns {Promise<Blob>} */
async function png(canvas) {
  /** @type {Blob | null} */
  const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
  if (!blob) throw new Error("This browser could not write the picture.");
  return blob;
}

/** Pieces as they lie by now, transparent around them. @param {import("../cutout/cutouts.js").Placed[]} placed */
export function cutoutPng(placed) {
  const boxes = placed.map(({ cutout: { mask: { left, top, width, height } }, scale, right, down }) =>
    [left * scale + right, top * scale + down, (left + width) * scale + right, (top + height) * scale + down]);
  const [left, top] = [0, 1].map((side) => Math.floor(Math.min(...boxes.map((box) => box[side]))) - 1);
  const [right, bottom] = [2, 3].map((side) => Math.ceil(Math.max(...boxes.map((box) => box[side]))) + 1);
  const canvas = Object.assign(document.createElement("canvas"), { width: right - left, height: bottom - top });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.imageSmoothingQuality = "high";
  for (const { cutout, scale, right: dx, down } of placed) {
    context.setTransform(scale, 0, 0, scale, dx - left, down - top);
    context.drawImage(cutout.canvas, cutout.mask.left, cutout.mask.top);
  }
  return png(canvas);
}

/**
 * The edited photo at its own size.
 * @param {import("../cutout/cutouts.js").Cutouts} cutouts
 * @param {import("../cutout/layout.js").Layout} layout
 */
export async function photoPng(cutouts, layout) {
  cutouts.hole(layout.lifted);
  await settled();
  const canvas = Object.assign(document.createElement("canvas"), { width: cutouts.width, height: cutouts.height });
  cutouts.draw(/** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d")), cutouts.width, cutouts.height,
    layout);
  return png(canvas);
}

/** A recipe as text. @param {any} recipe */
export function recipeBlob(recipe) {
  return new Blob([`${JSON.stringify(recipe, null, 2)}\n`], { type: "application/json" });
}

/**
 * A file that a recipe needs and that is not here, asked for in a dialog. Raises Error where it is not given.
 * @param {HTMLElement} root
 * @param {string} name
 * @param {string} accept
 * @returns {Promise<File>}
 */
export function askForFile(root, name, accept) {
  return new Promise((resolve, reject) => {
    const chooser = /** @type {HTMLInputElement} */ (make("input", {
      type: "file", accept, class: "unseen", "aria-label": "The photo", "data-control": "recipe-photo",
    }));
    const cancel = make("button", { type: "button", class: "button" }, "Cancel");
    const choose = make("button", { type: "button", class: "button button-first" }, "Choose photo");
    const dialog = /** @type {HTMLDialogElement} */ (make("dialog", {
      class: "dialog", "aria-label": "A photo of the recipe", "data-dialog": "recipe-photo",
    }, make("p", {}, `The recipe takes from a photo that is not here: ${name}. Choose it.`), chooser,
    make("div", { class: "dialog-actions" }, cancel, choose)));
    const close = () => {
      dialog.close();
      dialog.remove();
    };
    const leave = () => {
      reject(new Error(`The recipe needs the photo ${name}; without it nothing was done.`));
      close();
    };
    chooser.addEventListener("change", () => {
      if (!chooser.files?.[0]) return;
      resolve(chooser.files[0]);
      close();
    });
    choose.addEventListener("click", () => chooser.click());
    cancel.addEventListener("click", leave);
    dialog.addEventListener("cancel", leave);
    root.append(dialog);
    dialog.showModal();
  });
}
