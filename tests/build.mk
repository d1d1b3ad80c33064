# SPDX-License-Identifier: GPL-2.0
# The test programs. Included by the top Makefile; what they print is TAP.

# On kselftest_harness.h or kselftest.h of the kernel source, which is looked up
# at build time and never copied in.
TEST_HARNESS := names pattern_rules frame_rules ring_stress seqpacket seqpacket_options \
	seqpacket_control readiness stream stream_io stream_order \
	stream_limits shares limit_set identity protocol cuts changing many \
	overflow block block_ends block_stream totals memory leaks \
	leaks_messages slow index kill patterns patterns_many threads conflate \
	groups groups_many retain expiry footprint trace control workers \
	workers_move workers_set access access_rules settings drain deliver steady \
	disconnect events events_slow latency proc engine large retain_joins \
	together refused stops library
# Helpers of the scripts.
TEST_TOOLS := status limits faults churn conserve reload

TEST_PROGRAMS := $(addprefix $(BUILD)/tests/,$(TEST_HARNESS) $(TEST_TOOLS))
TEST_TARGETS += $(TEST_PROGRAMS) $(BUILD)/tests/fuzz_calls

TEST_LIB := $(addprefix $(BUILD)/obj/tests/lib,.o _peer.o _expect.o \
	_packet.o _server.o _status.o _lane.o _access.o _user.o _file.o)

# As system headers: their warnings are not ours to mend.
$(addprefix $(BUILD)/obj/tests/,$(addsuffix .o,$(TEST_HARNESS))): \
	override CPPFLAGS += -Wno-missing-prototypes -isystem $(KSELFTEST_DIR) \
		-isystem $(KSELFTEST_DIR)/tools/testing/selftests

$(TEST_PROGRAMS): $(BUILD)/tests/%: $(BUILD)/obj/tests/%.o
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -pthread -o $@ $^ $(LDLIBS)

$(addprefix $(BUILD)/tests/,names pattern_rules): $(BUILD)/obj/module/pattern.o
$(BUILD)/tests/frame_rules: $(addprefix $(BUILD)/obj/module/,frame.o pattern.o)
$(addprefix $(BUILD)/tests/,patterns groups retain workers workers_move access \
	settings engine): $(BUILD)/obj/tests/reader.o
$(BUILD)/tests/engine: $(BUILD)/obj/tests/engine_ends.o
$(BUILD)/tests/protocol: $(BUILD)/obj/tests/protocol_rows.o
$(BUILD)/tests/faults: $(addprefix $(BUILD)/obj/tests/faults_,packet.o stream.o \
	match.o queue.o control.o below.o)

# Those that speak netlink themselves, or are about the library.
TEST_NETLINK := control events events_slow latency proc faults library
$(addprefix $(BUILD)/obj/tests/,control.o events.o events_slow.o latency.o faults_control.o \
	library.o): \
	override CPPFLAGS += -Iuserlib $(MNL_CFLAGS)
$(addprefix $(BUILD)/tests/,$(TEST_NETLINK)): override LDLIBS += $(MNL_LIBS)
$(addprefix $(BUILD)/tests/,$(TEST_NETLINK)): $(BUILD)/libblipmq.a

$(BUILD)/tests/fuzz_calls: $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard tests/fuzz/calls*.c))
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -pthread -o $@ $^ $(LDLIBS)
$(BUILD)/tests/conserve: $(BUILD)/obj/module/pattern.o $(addprefix \
	$(BUILD)/obj/tests/conserve_,inbox.o ending.o ledger.o window.o judge.o \
	message.o plan.o publisher.o round.o move.o rules.o subscriber.o totals.o)
$(BUILD)/tests/index: $(addprefix $(BUILD)/obj/tests/index_,input.o clients.o)
$(filter-out %/names %/pattern_rules %/frame_rules %/ring_stress,$(TEST_PROGRAMS)) \
	$(BUILD)/tests/fuzz_calls: $(TEST_LIB)

# Loaded into blipmqctl by config.sh.
TEST_TARGETS += $(BUILD)/tests/refuse.so
$(BUILD)/tests/refuse.so: $(BUILD)/pic/tests/refuse.o
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -shared -o $@ $^ $(LDLIBS) -ldl
$(BUILD)/pic/tests/refuse.o: override CPPFLAGS += $(MNL_CFLAGS)

# The rings once more under ThreadSanitizer, and without their sequence numbers,
# which the test has to notice.
RING_VARIANTS := $(addprefix $(BUILD)/tests/ring_stress_,tsan broken)
TEST_TARGETS += $(RING_VARIANTS)

$(BUILD)/gen/ring_broken.h: module/ring.h
	$(call say,GEN,$@)
	@mkdir -p $(@D)
	$(Q)sed -e '/\/\* A \*\//s/smp_load_acquire(&slot->seq)/pos - READ_ONCE(ring->head) <= ring->mask ? pos : pos - 1/' \
		-e '/\/\* C \*\//s/smp_load_acquire(&slot->seq)/pos < (READ_ONCE(ring->tail) \& ~BLIPMQ_RING_CLOSED) ? pos + 1 : pos/' \
		$< > $@

$(BUILD)/tests/ring_stress_tsan: RING_FLAGS := -fsanitize=thread
$(BUILD)/tests/ring_stress_broken: RING_FLAGS := -DRING_BROKEN -I$(BUILD)/gen -Imodule
$(BUILD)/tests/ring_stress_broken: $(BUILD)/gen/ring_broken.h
$(RING_VARIANTS): tests/ring_stress.c module/ring.h module/pure.h
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -g -O2 -isystem $(KSELFTEST_DIR) \
		-isystem $(KSELFTEST_DIR)/tools/testing/selftests \
		$(RING_FLAGS) -pthread -o $@ $<
