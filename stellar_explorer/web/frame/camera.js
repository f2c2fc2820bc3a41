/** A dialog that takes a photo with this device's camera. */

import { make } from "../shared/elements.js";

export class Camera {
  /** @param {(file: File) => void} take @param {(sentence: string) => void} refuse */
  constructor(take, refuse) {
    this.take = take;
    this.refuse = refuse;
    /** @type {MediaStream | null} */
    this.stream = null;
    this.video = make("video", {
      class: "camera-video", autoplay: true, playsinline: true, "aria-label": "Camera picture",
    });
    this.video.muted = true;
    const [cancel, snap] = [() => this.element.close(), () => this.snap()];
    this.element = make("dialog", {
      class: "dialog", "aria-label": "Take a photo", "data-dialog": "camera", onclose: () => this.stop(),
    }, this.video, make("div", { class: "dialog-actions" },
      make("button", { type: "button", class: "button", onclick: cancel }, "Cancel"),
      make("button", { type: "button", class: "button button-first", "data-action": "snap", onclick: snap },
        "Take photo")));
  }

  stop() {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = null;
    this.video.srcObject = null;
  }

  async open() {
    try {
      const video = { facingMode: "environment", width: { ideal: 1920 } };
      this.stream = await navigator.mediaDevices.getUserMedia({ video });
    } catch (error) {
      const isDenied = error instanceof DOMException && error.name === "NotAllowedError";
      const why = isDenied ? "The browser did not allow the camera" : "No camera can be used here";
      this.refuse(`${why}; add a photo instead.`);
      return;
    }
    this.video.srcObject = this.stream;
    this.element.showModal();
  }

  snap() {
    if (!this.video.videoWidth) return;
    const still = make("canvas", { width: this.video.videoWidth, height: this.video.videoHeight });
    still.getContext("2d")?.drawImage(this.video, 0, 0);
    still.toBlob((blob) => {
      this.element.close();
      if (blob) this.take(new File([blob], "camera.jpg", { type: "image/jpeg" }));
    }, "image/jpeg", 0.92);
  }
}
