# evs: `make help` names the targets.

VERSION := 0.1.0
SONAME  := libevs.so.0
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

# In CI a warning is an error.
ALL_CFLAGS = $(if $(filter true,$(CI)),-Werror) -std=c11 -fPIC -D_GNU_SOURCE -Ilib -Icmd -DEVS_BUILD_VERSION='"$(VERSION)"' \
             $(WARNINGS) $(BANNED) -fvisibility=hidden $(CFLAGS) \
             $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer,$(HARDEN)) -MMD -MP

LIB_SRC  := $(sort $(wildcard lib/*/*.c))
CMD_SRC  := $(sort $(wildcard cmd/*.c cmd/common/*.c cmd/debug/*.c))
UNIT_SRC := $(sort $(wildcard tests/unit/*.c))
FUZZ_SRC := $(sort $(wildcard tests/fuzz/*.c))
LIB_OBJ  := $(LIB_SRC:%.c=$(BUILD)/obj/%.o)
CMD_OBJ  := $(CMD_SRC:%.c=$(BUILD)/obj/%.o)
UNITS    := $(UNIT_SRC:tests/unit/%.c=$(BUILD)/unit/%)
FUZZERS  := $(FUZZ_SRC:tests/fuzz/%.c=$(BUILD)/fuzz/%)
CRASH    := $(BUILD)/crash/shim.so $(addprefix $(BUILD)/crash/,record replay errors)
SOAK     := $(addprefix $(BUILD)/soak/,client handler)
BENCHES  := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(sort $(wildcard tests/bench/*.c)))
MANUALS  := $(sort $(wildcard man/*.[1357]))
PROGRAMS := $(BUILD)/bin/evs $(TOOLS:%=$(BUILD)/bin/evs-%)
LIBRARY  := libevs.so.$(VERSION)

.DELETE_ON_ERROR:
.PHONY: all
all: $(PROGRAMS) $(BUILD)/$(LIBRARY)

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

$(BUILD)/$(LIBRARY): $(LIB_OBJ) lib/evs.map
	$(Q)$(CC) $(CFLAGS) -shared -Wl,-soname,$(SONAME),--version-script=lib/evs.map $(LINK) $(if $(SANITIZE),-fsanitize=$(SANITIZE)) \
		-o $@ $(LIB_OBJ) $(LIBS)

# All tools are one program (lib/README.md says why); evs-TOOL is a link to it.
$(BUILD)/bin/evs: $(CMD_OBJ) $(BUILD)/libevs.a
	@mkdir -p $(@D)
	@$(if $(Q),echo "  LD $@")
	$(Q)$(CC) $(CFLAGS) $(if $(SANITIZE),-fsanitize=$(SANITIZE)) -pie $(LINK) -o $@ $^ $(TOOL_LIBS)

$(BUILD)/bin/evs-%: $(BUILD)/bin/evs
	$(Q)ln -sf evs $@

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

# Processes that race and are killed: tests/soak/README.md.
.PHONY: soak
soak: $(BUILD)/bin/evs $(SOAK) $(BUILD)/soak/slow.so
$(BUILD)/soak/slow.so: tests/soak/slow.c
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE -O2 $(WARNINGS) -Wno-missing-prototypes -fPIC -shared -o $@ $< -ldl

# Damaged stores: tests/damage/README.md.
.PHONY: damage
damage: $(BUILD)/bin/evs $(BUILD)/damage/damage
$(SOAK) $(BUILD)/damage/damage: $(BUILD)/%: tests/%.c $(BUILD)/libevs.a $(BUILD)/flags
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
check-long: deps ## tests with sanitizers, fuzzers at work, long soaks, distcheck and deb
	@$(MAKE) --no-print-directory -j$(CORES) all
	@tests/check --long

.PHONY: asan
asan: ## build with address and undefined-behaviour sanitizers into build/asan
	@$(MAKE) --no-print-directory BUILD=build/asan SANITIZE=address,undefined CFLAGS='-O1 -g' all

.PHONY: bench bench-peers
bench: all $(BENCHES) ## measure evs and its peers on the same events, print ratios
	@tests/bench/run $(BENCH)
bench-peers: ## install what evs is compared with
	@tests/bench/peers

.PHONY: pictures
pictures: all ## draw the README's pictures from real sessions; needs tmux
	@man/pictures/make

.PHONY: units fuzzers replayers
units: $(UNITS)
# Fuzz targets need clang: to find more, or, built in a third of the time, to run their corpora once.
SANITIZED_FUZZ := CC=clang SANITIZE=fuzzer-no-link,address,undefined
fuzzers:
	@$(MAKE) --no-print-directory BUILD=build/fuzzing $(SANITIZED_FUZZ) CFLAGS='-O1 -g' build-fuzzers
replayers:
	@$(MAKE) --no-print-directory BUILD=build/replaying $(SANITIZED_FUZZ) CFLAGS='-O0 -g' build-fuzzers
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

.PHONY: html
html: ## the manuals as web pages in build/html
	@man/html $(BUILD)/html $(MANUALS)

# Shells look for completion by the name of the command; all the names are one file.
BASH_DIR := $(DATADIR)/bash-completion/completions
FISH_DIR := $(DATADIR)/fish/vendor_completions.d
ZSH_DIR  := $(DATADIR)/zsh/site-functions
define INSTALLED
$(addprefix $(BINDIR)/,evs $(TOOLS:%=evs-%))
$(addprefix $(LIBDIR)/,$(LIBRARY) $(SONAME) libevs.so libevs.a pkgconfig/evs.pc)
$(INCLUDEDIR)/evs.h
$(foreach m,$(MANUALS),$(MANDIR)/man$(subst .,,$(suffix $m))/$(notdir $m))
$(BASH_DIR)/evs $(TOOLS:%=$(BASH_DIR)/evs-%)
$(FISH_DIR)/evs.fish $(TOOLS:%=$(FISH_DIR)/evs-%.fish)
$(ZSH_DIR)/_evs
endef

.PHONY: install uninstall
install: all ## install below DESTDIR and PREFIX
	install -D -m 755 $(BUILD)/bin/evs $(DESTDIR)$(BINDIR)/evs
	for t in $(TOOLS); do ln -sf evs $(DESTDIR)$(BINDIR)/evs-$$t || exit 1; done
	install -D -m 644 $(BUILD)/$(LIBRARY) $(DESTDIR)$(LIBDIR)/$(LIBRARY)
	ln -sf $(LIBRARY) $(DESTDIR)$(LIBDIR)/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/libevs.so
	install -D -m 644 $(BUILD)/libevs.a $(DESTDIR)$(LIBDIR)/libevs.a
	install -D -m 644 lib/evs.h $(DESTDIR)$(INCLUDEDIR)/evs.h
	install -d $(DESTDIR)$(LIBDIR)/pkgconfig
	sed 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@INCLUDEDIR@|$(INCLUDEDIR)|; s|@VERSION@|$(VERSION)|' lib/evs.pc.in \
		>$(DESTDIR)$(LIBDIR)/pkgconfig/evs.pc
	for m in $(MANUALS); do install -D -m 644 $$m $(DESTDIR)$(MANDIR)/man$${m##*.}/$${m##*/} || exit 1; done
	install -D -m 644 completions/evs.bash $(DESTDIR)$(BASH_DIR)/evs
	install -D -m 644 completions/evs.fish $(DESTDIR)$(FISH_DIR)/evs.fish
	install -D -m 644 completions/_evs $(DESTDIR)$(ZSH_DIR)/_evs
	for t in $(TOOLS); do \
		ln -sf evs $(DESTDIR)$(BASH_DIR)/evs-$$t && ln -sf evs.fish $(DESTDIR)$(FISH_DIR)/evs-$$t.fish || exit 1; \
	done

uninstall: ## remove what install put there
	$(Q)rm -f $(addprefix $(DESTDIR),$(INSTALLED))

# The last commit; of an unpacked tarball the files that are there.
.PHONY: dist distcheck deb
TARBALL := $(BUILD)/evs-$(VERSION).tar.gz
dist: ## make build/evs-VERSION.tar.gz
	@mkdir -p $(BUILD)
	@if [ -e .git ]; then git archive --prefix=evs-$(VERSION)/ HEAD; \
	else tar -c --sort=name --owner=0 --group=0 --exclude=./build --exclude='*.evs*' --transform 's|^\.|evs-$(VERSION)|' .; fi | \
		gzip -9n >$(TARBALL)
	@echo $(TARBALL)

# A few quick files of tests; they run with the programs as installed.
BATS ?= usage append cat
distcheck: dist ## unpack, build, install, test (BATS='NAME...' of tests/) and uninstall what dist made
	@.ci/distcheck $(TARBALL) $(BUILD)/distcheck $(CORES) $(BATS)

deb: ## make Debian packages in build/deb, checked by lintian
	@.ci/deps dpkg-dev lintian
	@.ci/deb $(VERSION) $(abspath $(BUILD)/deb) $(CORES)

.PHONY: clean help
clean: ## remove what was built
	rm -rf build

help: ## this list
	@sed -n 's/^\([a-z-]*\)[a-z -]*:.*## \(.*\)/  \1\t\2/p' Makefile | expand -t 16

-include $(LIB_OBJ:.o=.d) $(CMD_OBJ:.o=.d)
