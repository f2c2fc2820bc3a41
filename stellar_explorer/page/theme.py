"""The look that all tabs share: one theme, light and dark, and the page's frame around it."""

from __future__ import annotations

import gradio as gr

FONTS = ("Inter", "ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "sans-serif")
MONO = ("ui-monospace", "SF Mono", "Cascadia Code", "Menlo", "Consolas", "monospace")


def theme() -> gr.themes.Base:
    """Quiet greys, one indigo accent; fonts that are there already, so that nothing is fetched."""
    return gr.themes.Base(
        primary_hue=gr.themes.colors.indigo, neutral_hue=gr.themes.colors.stone, radius_size=gr.themes.sizes.radius_md,
        font=list(FONTS), font_mono=list(MONO),
    ).set(
        body_background_fill="#faf9f7", body_background_fill_dark="#121110", body_text_color="#1c1917",
        body_text_color_dark="#ece9e4", block_background_fill="transparent", block_background_fill_dark="transparent",
        block_border_width="0px", block_shadow="none", block_padding="0px",
    )


CSS = """
.gradio-container { max-width: 1480px !important; padding: 20px 28px 40px !important; }
.gradio-container .main.fillable { padding: 0 !important; }
.masthead { display: flex; align-items: center; gap: 12px; margin: 0 0 2px; }
.masthead img { width: 30px; height: 30px; }
.masthead h1 { font-size: 20px; font-weight: 650; letter-spacing: -0.01em; margin: 0; line-height: 1.2; }
.masthead p { margin: 0; opacity: 0.75; font-size: 14px; }
.masthead a { color: inherit; }
@media (max-width: 640px) {
  .gradio-container { padding: 14px 16px 32px !important; }
  .masthead p { display: none; }
}
"""

# Constant markup: nothing a visitor gives goes in here.
MASTHEAD = """
<header class="masthead">
  <img src="stellar/logo.svg" alt="" width="30" height="30">
  <h1>STELLAR Explorer</h1>
  <p>Look inside a vision model: what it sees, and where. After
     <a href="https://arxiv.org/abs/2602.01905" target="_blank" rel="noopener">Zhao et al., ICML 2026</a>.</p>
</header>
"""
