# SPDX-License-Identifier: GPL-2.0
# BlipMQ: 'make help' lists what there is to make.
#
# Everything made goes below $(BUILD). The parts of user space say what they are
# made of in */build.mk, included below; there they may use
#
#	$(BUILD) $(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) $(LDLIBS) $(AR)
#	$(call say,CC,$@)	one word and a file, unless V=1 shows commands
#	$(Q)			before a command: hides it, unless V=1
#	$(BUILD)/obj/DIR/X.o	made from DIR/X.c; $(BUILD)/pic/DIR/X.o with -fPIC.
#				Headers are tracked (-MMD); DIR/X.c may want flags
#				of its own: $(BUILD)/obj/DIR/X.o: CPPFLAGS += ...
#	$(STAMPS)		what everything compiled depends on beside its source
#	$(PREFIX) $(BINDIR) $(SBINDIR) $(LIBDIR) $(INCLUDEDIR) $(MANDIR)
#	$(KSELFTEST_DIR)	folder of kselftest_harness.h, given for test programs
#
# and append to
#
#	USER_TARGETS		files that 'make user' makes
#	TEST_TARGETS		files that 'make test-programs' makes
#	BENCH_TARGETS		files that 'make bench' makes
#	INSTALL_BIN INSTALL_SBIN INSTALL_LIB INSTALL_PC INSTALL_INC INSTALL_MAN
#				files that 'make install' puts in place; what fits
#				none of them goes into an 'install-user::' rule

SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

BUILD := build

# --- settings -----------------------------------------------------------------

KDIR ?= /lib/modules/$(shell uname -r)/build
PORT ?= 9999
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
SBINDIR ?= $(PREFIX)/sbin
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR ?= $(PREFIX)/share/man

ifeq ($(origin CC),default)
CC := gcc
endif
ifeq ($(origin CXX),default)
CXX := g++
endif
CFLAGS ?= -O2 -g
override CFLAGS += -std=gnu11 -Wall -Wextra -Wno-unused-parameter \
	-Wstrict-prototypes -Wmissing-prototypes \
	-Werror=implicit-function-declaration -Werror=incompatible-pointer-types
override CPPFLAGS += -Iuapi -D_GNU_SOURCE

Q := $(if $(filter 1,$(V)),,@)
SILENT := $(findstring s,$(filter-out --%,$(firstword -$(MAKEFLAGS))))
say = $(if $(filter 1,$(V))$(SILENT),,@printf '  %-7s %s\n' $(1) '$(2)')

# --- the module ---------------------------------------------------------------
# Kernels before 6.13 put objects beside the sources. So we build in a tree of
# links below $(BUILD), one for each kernel, and the sources stay clean.

# What uname -r says there; include/config/kernel.release is not that in 6.1.
KREL := $(shell sed -n 's/^.define UTS_RELEASE "\(.*\)"/\1/p' \
	'$(KDIR)/include/generated/utsrelease.h' 2>/dev/null)
KTREE := $(BUILD)/$(KREL)
KO := $(KTREE)/blipmq.ko
MODULE_SOURCES := $(wildcard Kbuild) $(shell find module uapi -type f 2>/dev/null)
# W stays what it was given last, so that a plain make after W=1, and the other
# way round, does not build all of it again.
KTREE_W := $(or $(W),$(patsubst W=%,%,$(filter W=%,$(shell cat $(KTREE)/.words 2>/dev/null))))
# What, when it changes, makes kbuild have another look.
KTREE_WORDS := $(KDIR) $(C) $(CF) $(KCFLAGS) W=$(KTREE_W) COVERAGE=$(COVERAGE)
# Variables of a command line, as C=1, reach kbuild through MAKEFLAGS, and V is
# kbuild's as well.
KBUILD = $(MAKE) $(if $(filter 1,$(V)),,-s) --no-print-directory -C $(KDIR) \
	M='$(CURDIR)/$(1)' $(addprefix W=,$(KTREE_W)) CFLAGS= CPPFLAGS= LDFLAGS=
# Hide the line that kbuild prints for want of a vmlinux: no module needs BTF.
KBUILD_NOISE = sed -u '/^Skipping BTF generation/d'
link_tree = mkdir -p $(1) && find -L $(1) -type l -delete && \
	cp -rsf $(CURDIR)/Kbuild $(CURDIR)/module $(CURDIR)/uapi $(1)/

.PHONY: all module user run test test-programs bench install install-module \
	install-user clean style sparse help FORCE

ifneq ($(KREL),)
all: module user

module: $(KO)

$(KO): $(MODULE_SOURCES) $(KTREE)/.words
	$(call say,KBUILD,$@)
	+$(Q)exec 9> $(KTREE)/.lock && flock 9 && $(call link_tree,$(KTREE)) && \
		$(call KBUILD,$(KTREE)) modules 2> >($(KBUILD_NOISE) >&2) && \
		touch $@ && ln -sfn $@ blipmq.ko

