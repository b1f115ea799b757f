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

clean:
	@rm -rf build build-*
