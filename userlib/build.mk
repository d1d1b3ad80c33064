# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
# libblipmq, shared and static, and what installs with it.

# One version for all: the module's.
VERSION ?= $(shell sed -n 's/^\#define BLIPMQ_VERSION "\(.*\)"/\1/p' \
	module/types.h)
LIBBLIPMQ_SONAME := libblipmq.so.0
MNL_CFLAGS := $(shell pkg-config --cflags libmnl 2>/dev/null)
MNL_LIBS := $(shell pkg-config --libs libmnl 2>/dev/null || echo -lmnl)

# Frame codec and pattern rules are the module's own files.
LIBBLIPMQ_SOURCES := $(sort $(wildcard userlib/*.c)) module/frame.c \
	module/pattern.c
LIBBLIPMQ_OBJ := $(LIBBLIPMQ_SOURCES:%.c=$(BUILD)/obj/%.o)
LIBBLIPMQ_PIC := $(LIBBLIPMQ_SOURCES:%.c=$(BUILD)/pic/%.o)

$(LIBBLIPMQ_OBJ) $(LIBBLIPMQ_PIC): CPPFLAGS += -Imodule $(MNL_CFLAGS) \
	-DBLIPMQ_VERSION='"$(VERSION)"'

$(BUILD)/libblipmq.a: $(LIBBLIPMQ_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/$(LIBBLIPMQ_SONAME): $(LIBBLIPMQ_PIC) userlib/libblipmq.map
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -shared -Wl,-soname,$(LIBBLIPMQ_SONAME) \
		-Wl,--version-script=userlib/libblipmq.map -Wl,-z,defs \
		-o $@ $(LIBBLIPMQ_PIC) $(LDLIBS) $(MNL_LIBS)

$(BUILD)/libblipmq.so: $(BUILD)/$(LIBBLIPMQ_SONAME)
	$(Q)ln -sfn $(LIBBLIPMQ_SONAME) $@

$(BUILD)/libblipmq.pc: userlib/libblipmq.pc.in userlib/build.mk $(STAMPS) \
		$(BUILD)/.prefix
	$(call say,GEN,$@)
	$(Q)sed -e 's|@LIBDIR@|$(LIBDIR)|; s|@INCLUDEDIR@|$(INCLUDEDIR)|' \
		-e 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|' $< > $@

# The paths stand in the file, so another PREFIX makes another one.
$(BUILD)/.prefix: FORCE
	@$(call write_words,$(PREFIX) $(LIBDIR) $(INCLUDEDIR) $(VERSION))

USER_TARGETS += $(BUILD)/libblipmq.a $(BUILD)/libblipmq.so \
	$(BUILD)/libblipmq.pc
INSTALL_LIB += $(BUILD)/libblipmq.a $(BUILD)/libblipmq.so \
	$(BUILD)/$(LIBBLIPMQ_SONAME)
INSTALL_PC += $(BUILD)/libblipmq.pc
INSTALL_INC += userlib/blipmq.h
INSTALL_MAN += userlib/libblipmq.3 userlib/blipmq.7
