# evs: `make help` names the targets.

VERSION := 0.1.0
TOOLS   := append cat fold stat project snapshot replay decide consume group dlq request reply metrics verify backup

PREFIX     ?= /usr/local
BINDIR     ?= $(PREFIX)/bin
LIBDIR     ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR     ?= $(PREFIX)/share/man
DATADIR    ?= $(PREFIX)/share
DESTDIR    ?=

BUILD  ?= build
CC     ?= cc
CFLAGS ?= -O3 -g
V      ?= 0
Q      := $(if $(filter 0,$(V)),@)

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes \
            -Wold-style-definition -Wcast-qual -Wwrite-strings -Wvla -Wformat=2 -Wundef -Werror=implicit-function-declaration
HARDEN   := -fstack-protector-strong -D_FORTIFY_SOURCE=2
LINK     := -Wl,-z,relro,-z,now,-z,noexecstack,--as-needed
# STYLE: the unbounded string functions do not compile.
BANNED   := -include lib/base/banned.h

PKG_CONFIG ?= pkg-config
PACKAGES   := lmdb libzstd yyjson gmp
LIBS       := $(shell $(PKG_CONFIG) --libs $(PACKAGES) 2>/dev/null || echo -llmdb -lzstd -lyyjson -lgmp) -lpthread -lm
# The tools take lmdb, zstd and gmp into themselves where their archives are there: a process starts 0.1 ms sooner.
ARCHIVES   := $(foreach name,lmdb zstd gmp,$(shell $(CC) -print-file-name=lib$(name).a))
TOOL_LIBS  := $(filter /%,$(ARCHIVES)) $(LIBS) -ldl
# readline is not linked: the one tool that is for a terminal loads it when it is on one (cmd/common/line.c).

ALL_CFLAGS = -std=c11 -fPIC -D_GNU_SOURCE -Ilib -Icmd -DEVS_BUILD_VERSION='"$(VERSION)"' $(WARNINGS) $(BANNED) -fvisibility=hidden \
             $(CFLAGS) $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer,$(HARDEN)) -MMD -MP

