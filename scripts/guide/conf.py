"""Settings of Sphinx for the guide; ``python -m scripts.guide`` builds it."""

from __future__ import annotations

import re
from importlib.metadata import version as version_of
from pathlib import Path

from sphinx.application import Sphinx

project = "ktrdr"
author = "the ktrdr authors"
copyright = "the ktrdr authors, MIT licence"
release = version = version_of("ktrdr")
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]

# Markdown: headings get anchors, and an unknown page or anchor is a warning, which ends the build.
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "deflist"]

# Docstrings name code between single backticks too.
default_role = "code"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
# Names of types in place of what they are made of; the source says what each accepts.
autodoc_type_aliases = {
    name: name
    for name in ("ArrayLike", "BarTable", "BarsByTimeframe", "Decisions", "Execution", "Metrics", "Moment", "Recipe")
}
autodoc_member_order = "bysource"
autodoc_class_signature = "separated"
napoleon_use_ivar = True
python_maximum_signature_line_length = 88

html_theme = "furo"
html_title = f"ktrdr {release}"
html_static_path = [str(Path(__file__).resolve().parents[2] / "docs" / "_static")]
html_css_files = ["guide.css"]
html_show_sphinx = False
html_copy_source = False
html_show_sourcelink = False
# Blue and orange tell apart for colour-blind readers; the theme writes each set where a reader has chosen it.
_LIGHT = {
    "chart-up": "#2274b5",
    "chart-down": "#c35a00",
    "chart-0": "#2274b5",
    "chart-1": "#c35a00",
    "chart-2": "#5a8f00",
    "chart-3": "#8a4fbf",
    "chart-sell": "#8a4fbf",
    "color-brand-primary": "#1f6299",
    "color-brand-content": "#1f6299",
    "color-brand-visited": "#6b4a94",
}
_DARK = {
    "chart-up": "#6cb4ee",
    "chart-down": "#f29a4a",
    "chart-0": "#6cb4ee",
    "chart-1": "#f29a4a",
    "chart-2": "#a5d05a",
    "chart-3": "#c9a0f0",
    "chart-sell": "#c9a0f0",
    "color-brand-primary": "#7fbcf0",
    "color-brand-content": "#7fbcf0",
    "color-brand-visited": "#c9a8ee",
}
html_theme_options = {"top_of_page_buttons": [], "light_css_variables": _LIGHT, "dark_css_variables": _DARK}
# A light and a dark style that keep enough contrast for small code.
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"


def plain_signature(
    app: Sphinx, what: str, name: str, found: object, options: object, signature: str | None, returned: str | None
) -> tuple[str | None, str | None]:
    """Returns a signature in which the name of a type inside a union is that name alone."""

    def plain(text: str | None) -> str | None:
        return text and re.sub(r"TypeAliasForwardRef\('(\w+)'\)", r"\1", text)

    return plain(signature), plain(returned)


def setup(app: Sphinx) -> None:
    """Adds what the settings alone cannot say."""
    app.connect("autodoc-process-signature", plain_signature)