sparse:
	$(call say,SPARSE,$(KREL))
	$(Q)rm -rf $(BUILD)/sparse && $(call link_tree,$(BUILD)/sparse)
	+$(Q)$(call KBUILD,$(BUILD)/sparse) C=2 CF=-D__CHECK_ENDIAN__ modules \
		> $(BUILD)/sparse/log 2>&1 || { cat $(BUILD)/sparse/log; exit 1; }
	$(Q)! grep -E 'warning:|error:' $(BUILD)/sparse/log

install-module: $(KO)
	+$(Q)$(call KBUILD,$(KTREE)) modules_install \
		INSTALL_MOD_PATH='$(DESTDIR)' INSTALL_MOD_DIR=updates
else
all: user no-headers

define no_headers
No kernel headers in KDIR=$(KDIR), so no module was built. Either
  apt-get install linux-headers-$$(uname -r)     headers of the running kernel, or
  make module KDIR=$$(tests/vm/kernel --kdir 6.1)  headers unpacked, not installed
endef
.PHONY: no-headers
no-headers: user
	$(info $(no_headers))
	@:

module sparse install-module:
	$(info $(no_headers))
	@exit 2
endif

# --- user space ---------------------------------------------------------------

USER_TARGETS :=
TEST_TARGETS :=
BENCH_TARGETS :=
INSTALL_BIN :=
INSTALL_SBIN :=
INSTALL_LIB :=
INSTALL_PC :=
INSTALL_INC :=
INSTALL_MAN :=
STAMPS := $(BUILD)/.words
# Now, before anything adds flags for single files.
USER_WORDS := $(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS)

-include userlib/build.mk tools/build.mk tests/build.mk bench/build.mk

user: $(USER_TARGETS)
test-programs: $(TEST_TARGETS)
bench: $(BENCH_TARGETS)

$(BUILD)/obj/%.o: %.c $(STAMPS)
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/pic/%.o: %.c $(STAMPS)
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -fPIC -fvisibility=hidden -MMD -MP -c -o $@ $<

-include $(shell find $(BUILD)/obj $(BUILD)/pic -name '*.d' 2>/dev/null)

# Files that hold the words they are named for, and are written only when those
# change: another W=1 or CFLAGS builds again, the same does not.
write_words = mkdir -p $(@D); [ "`cat $@ 2>/dev/null`" = '$(1)' ] || echo '$(1)' > $@
$(BUILD)/.words: FORCE
	@$(call write_words,$(USER_WORDS))
$(BUILD)/$(KREL)/.words: FORCE
	@$(call write_words,$(KTREE_WORDS))
FORCE:

# --- commands -----------------------------------------------------------------

run:
	@PORT='$(PORT)' scripts/run-broker

test:
	@$(MAKE) --no-print-directory -C tests run

style:
	@scripts/style

install: $(if $(KREL),install-module) install-user

install-user:: user
	$(call say,INSTALL,$(DESTDIR)$(PREFIX))
	$(Q)put() { local d=$(DESTDIR)$$1 m=$$2; shift 2; \
		[ $$# = 0 ] || install -D -m $$m -t $$d "$$@"; }; set -e; \
	put $(BINDIR) 755 $(INSTALL_BIN); \
	put $(SBINDIR) 755 $(INSTALL_SBIN); \
	put $(LIBDIR)/pkgconfig 644 $(INSTALL_PC); \
	put $(INCLUDEDIR) 644 $(INSTALL_INC); \
	put $(INCLUDEDIR)/linux 644 $(wildcard uapi/linux/*.h); \
	for page in $(INSTALL_MAN); do put $(MANDIR)/man$${page##*.} 644 $$page; done; \
	[ -z '$(strip $(INSTALL_LIB))' ] || { \
		mkdir -p $(DESTDIR)$(LIBDIR); cp -P $(INSTALL_LIB) $(DESTDIR)$(LIBDIR); }
	$(Q)[ -n '$(DESTDIR)' ] || ldconfig

clean:
	$(Q)rm -rf $(BUILD) blipmq.ko

define help
make                 the module for KDIR, when there are headers, and user space
make module          the module alone; make user: user space alone
make run             install what is missing, boot a guest, serve on PORT
make test            everything tested in guests; the same as make -C tests run
make bench           programs to measure with
make install         module, programs, library, headers, man pages
make style           checkpatch --strict, codespell, shellcheck
make sparse          the module checked by sparse
make clean           remove what was made

KDIR=$(KDIR)
PREFIX=$(PREFIX)  DESTDIR=$(DESTDIR)  PORT=$(PORT)
V=1 shows the commands, W=1 asks kbuild for more warnings
endef
help:
	$(info $(help))
	@:
