"""What transformers takes where a configuration says nothing: every field of the configuration class of each family."""
import json

import transformers
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from .common import DATA, write_json


def generate(_shared):
    transformers.logging.set_verbosity_error()
    configurations = sorted((DATA / "models").glob("*/*/config.json"))
    types = {json.loads(path.read_text())["model_type"] for path in configurations}
    # Text parts that have a type of their own.
    for path in (DATA / "multimodal").glob("*/config.json"):
        types.add(json.loads(path.read_text())["text_config"]["model_type"])
    types = sorted(types)
    fields = {name: CONFIG_MAPPING[name]().to_dict() for name in types if name in CONFIG_MAPPING}
    for name, values in fields.items():
        print(f"  {name}: {len(values)} fields")
        del values["transformers_version"]
    write_json(DATA / "defaults.json", fields)
