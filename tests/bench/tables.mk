# SPDX-License-Identifier: Apache-2.0
# What scripts/bench-change and scripts/bench-classify need beside the programs of the Makefile.

include Makefile

TABLES	:= $(BUILD)/cost $(BUILD)/stall

all: $(TABLES)

$(BUILD)/stall: LDFLAGS += -pthread

$(TABLES): $(BUILD)/%: $(BUILD)/%.o
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBBPF_LIBS)
