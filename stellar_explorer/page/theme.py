"""The look that Gradio's own parts have: one theme, light and dark. The page's own is web/shared/tokens.css."""

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
