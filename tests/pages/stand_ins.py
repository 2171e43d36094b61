"""What programs of the pages meet instead of a network: a chat server, and a cache of the hub with tiny files under real names."""

import http.server
import json
import pathlib
import shutil
import struct
import threading

DATA = pathlib.Path(__file__).resolve().parent.parent / "golden/data"


class Chat(http.server.BaseHTTPRequestHandler):
    """Speaks OpenAI's /chat/completions. It calls everything words on films, and says of every second passage that it is."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        question = body["messages"][-1]["content"]
        passages = question.partition("\n\nPassages:\n")[2]
        answer = {"answers": [line % 2 for line in range(passages.count("\n"))]} if passages else {"label": "words on films"}
        message = {"role": "assistant", "content": json.dumps(answer)}
        usage = {"prompt_tokens": 10, "completion_tokens": 2}
        answer = json.dumps({"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def serve_chat():
    """Begins to serve, and returns the address as OPENAI_BASE_URL has it."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Chat)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/v1"


def snapshot(home, repository):
    """The folder of the files of a repository in a cache of the hub, as HF_HOME names it."""
    commit = "0" * 40
    folder = home / "hub" / ("models--" + repository.replace("/", "--"))
    (folder / "refs").mkdir(parents=True)
    (folder / "refs/main").write_text(commit, encoding="utf-8")
    return folder / "snapshots" / commit


def fill_cache(home):
    """The dictionary of Gemma Scope that the pages open, and the model that it is for."""
    name = "gemma-scope-2b-pt-res"
    shutil.copytree(DATA / "dictionaries/gemma_scope" / name, snapshot(home, f"google/{name}"))
    model = snapshot(home, "google/gemma-2-2b")
    shutil.copytree(DATA / "tokenizers/gemma", model)
    write_deep_gemma(model, layers=26)


def write_deep_gemma(folder, layers):
    """The tiny Gemma 2 of the golden data with as many blocks as the real one, which repeat the few that it has."""
    config = json.loads((DATA / "models/gemma2/causal_lm/config.json").read_text(encoding="utf-8"))
    few = config["num_hidden_layers"]
    config["num_hidden_layers"] = layers
    config["layer_types"] = [config["layer_types"][layer % 2] for layer in range(layers)]
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")

    stored = (DATA / "models/gemma2/weights/model.safetensors").read_bytes()
    length = struct.unpack("<Q", stored[:8])[0]
    header, values = json.loads(stored[8 : 8 + length]), stored[8 + length :]
    new_header, new_values = {}, b""
    for layer in range(layers):
        for tensor, description in header.items():
            parts = tensor.split(".")
            if tensor == "__metadata__" or (parts[1] != "layers" and layer > 0) or (parts[1] == "layers" and int(parts[2]) != layer % few):
                continue
            if parts[1] == "layers":
                parts[2] = str(layer)
            start, end = description["data_offsets"]
            place = [len(new_values), len(new_values) + end - start]
            new_header[".".join(parts)] = {**description, "data_offsets": place}
            new_values += values[start:end]
    new_header = json.dumps(new_header).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(new_header)) + new_header + new_values)
