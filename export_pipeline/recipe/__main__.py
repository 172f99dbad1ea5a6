"""``python -m export_pipeline.recipe`` writes the JSON Schemas and the page of recipe keys anew."""

from __future__ import annotations

from export_pipeline.base.files import write_text
from export_pipeline.recipe.page import PAGE, page
from export_pipeline.recipe.schema import KINDS, schema_file, schema_text

for kind in KINDS:
    write_text(schema_file(kind), schema_text(kind))
write_text(PAGE, page())
