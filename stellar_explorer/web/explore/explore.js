/** TODO: the page as it was, in the new frame; its requests need a Gradio event that is gone. */

import { mountStage } from "./stage.js";

export function mount({ root, first }) {
  root.removeAttribute("data-mounted");
  root.setAttribute("data-stage", "");
  return mountStage({ element: root, trigger() {}, props: { value: { request: 0, status: "ready", ...first } }, watch() {}, upload() {} });
}