LIB_SRC  := $(sort $(wildcard lib/*/*.c))
CMD_SRC  := $(sort $(wildcard cmd/*.c cmd/common/*.c cmd/debug/*.c))
UNIT_SRC := $(sort $(wildcard tests/unit/*.c))
FUZZ_SRC := $(sort $(wildcard tests/fuzz/*.c))
LIB_OBJ  := $(LIB_SRC:%.c=$(BUILD)/obj/%.o)
CMD_OBJ  := $(CMD_SRC:%.c=$(BUILD)/obj/%.o)
UNITS    := $(UNIT_SRC:tests/unit/%.c=$(BUILD)/unit/%)
FUZZERS  := $(FUZZ_SRC:tests/fuzz/%.c=$(BUILD)/fuzz/%)
CRASH    := $(BUILD)/crash/shim.so $(addprefix $(BUILD)/crash/,record replay errors)
BENCHES  := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(sort $(wildcard tests/bench/*.c)))
BATS     := $(sort $(wildcard tests/*.bats))
MANUALS  := $(sort $(wildcard man/*.[1357]))
PROGRAMS := $(BUILD)/bin/evs $(TOOLS:%=$(BUILD)/bin/evs-%)

.DELETE_ON_ERROR:
.PHONY: all
all: $(PROGRAMS) $(BUILD)/libevs.so $(BUILD)/evs.pc

# Everything is made again when the compiler or its flags change.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(ALL_CFLAGS) $(LINK) $(LIBS)' | cmp -s - $@ || echo '$(CC) $(ALL_CFLAGS) $(LINK) $(LIBS)' >$@
.PHONY: FORCE

$(BUILD)/obj/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	@$(if $(Q),echo "  CC $<")
	$(Q)$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(BUILD)/libevs.a: $(LIB_OBJ)
	@rm -f $@
	$(Q)ar rcs $@ $^

$(BUILD)/libevs.so: $(LIB_OBJ)
	$(Q)$(CC) $(CFLAGS) -shared -Wl,-soname,libevs.so.0 $(LINK) $(if $(SANITIZE),-fsanitize=$(SANITIZE)) -o $@ $^ $(LIBS)

# All tools are one program (lib/README.md says why); evs-TOOL is a link to it.
$(BUILD)/bin/evs: $(CMD_OBJ) $(BUILD)/libevs.a
	@mkdir -p $(@D)
	@$(if $(Q),echo "  LD $@")
	$(Q)$(CC) $(CFLAGS) $(if $(SANITIZE),-fsanitize=$(SANITIZE)) -pie $(LINK) -o $@ $^ $(TOOL_LIBS)

$(BUILD)/bin/evs-%: $(BUILD)/bin/evs
	$(Q)ln -sf evs $@

$(BUILD)/evs.pc: lib/evs.pc.in Makefile
	@mkdir -p $(@D)
	$(Q)sed 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@INCLUDEDIR@|$(INCLUDEDIR)|; s|@VERSION@|$(VERSION)|' $< >$@

$(BUILD)/unit/%: tests/unit/%.c $(BUILD)/libevs.a $(BUILD)/flags
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -Wno-cast-qual -o $@ $< $(BUILD)/libevs.a $(LIBS) -lcmocka

$(BUILD)/bench/%: tests/bench/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE -O2 $(WARNINGS) -o $@ $< -llmdb -lpthread -lm

CORES := $(shell nproc 2>/dev/null || echo 2)
# Power cuts and calls that fail: tests/crash/README.md.
.PHONY: crash
crash: $(BUILD)/bin/evs $(CRASH)
$(BUILD)/crash/shim.so: tests/crash/shim.c tests/crash/log.h
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE -O2 $(WARNINGS) -fPIC -shared -o $@ $< -ldl -lpthread
$(BUILD)/crash/record: tests/crash/record.c tests/crash/log.h
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE -O2 $(WARNINGS) -Wno-cast-qual -o $@ $<
$(BUILD)/crash/%: tests/crash/%.c tests/crash/disk.c tests/crash/state.c $(wildcard tests/crash/*.h) $(BUILD)/libevs.a $(BUILD)/flags
	@mkdir -p $(@D)
	$(Q)$(CC) $(filter-out -MMD -MP,$(ALL_CFLAGS)) -o $@ $(filter %.c,$^) $(BUILD)/libevs.a $(TOOL_LIBS)

# Damaged stores: tests/damage/README.md.
.PHONY: damage
damage: $(BUILD)/bin/evs $(BUILD)/damage/damage
$(BUILD)/damage/%: tests/damage/%.c $(BUILD)/libevs.a $(BUILD)/flags
	@mkdir -p $(@D)
	$(Q)$(CC) $(filter-out -MMD -MP,$(ALL_CFLAGS)) -o $@ $< $(BUILD)/libevs.a $(TOOL_LIBS)

.PHONY: deps
deps: ## install what building and testing needs (Debian, Ubuntu)
	@.ci/deps

.PHONY: demo
demo: deps ## install what is missing, build, run a real pipeline on a sample
	@$(MAKE) --no-print-directory -j$(CORES) all
	@samples/demo

.PHONY: check
check: deps ## install what is missing, build, run all tests
	@$(MAKE) --no-print-directory -j$(CORES) all
	@tests/check

.PHONY: check-long
check-long: deps ## tests with sanitizers, fuzzers at work, long soaks
	@$(MAKE) --no-print-directory -j$(CORES) all
	@tests/check --long

.PHONY: asan
asan: ## build with address and undefined-behaviour sanitizers into build/asan
	@$(MAKE) --no-print-directory BUILD=build/asan SANITIZE=address,undefined CFLAGS='-O1 -g' all

.PHONY: bench bench-peers
bench: all $(BENCHES) ## measure evs and its peers on the same events, print ratios
	@tests/bench/run $(BENCH)
bench-peers: ## install the peers that Debian packages
	@tests/bench/peers

.PHONY: units fuzzers
units: $(UNITS)
# Fuzz targets need clang; each also runs its corpus.
fuzzers:
	@$(MAKE) --no-print-directory BUILD=build/fuzzing CC=clang SANITIZE=fuzzer-no-link,address,undefined CFLAGS='-O1 -g' build-fuzzers
.PHONY: build-fuzzers
build-fuzzers: $(FUZZERS)
$(BUILD)/fuzz/%: tests/fuzz/%.c $(BUILD)/libevs.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -Wno-missing-prototypes -fsanitize=fuzzer -o $@ $< $(BUILD)/libevs.a $(LIBS)

.PHONY: fuzz
SECONDS ?= 60
fuzz: fuzzers ## run every fuzz target for SECONDS=60
	@for f in build/fuzzing/fuzz/*; do \
		case $$f in *.d) continue;; esac; \
		name=$${f##*/}; mkdir -p build/fuzzing/corpus/$$name; \
		$$f -max_total_time=$(SECONDS) -print_final_stats=0 build/fuzzing/corpus/$$name tests/fuzz/corpus/$$name || exit 1; \
	done

.PHONY: install uninstall
install: all ## install below DESTDIR and PREFIX
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(INCLUDEDIR)
	install -m 755 $(BUILD)/bin/evs $(DESTDIR)$(BINDIR)/evs
	for t in $(TOOLS); do ln -sf evs $(DESTDIR)$(BINDIR)/evs-$$t; done
	install -m 755 $(BUILD)/libevs.so $(DESTDIR)$(LIBDIR)/libevs.so.0
	ln -sf libevs.so.0 $(DESTDIR)$(LIBDIR)/libevs.so
	install -m 644 $(BUILD)/libevs.a $(DESTDIR)$(LIBDIR)/libevs.a
	install -m 644 lib/evs.h $(DESTDIR)$(INCLUDEDIR)/evs.h
	install -m 644 $(BUILD)/evs.pc $(DESTDIR)$(LIBDIR)/pkgconfig/evs.pc
	for m in $(MANUALS); do install -D -m 644 $$m $(DESTDIR)$(MANDIR)/man$${m##*.}/$${m##*/} || exit 1; done
	install -D -m 644 completions/evs.bash $(DESTDIR)$(DATADIR)/bash-completion/completions/evs
	install -D -m 644 completions/_evs $(DESTDIR)$(DATADIR)/zsh/site-functions/_evs
	install -D -m 644 completions/evs.fish $(DESTDIR)$(DATADIR)/fish/vendor_completions.d/evs.fish

uninstall: ## remove what install put there
	rm -f $(DESTDIR)$(BINDIR)/evs $(TOOLS:%=$(DESTDIR)$(BINDIR)/evs-%)
	rm -f $(DESTDIR)$(LIBDIR)/libevs.so $(DESTDIR)$(LIBDIR)/libevs.so.0 $(DESTDIR)$(LIBDIR)/libevs.a
	rm -f $(DESTDIR)$(LIBDIR)/pkgconfig/evs.pc $(DESTDIR)$(INCLUDEDIR)/evs.h
	for m in $(MANUALS); do rm -f $(DESTDIR)$(MANDIR)/man$${m##*.}/$${m##*/}; done
	rm -f $(DESTDIR)$(DATADIR)/bash-completion/completions/evs $(DESTDIR)$(DATADIR)/zsh/site-functions/_evs
	rm -f $(DESTDIR)$(DATADIR)/fish/vendor_completions.d/evs.fish

.PHONY: clean help
clean: ## remove what was built
	rm -rf build

help: ## this list
	@sed -n 's/^\([a-z-]*\)[a-z -]*:.*## \(.*\)/  \1\t\2/p' Makefile | expand -t 16

-include $(LIB_OBJ:.o=.d) $(CMD_OBJ:.o=.d)
