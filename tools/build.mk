# SPDX-License-Identifier: GPL-2.0
# The programs. They link the static library, so that they run where they are.

JSON_CFLAGS := $(shell pkg-config --cflags json-c 2>/dev/null)
JSON_LIBS := $(shell pkg-config --libs json-c 2>/dev/null || echo -ljson-c)

NCURSES_CFLAGS := $(shell pkg-config --cflags ncurses 2>/dev/null)
NCURSES_LIBS := $(shell pkg-config --libs ncurses 2>/dev/null || echo -lncurses -ltinfo)

tool_objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(sort $(wildcard tools/$(1)/*.c)))

define tool_rules
$(BUILD)/$(1): $(call tool_objects,$(1)) $(BUILD)/libblipmq.a
	$$(call say,LD,$$@)
	$$(Q)$$(CC) $$(LDFLAGS) -o $$@ $$^ $$(LDLIBS) $$(MNL_LIBS) $(2)

$(call tool_objects,$(1)): CPPFLAGS += -Iuserlib -Imodule $$(MNL_CFLAGS) $$(JSON_CFLAGS)

USER_TARGETS += $(BUILD)/$(1)
endef

$(eval $(call tool_rules,blipmq,$$(JSON_LIBS)))
# To bind the library of C++ takes longer than most of what the program does.
STDCXX_LIBS := -Wl,-Bstatic -lstdc++ -Wl,-Bdynamic -static-libgcc
$(eval $(call tool_rules,blipmqctl,$$(JSON_LIBS) $$(NCURSES_LIBS) $$(STDCXX_LIBS) -lm))
$(eval $(call tool_rules,blipmqd,-pthread))

# The configuration file, which a library of C++ reads. Without that library the
# compiler says what is missing.
$(BUILD)/blipmqctl: $(BUILD)/obj/tools/blipmqctl/toml.o
$(BUILD)/obj/tools/blipmqctl/toml.o: tools/blipmqctl/toml.cc $(STAMPS)
	$(call say,CXX,$@)
	@mkdir -p $(@D)
	@command -v $(CXX) > /dev/null || { \
		echo 'no $(CXX) here: apt-get install g++, or scripts/setup, has it' >&2; exit 1; }
	$(Q)$(CXX) $(CPPFLAGS) -O2 -g -std=c++17 -fno-exceptions -fno-rtti \
		-Wall -Wextra -MMD -MP -c -o $@ $<

$(BUILD)/obj/tools/blipmqctl/top.o: CPPFLAGS += $(NCURSES_CFLAGS)

# How bytes from elsewhere are shown is the same for both.
$(BUILD)/blipmqctl: $(BUILD)/obj/tools/blipmq/text.o

install-user:: user
	$(Q)install -D -m 644 tools/blipmqctl/blipmqctl.bash \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/blipmqctl
	$(Q)install -D -m 755 -t $(DESTDIR)$(PREFIX)/share/blipmq/bpftrace \
		tools/bpftrace/*.bt
	$(Q)install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/blipmq \
		tools/wireshark/blipmq.lua tools/grafana/blipmq.json \
		tools/blipmqctl/blipmq.toml

INSTALL_BIN += $(BUILD)/blipmq $(BUILD)/blipmqctl
INSTALL_SBIN += $(BUILD)/blipmqd
INSTALL_MAN += tools/blipmq/blipmq.1 tools/blipmqctl/blipmqctl.8 \
	tools/blipmqctl/blipmq.toml.5 tools/blipmqd/blipmqd.8
