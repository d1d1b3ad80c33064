# SPDX-License-Identifier: GPL-2.0
# The benchmarks' programs; bench/rivals and bench/meter run them.

BENCH_LOAD := load conn clock histogram stream round blipmq nats redis unix

BENCH_PROGRAMS := $(BUILD)/bench/load $(BUILD)/bench/yard $(BUILD)/bench/ring \
	$(BUILD)/bench/growth $(BUILD)/bench/fan $(BUILD)/bench/crowd $(BUILD)/bench/fair
BENCH_TARGETS += $(BENCH_PROGRAMS)

$(BUILD)/bench/load: $(BENCH_LOAD:%=$(BUILD)/obj/bench/%.o)
$(BUILD)/bench/yard: $(BUILD)/obj/bench/yard.o $(BUILD)/obj/bench/clock.o
$(BUILD)/bench/growth: $(BUILD)/obj/bench/growth.o
$(BUILD)/bench/crowd: $(BUILD)/obj/bench/crowd.o
$(BUILD)/bench/fair: $(addprefix $(BUILD)/obj/bench/,fair.o clock.o histogram.o)
$(BUILD)/bench/fan: $(BUILD)/obj/bench/fan.o $(BUILD)/obj/bench/clock.o
$(BUILD)/bench/ring: $(BUILD)/obj/bench/ring.o $(BUILD)/obj/bench/clock.o

$(BENCH_PROGRAMS):
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -pthread -o $@ $^ $(LDLIBS)

# Loaded into blipmqctl, in the kernel's place.
BENCH_TARGETS += $(BUILD)/bench/feed.so
$(BUILD)/bench/feed.so: $(BUILD)/pic/bench/feed.o
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -shared -o $@ $^ $(LDLIBS)
$(BUILD)/pic/bench/feed.o: override CPPFLAGS += $(MNL_CFLAGS)
