"""From files to the model: YAML, schemas and templates. The only home of yaml, jsonschema and jinja2."""
