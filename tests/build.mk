# SPDX-License-Identifier: GPL-2.0
# The test programs. Included by the top Makefile; what they print is TAP.

# On kselftest_harness.h or kselftest.h of the kernel source, which is looked up
# at build time and never copied in.
TEST_HARNESS := names frame_rules ring_stress seqpacket seqpacket_options \
	seqpacket_control readiness stream stream_io stream_order stream_limits \
	protocol cuts changing many totals memory slow index kill
# Helpers of the scripts.
TEST_TOOLS := status limits

TEST_PROGRAMS := $(addprefix $(BUILD)/tests/,$(TEST_HARNESS) $(TEST_TOOLS))
TEST_TARGETS += $(TEST_PROGRAMS)

TEST_LIB := $(addprefix $(BUILD)/obj/tests/lib,.o _peer.o _expect.o \
	_packet.o _status.o)

# As system headers: their warnings are not ours to mend.
$(addprefix $(BUILD)/obj/tests/,$(addsuffix .o,$(TEST_HARNESS))): \
	override CPPFLAGS += -Wno-missing-prototypes -isystem $(KSELFTEST_DIR) \
		-isystem $(KSELFTEST_DIR)/tools/testing/selftests

$(TEST_PROGRAMS): $(BUILD)/tests/%: $(BUILD)/obj/tests/%.o
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -pthread -o $@ $^ $(LDLIBS)

$(BUILD)/tests/names: $(BUILD)/obj/module/pattern.o
$(BUILD)/tests/frame_rules: $(addprefix $(BUILD)/obj/module/,frame.o pattern.o)
$(BUILD)/tests/protocol: $(BUILD)/obj/tests/protocol_rows.o
$(BUILD)/tests/index: $(addprefix $(BUILD)/obj/tests/index_,input.o clients.o)
$(filter-out %/names %/frame_rules %/ring_stress,$(TEST_PROGRAMS)): $(TEST_LIB)

