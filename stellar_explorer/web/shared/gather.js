/** Ways in for a photo: choose, drag anywhere, paste, camera, and the gallery of examples. */

import { make, icon, uniqueId, write } from "./elements.js";
import { resolveAddress } from "./package.js";

const megabytes = (bytes) => `${(bytes / 2 ** 20).toFixed(1).replace(".0", "")} MB`;

/** Why a file is not worth uploading, in one sentence; null when it is. */
export function refusal(file, maxBytes) {
  if (file.size === 0) return "This file is empty; choose another photo.";
  if (file.size > maxBytes) {
    return `This photo is ${megabytes(file.size)} and the limit is ${megabytes(maxBytes)}; choose a smaller one.`;
  }
  return null;
}

/**
 * on: {file(File), example(id), refuse(sentence), isShown()} -> {element, mark(exampleId), take(File)}
 * takesDrops: false where the tab takes what is dropped by itself.
 */
export function gather(settings, on, { takesDrops = true } = {}) {
  const take = (file) => {
    if (!file) return;
    const sentence = refusal(file, settings.max_bytes);
    if (sentence) on.refuse(sentence);
    else on.file(file);
  };
  const chooser = make("input", {
    type: "file", accept: settings.accept, class: "unseen", tabindex: "-1", "aria-hidden": "true", "data-control": "file",
    onchange: () => {
      take(chooser.files[0]);
      chooser.value = "";
    },
  });
  const camera = cameraDialog(take, on.refuse);
  const veil = takesDrops ? dropAnywhere(take, on) : null;
  listenToPaste(take, on);
  const hint = uniqueId("hint");
  const tile = make("div", { class: "tile" },
    make("div", { class: "tile-buttons" },
      make("button", {
        type: "button", class: "button button-first", "data-action": "choose", "aria-describedby": hint,
        onclick: () => chooser.click(),
      }, icon("photo"), "Choose photo"),
      make("button", {
        type: "button", class: "button", "data-action": "camera", title: "Take a photo with this device's camera",
        onclick: camera.open,
      }, icon("camera"), "Camera")),
    make("p", { class: "hint", id: hint }, `or drop ${takesDrops ? "one" : "some"} anywhere, or paste · up to ${megabytes(settings.max_bytes)}`),
    chooser);
  const gallery = galleryStrip(settings.examples, on.example);
  return {
    element: make("div", { class: "gather" }, tile, gallery.element, camera.element, veil),
    mark: gallery.mark,
    take,
  };
}

function galleryStrip(examples, choose) {
  const credit = make("p", { class: "hint gallery-credit" });
  const resting = "Examples. Point at one for its title and credit.";
  const say = (example) => write(credit, example ? `${example.title} · ${example.credit}` : resting);
  say(null);
  const buttons = examples.map((example) => make("button", {
    type: "button", class: "example", "data-example": example.id, "aria-pressed": "false",
    title: `${example.title}. ${example.credit}`, onclick: () => choose(example.id),
    onpointerenter: () => say(example), onpointerleave: () => say(null),
    onfocus: () => say(example), onblur: () => say(null),
  }, make("img", {
    src: resolveAddress(example.thumbnail), alt: `${example.title}: ${example.alt}`, width: "64", height: "64",
    draggable: "false", loading: "lazy",
  })));
  return {
    element: make("div", { class: "gallery" },
      make("div", { class: "gallery-strip", role: "group", "aria-label": "Examples" }, ...buttons), credit),
    mark(id) {
      for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.example === id));
    },
  };
}

/** The whole page takes a dropped file; -> the veil that says so, in the top layer. */
function dropAnywhere(take, on) {
  const veil = make("div", { class: "veil", popover: "manual", "data-veil": "", "aria-hidden": "true" },
    make("div", { class: "veil-words" }, icon("photo"), "Drop the photo to analyse it"));
  const holdsFile = (event) => on.isShown() && [...(event.dataTransfer?.types ?? [])].includes("Files");
  const isOpen = () => veil.matches(":popover-open");
  const close = () => isOpen() && veil.hidePopover();
  window.addEventListener("dragenter", (event) => {
    if (!holdsFile(event)) return;
    event.preventDefault();
    if (!isOpen()) veil.showPopover();
  });
  window.addEventListener("dragover", (event) => {
    if (!holdsFile(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
  });
  window.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) close();
  });
  window.addEventListener("drop", (event) => {
    close();
    if (!holdsFile(event)) return;
    event.preventDefault();
    take(event.dataTransfer.files[0]);
  });
  return veil;
}

function listenToPaste(take, on) {
  document.addEventListener("paste", (event) => {
    if (!on.isShown()) return;
    const file = [...(event.clipboardData?.files ?? [])].find(({ type }) => type.startsWith("image/"));
    if (!file) return;
    event.preventDefault();
    take(file);
  });
}

function cameraDialog(take, refuse) {
  const video = make("video", { class: "camera-video", autoplay: true, playsinline: true, "aria-label": "Camera picture" });
  video.muted = true;
  const element = make("dialog", {
    class: "dialog", "aria-label": "Take a photo", "data-dialog": "camera", onclose: () => stop(),
  }, video, make("div", { class: "dialog-actions" },
    make("button", { type: "button", class: "button", onclick: () => element.close() }, "Cancel"),
    make("button", { type: "button", class: "button button-first", "data-action": "snap", onclick: snap }, "Take photo")));
  let stream = null;

  function stop() {
    stream?.getTracks().forEach((track) => track.stop());
    stream = null;
    video.srcObject = null;
  }

  async function open() {
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1920 } } });
    } catch (error) {
      const denied = error.name === "NotAllowedError";
      refuse(denied ? "The browser did not allow the camera; choose a photo instead."
        : "No camera can be used here; choose a photo instead.");
      return;
    }
    video.srcObject = stream;
    element.showModal();
  }

  function snap() {
    if (!video.videoWidth) return;
    const still = make("canvas", { width: video.videoWidth, height: video.videoHeight });
    still.getContext("2d").drawImage(video, 0, 0);
    still.toBlob((blob) => {
      element.close();
      take(new File([blob], "camera.jpg", { type: "image/jpeg" }));
    }, "image/jpeg", 0.92);
  }

  return { element, open };
}
