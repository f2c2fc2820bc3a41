/** What Gradio adds to the window, for tsc alone: no browser asks for this file. */

interface Window {
  gradio_config?: { root?: string };
}
