# The commands of README.md. Meson and Ninja do the work in build/.
BUILD := build
SHELL := /bin/sh
ARCH := $(shell dpkg --print-architecture 2>/dev/null)
PACKAGES := $(shell sed -n -e 's/ *\[$(ARCH)\]$$//' -e '/^[a-z0-9.+-]*$$/p' packages.txt)
RUN_OUT ?= runs/demo

.PHONY: all setup packages demo test test-long bench asan tsan valgrind fuzz lint format docs install coverage golden clean

all: setup
	@ninja -C $(BUILD) --quiet

# Missing Debian packages: installed when we may, otherwise named in one line.
packages:
	@missing=$$(for p in $(PACKAGES) $(EXTRA_PACKAGES); do \
	    dpkg-query -W -f '$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || echo $$p; done); \
	[ -z "$$missing" ] && exit 0; missing=$$(echo $$missing); \
	if [ "$$(id -u)" = 0 ]; then sudo=; elif sudo -n true 2>/dev/null; then sudo=sudo; else \
	    echo "missing Debian packages; install them with: sudo apt-get install --no-install-recommends $$missing" >&2; exit 1; fi; \
	echo "installing: $$missing"; \
	$$sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq --no-install-recommends $$missing >/dev/null

# Reconfigures only when a source file was added or removed.
setup: packages
	@mkdir -p $(BUILD); ls src/*/*.c src/*/*/*.c tests/* fuzz/* 2>/dev/null >$(BUILD)/.sources.new; \
	if [ ! -f $(BUILD)/build.ninja ]; then meson setup $(BUILD) $(MESON_FLAGS) >$(BUILD)/setup.log || { cat $(BUILD)/setup.log; exit 1; }; \
	elif ! cmp -s $(BUILD)/.sources $(BUILD)/.sources.new; then meson setup --reconfigure $(BUILD) >$(BUILD)/setup.log || { cat $(BUILD)/setup.log; exit 1; }; fi; \
	mv $(BUILD)/.sources.new $(BUILD)/.sources

demo: all
	@rm -rf $(RUN_OUT)
	@$(BUILD)/strata run bfc --out $(RUN_OUT)

test: all
	@meson test -C $(BUILD) --no-rebuild --suite fast --print-errorlogs

test-long: all
	@meson test -C $(BUILD) --no-rebuild --suite long --print-errorlogs

# Our steps and PyTorch's, our kernels and NumPy's, in turn; minutes, and worth something on an idle machine only.
bench:
	@$(MAKE) --no-print-directory all EXTRA_PACKAGES="python3-torch python3-numpy python3-sklearn"
	@/usr/bin/python3 bench/compare.py $(BUILD)/strata $(BENCH_FLAGS)
	@/usr/bin/python3 bench/kernels.py $(BUILD)/libstrata.so $(BENCH_KERNEL_FLAGS)

# ---- checks, each in a build folder of its own
FUZZ_SECONDS ?= 60
C_SOURCES = $(wildcard src/*/*.c src/*/*/*.c tests/*.c fuzz/*.c examples/*.c)
C_FILES = $(C_SOURCES) $(wildcard include/strata/*.h src/*/*.h src/*/*/*.h tests/*.h)
CHECK_TEST = meson test -C $(1) --no-rebuild --suite fast --print-errorlogs
# Checked builds are slow: the test programs, then every command once on the smallest work, but no scripts.
CHECK_SLOW = $(call CHECK_TEST,$(1)) --no-suite script
CHECK_PROGRAM = OPENBLAS_NUM_THREADS=1 tools/check_program.sh $(1)/strata
SANITIZE_FLAGS = -Dbuildtype=debugoptimized -Db_lundef=false

asan: export UBSAN_OPTIONS = halt_on_error=1:print_stacktrace=1:exitcode=99
asan: export ASAN_OPTIONS = detect_leaks=1:exitcode=99
asan:
	@$(MAKE) --no-print-directory all BUILD=build-asan MESON_FLAGS="-Db_sanitize=address,undefined $(SANITIZE_FLAGS)"
	@$(call CHECK_SLOW,build-asan) --timeout-multiplier 5
	@$(call CHECK_PROGRAM,build-asan)

# Our own threads only: OpenBLAS is not built for the sanitizer, and runs on one thread in tests.
tsan: export TSAN_OPTIONS = halt_on_error=1:exitcode=99
tsan:
	@$(MAKE) --no-print-directory all BUILD=build-tsan MESON_FLAGS="-Db_sanitize=thread $(SANITIZE_FLAGS)"
	@$(call CHECK_SLOW,build-tsan) --timeout-multiplier 10
	@$(call CHECK_PROGRAM,build-tsan)

# Valgrind knows no AVX-512: the portable variants only.
VALGRIND = valgrind --quiet --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite
valgrind: export OPENBLAS_CORETYPE = Haswell
valgrind:
	@$(MAKE) --no-print-directory all BUILD=build-valgrind EXTRA_PACKAGES=valgrind MESON_FLAGS="-Dbuildtype=debugoptimized -Dportable=true"
	@$(call CHECK_SLOW,build-valgrind) --timeout-multiplier 30 --wrap='$(VALGRIND)'
	@$(call CHECK_PROGRAM,build-valgrind) $(VALGRIND)

# The ops are counted in one precision: gcovr cannot merge what two compilations made of one line.
coverage:
	@$(MAKE) --no-print-directory all BUILD=build-coverage EXTRA_PACKAGES=gcovr MESON_FLAGS="-Db_coverage=true -Dbuildtype=debugoptimized"
	@$(call CHECK_TEST,build-coverage) --timeout-multiplier 5
	@mkdir -p build-coverage/report
	@gcovr --root . --filter src/ --exclude-directories '.*libops_f64.*' --exclude-unreachable-branches --gcov-ignore-parse-errors --html-details build-coverage/report/index.html \
	    --txt --print-summary build-coverage

fuzz:
	@$(MAKE) --no-print-directory setup BUILD=build-fuzz CC=clang EXTRA_PACKAGES="clang libclang-rt-14-dev" \
	    MESON_FLAGS="-Dfuzzers=true -Db_sanitize=address,undefined $(SANITIZE_FLAGS)"
	@for source in fuzz/fuzz_*.c; do target=$$(basename $$source .c); name=$${target#fuzz_}; \
	    ninja -C build-fuzz --quiet fuzz/$$target && mkdir -p build-fuzz/corpus/$$name && echo "$$target: $(FUZZ_SECONDS) s" && \
	    build-fuzz/fuzz/$$target -max_total_time=$(FUZZ_SECONDS) -max_len=16384 -timeout=10 -malloc_limit_mb=512 -verbosity=0 -print_final_stats=0 \
	        -artifact_prefix=build-fuzz/$$name- build-fuzz/corpus/$$name fuzz/corpus/$$name || exit 1; done

# Warnings that are errors: .clang-tidy says which; cppcheck knows what the compiler does not.
lint:
	@$(MAKE) --no-print-directory setup BUILD=build-lint CC=clang EXTRA_PACKAGES="clang clang-tidy cppcheck"
	@printf '%s\n' $(C_SOURCES) | xargs -P $$(nproc) -n 4 clang-tidy -p build-lint --quiet --warnings-as-errors='*' 2>/dev/null
	@cppcheck --quiet --error-exitcode=1 --enable=warning,portability,performance --inline-suppr --std=c11 -j $$(nproc) \
	    --suppressions-list=.cppcheck -I include -I src -D__GNUC__=12 -DREAL_BITS=32 -DOP_VARIANT=base src

# The public headers as HTML; an undocumented or wrongly documented name is an error.
docs:
	@$(MAKE) --no-print-directory packages EXTRA_PACKAGES=doxygen
	@mkdir -p $(BUILD)/docs
	@STRATA_DOCS=$(BUILD)/docs STRATA_VERSION=$$(sed -n "s/^project(.* version: '\([^']*\)'.*/\1/p" meson.build) doxygen Doxyfile
	@echo "$(BUILD)/docs/html/index.html"

# DESTDIR stages the files of PREFIX below another root, for packages.
PREFIX ?= /usr/local
DESTDIR ?=
install: all
	@grep -qx 'prefix=$(PREFIX)' $(BUILD)/meson-private/strata.pc || \
	    { meson configure $(BUILD) -Dprefix=$(PREFIX) && ninja -C $(BUILD) --quiet; }
	@meson install -C $(BUILD) --no-rebuild --quiet $(if $(DESTDIR),--destdir '$(abspath $(DESTDIR))')
	@[ -n '$(DESTDIR)' ] || [ "$$(id -u)" != 0 ] || ldconfig

format:
	@$(MAKE) --no-print-directory packages EXTRA_PACKAGES=clang-format
	@clang-format -i $(C_FILES)

clean:
	@rm -rf build build-*
