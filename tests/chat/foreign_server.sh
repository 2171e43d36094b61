#!/usr/bin/env bash
# Asks a server that nobody here wrote: `transformers serve` with a tiny random model. What such a model says is no label;
# what is checked is that the two understand each other. Not part of `make test`: it installs Python packages.
#
#     PYTHON=path/to/python tests/chat/foreign_server.sh     # a Python with torch and "transformers[serving]"
set -euo pipefail
cd "$(dirname "$0")/../.."

work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$work"' EXIT

if [ -z "${PYTHON:-}" ]; then
    python3 -m venv "$work/venv"
    PYTHON=$work/venv/bin/python
    "$PYTHON" -m pip install --quiet torch "transformers[serving]"
fi
"$PYTHON" -c 'import transformers; print("transformers", transformers.__version__)'
"$PYTHON" tests/chat/tiny_model.py "$work/tiny"

port=${PORT:-8765}
HF_HUB_OFFLINE=1 "$PYTHON" -c 'from transformers.cli.transformers import main; main()' \
    serve --host 127.0.0.1 --port "$port" --device cpu >"$work/log" 2>&1 &
server=$!
for _ in $(seq 120); do
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then break; fi
    kill -0 "$server" 2>/dev/null || { cat "$work/log"; exit 1; }
    sleep 1
done

EIDOS_FOREIGN_SERVER=http://127.0.0.1:$port/v1 EIDOS_FOREIGN_MODEL=$work/tiny \
    ${CARGO:-cargo} test --release --test integration chat::foreign -- --ignored --nocapture || { tail -n 40 "$work/log"; exit 1; }
