"""How Sphinx builds these pages; `make docs` runs it, and a warning is an error."""

from importlib.metadata import version as installed_version

from pygments.lexers.javascript import JavascriptLexer
from pygments.lexers.sql import SqlLexer
from sphinx.highlighting import lexers

project = "vdl_lora"
version = release = installed_version("vdl_lora")
project_copyright = "the authors of vdl_lora"

extensions = ["myst_parser"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["deflist", "fieldlist"]
myst_heading_anchors = 3
nitpicky = True

html_theme = "furo"
html_title = "vdl_lora"
html_copy_source = False

# Pygments has no lexers for InfluxDB's languages; these are near enough to colour them.
lexers["influxql"] = SqlLexer()
lexers["flux"] = JavascriptLexer()
