"""Sphinx: what the documentation is made with."""

project = "Penstock"
author = "The Penstock authors"
copyright = "2026, the Penstock authors"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
napoleon_google_docstring = True
napoleon_custom_sections = [("Called", "params_style")]
autodoc_member_order = "bysource"
autodoc_typehints = "description"
html_theme = "furo"
html_title = "Penstock"
exclude_patterns = ["_build", "examples/*/README.md"]
