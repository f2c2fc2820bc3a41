/** What the window has beside a browser's own, for tsc alone: no browser asks for this file. */

interface Window {
  /** Gradio's. */
  gradio_config?: { root?: string };
  /** web/frame/early.js: whether the page is to be dark. */
  stellarWantsDark?: () => boolean;
}

declare var gradio_config: { root?: string } | undefined;
