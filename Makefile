# make demo    what the small model inside Eidos thinks about, in a minute
# make test    everything that must hold: the one command that decides
# make bench   side by side with the Python peer (needs its virtual environment, see benches/README.md)

CARGO ?= cargo
# What `make demo` explains: MODEL is a folder or a Hub id, SPLIT a module path, TEXTS one text a line or JSON lines.
MODEL ?= eidos:demo
SPLIT ?= model.layers.2.mlp
TEXTS ?= assets/demo-texts.txt
CONCEPTS ?= 20

.PHONY: demo test tools lint rust docs features c header symbols bench clean

demo:
	@$(CARGO) run --release --quiet --example concepts -- '$(MODEL)' '$(SPLIT)' '$(TEXTS)' '$(CONCEPTS)'

test: tools lint rust docs features c
	@echo "all of it holds"

# What the tests need beside Rust: a C and C++ compiler and valgrind.
tools:
	@scripts/install-tools.sh

lint:
	$(CARGO) fmt --check
	$(CARGO) clippy --release --all-targets -- -D warnings

rust:
	$(CARGO) test --release

docs:
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --release --no-deps

# The library without downloads and without the demo model inside.
features:
	$(CARGO) clippy --release --lib --no-default-features -- -D warnings

c:
	$(CARGO) build --release --lib --examples
	tests/c/run.sh

# Write include/eidos.h, the list of symbols and the layout of the structs anew, to be looked at and committed.
header:
	EIDOS_UPDATE_HEADER=1 $(CARGO) test --release --test header

symbols:
	$(CARGO) build --release --lib
	UPDATE=1 tests/c/run.sh

bench:
	benches/side_by_side.sh

clean:
	$(CARGO) clean
