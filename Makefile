# SPDX-License-Identifier: Apache-2.0
#
# The two commands of the README, each enough on a fresh Debian 12:
#	sudo make demo		installs what is needed, builds, shows the gate on real traffic
#	sudo make test		installs what is needed, builds, runs all tests
# For work:
#	make			builds $(BUILD)/apimgate	(CC=clang, SAN=1: sanitizers, V=1: commands)
#	make check		all tests, nothing installed	(ONLY=unit,packet,net,lint,...)
#	make lint fuzz test-kernels install clean
#	make bench bench-check	what a packet costs; bench-change, -classify, -lookup: more of that

VERSION := 0.1.0
PREFIX ?= /usr
DESTDIR ?=

CC ?= cc
ifeq ($(origin CC),default)
CC := gcc
endif
CLANG ?= clang
BPFTOOL ?= $(or $(wildcard /usr/sbin/bpftool),bpftool)
CLANG_FORMAT ?= clang-format
CLANG_TIDY ?= clang-tidy

SAN ?= 0
ifeq ($(SAN),1)
BUILD ?= build/san
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
OPTIMIZE := -O1 -g
else
BUILD ?= build
OPTIMIZE := -O2 -g
endif

ifeq ($(V),1)
Q :=
else
Q := @
endif

MULTIARCH := $(shell $(CC) -print-multiarch 2>/dev/null)
WARN := -Wall -Wextra -Wshadow -Werror
HARDEN := -fstack-protector-strong -fPIE
CPPFLAGS += -D_GNU_SOURCE -DAPIMGATE_VERSION='"$(VERSION)"' -I. -Iinclude -I$(BUILD)
CFLAGS += -std=gnu11 $(OPTIMIZE) $(WARN) $(HARDEN) $(SANITIZE)
LDFLAGS += $(SANITIZE) -pie -Wl,-z,relro,-z,now
LDLIBS += -lbpf -lelf -lz -ljansson

BPF_CFLAGS := -O2 -g -target bpf -mcpu=v3 $(WARN) -Iinclude -Ibpf \
	$(if $(MULTIARCH),-I/usr/include/$(MULTIARCH))

LIB_SOURCES := $(wildcard agent/base/*.c agent/gate/*.c)
CLI_SOURCES := $(wildcard agent/cli/*.c)
LIB_OBJECTS := $(LIB_SOURCES:%.c=$(BUILD)/%.o)
CLI_OBJECTS := $(CLI_SOURCES:%.c=$(BUILD)/%.o)
CLI_TESTED := $(filter-out $(BUILD)/agent/cli/main.o,$(CLI_OBJECTS))
UNIT_TESTS := $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,$(wildcard tests/unit/test_*.c))
PACKET_SOURCES := $(wildcard tests/packet/*.c)
PACKET_TEST := $(if $(PACKET_SOURCES),$(BUILD)/tests/packet_test)
LOOKUP_OBJECTS := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/unit/lookup_*.c))
FUZZERS := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
SKELETON := $(BUILD)/gate.skel.h $(BUILD)/gate.build.h

.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:
.PHONY: all tests setup demo test check lint format fuzz test-kernels install clean
.PHONY: bench bench-check bench-change bench-classify bench-lookup

all: $(BUILD)/apimgate

$(BUILD)/apimgate: $(CLI_OBJECTS) $(BUILD)/libapimgate.a
	@echo "  LINK    $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/libapimgate.a: $(LIB_OBJECTS)
	@echo "  AR      $@"
	$(Q)rm -f $@ && ar rcs $@ $^

$(BUILD)/%.o: %.c Makefile | $(SKELETON)
	@echo "  CC      $<"
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/gate.bpf.o: bpf/gate.bpf.c $(wildcard bpf/*.h include/apimgate/*.h) Makefile
	@echo "  BPF     $<"
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c -o $@ $<

$(BUILD)/gate.skel.h: $(BUILD)/gate.bpf.o
	@echo "  SKEL    $@"
	$(Q)$(BPFTOOL) gen skeleton $< name gate_bpf >$@

# Names the program inside the binary, so that restore knows what to upgrade.
$(BUILD)/gate.build.h: $(BUILD)/gate.bpf.o
	$(Q)printf '#define GATE_BUILD "%.16s"\n' "$$(sha256sum $<)" >$@

$(BUILD)/agent/gate/loader.o: $(SKELETON)

# ---- tests ----

tests: all $(UNIT_TESTS) $(PACKET_TEST)

$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(CLI_TESTED) $(BUILD)/libapimgate.a
	@echo "  LINK    $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcmocka

$(BUILD)/tests/packet_test: $(PACKET_SOURCES:%.c=$(BUILD)/%.o) $(BUILD)/libapimgate.a
	@echo "  LINK    $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcmocka

# Lists and a model of lookups, which both kinds of tests use.
$(BUILD)/tests/unit/test_trie_model $(BUILD)/tests/packet_test: $(LOOKUP_OBJECTS)

# A fuzzer brings its own, instrumented build of everything that it calls.
$(BUILD)/fuzz/%: tests/fuzz/%.c $(LIB_SOURCES) $(CLI_SOURCES) | $(SKELETON)
	@echo "  FUZZ    $@"
	@mkdir -p $(@D)
	$(Q)clang $(CPPFLAGS) -std=gnu11 -O1 -g $(WARN) -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=undefined -o $@ $< $(LIB_SOURCES) \
		$(filter-out agent/cli/main.c,$(CLI_SOURCES)) $(LDLIBS)

setup:
	$(Q)scripts/setup

demo: setup
	$(Q)$(MAKE) --no-print-directory all
	$(Q)scripts/demo

test: setup
	$(Q)$(MAKE) --no-print-directory check

check: tests
	$(Q)BUILD=$(BUILD) SAN=$(SAN) MAKE="$(MAKE)" scripts/run-tests

fuzz: $(FUZZERS)
	$(Q)BUILD=$(BUILD) scripts/fuzz

bench bench-check: BENCH := BENCH_BUILD=$(abspath $(BUILD)) scripts/bench

bench: all
	$(Q)$(BENCH) --json $(BUILD)/bench.json $(BENCH_ARGS)
	$(Q)$(BENCH) --nginx --json $(BUILD)/bench-nginx.json $(NGINX_ARGS)

# 77: it could not be told, and the output says why.
bench-check: all
	$(Q)$(BENCH) --check $(BENCH_ARGS) || [ $$? -eq 77 ]

bench-change bench-classify bench-lookup: all
	$(Q)BENCH_BUILD=$(abspath $(BUILD)) scripts/$@ $(BENCH_ARGS)

test-kernels: tests
	$(Q)scripts/kernels

lint:
	$(Q)CC="$(CC)" CLANG_FORMAT="$(CLANG_FORMAT)" CLANG_TIDY="$(CLANG_TIDY)" BUILD=$(BUILD) scripts/lint

lint: $(SKELETON)

format:
	$(Q)$(CLANG_FORMAT) -i $$(git ls-files -co --exclude-standard '*.c' '*.h')

install: all
	install -Dm755 $(BUILD)/apimgate $(DESTDIR)$(PREFIX)/sbin/apimgate
	install -Dm644 deploy/completion/apimgate \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/apimgate
	install -d $(DESTDIR)$(PREFIX)/share/man/man8 $(DESTDIR)$(PREFIX)/lib/systemd/system
	install -m644 docs/man/*.8 $(DESTDIR)$(PREFIX)/share/man/man8/
	install -m644 deploy/systemd/apimgate.service $(DESTDIR)$(PREFIX)/lib/systemd/system/

clean:
	rm -rf build

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
