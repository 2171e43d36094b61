"""Where the fixtures go and how they are written."""
import json
import pathlib

DATA = pathlib.Path(__file__).resolve().parent.parent / "data"


def folder(*parts):
    """A folder below `data/`, made if need be."""
    path = DATA.joinpath(*parts)
    path.mkdir(parents=True, exist_ok=True)
    return path


def write_json(path, value):
    """Write JSON whose outer containers have one entry a line: small, and readable in a diff."""

    def line(item):
        return json.dumps(item, ensure_ascii=False, separators=(",", ":"), allow_nan=False)

    if isinstance(value, list):
        body = "[\n" + ",\n".join(line(item) for item in value) + "\n]\n"
    else:
        entries = []
        for key, item in value.items():
            if isinstance(item, list) and item and isinstance(item[0], dict):
                text = "[\n" + ",\n".join("  " + line(entry) for entry in item) + "\n]"
            else:
                text = line(item)
            entries.append(f"{json.dumps(key)}: {text}")
        body = "{\n" + ",\n".join(entries) + "\n}\n"
    pathlib.Path(path).write_text(body, encoding="utf-8")
