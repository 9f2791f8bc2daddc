# make              build/convd
# make run          install what is missing, build, serve    [MODEL=DIR] [PORT=8080]
# make test         install what is missing, build, run all tests
# make bench        tables of convd against onnxruntime
# make deps         only install what building and testing need (apt)
# make SAN=address,undefined unit       the same with sanitizers, in a build directory of its own
# make V=1          show the commands
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

VERSION := 0.1.0
SAN     ?=
comma   := ,
B       ?= build$(if $(SAN),/san-$(subst $(comma),-,$(SAN)))
Q       := $(if $(V),,@)
say      = $(if $(V),,@printf '  %-7s %s\n' '$(1)' '$(2)';)

ifeq ($(origin CC),default)
CC      := gcc
endif
CFLAGS  ?= -O2 -g
WARN    := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
           -Wvla -Wundef -Wpointer-arith -Wwrite-strings
ALL      = -std=c11 -D_GNU_SOURCE -I. -I$(B)/gen $(WARN) $(CFLAGS) -fno-math-errno -ffp-contract=off -pthread \
           $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer)

# Instruction sets: the file's suffix is its target. Nothing else gets -m flags.
ISA_avx2   := -O3 -mavx2 -mfma
ISA_avx512 := -O3 -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma -mprefer-vector-width=512
ISA_portable := -O3
isa_of      = $(ISA_$(lastword $(subst _, ,$(basename $(notdir $(1))))))

ENGINE_DIRS ?= base image kernels graph onnx passes plan run
ENGINE  := $(sort $(foreach d,$(ENGINE_DIRS),$(wildcard engine/$(d)/*.c)))
SERVER  := $(sort $(wildcard server/*.c server/commands/*.c))
UNIT    := $(sort $(wildcard tests/unit/*/*.c) $(wildcard tests/kernels/*.c))
SOURCES  = $(ENGINE) $(SERVER) $(UNIT) $(sort $(wildcard tests/*/*.h tests/*.h engine/*.h engine/*/*.h server/*.h server/*/*.h) \
           $(wildcard tests/golden/*.c tests/fuzz/*.c tests/bench/*.c))

ENGINE_LIBS := libprotobuf-c jansson libjpeg libpng nettle
SERVER_LIBS := libuv libmicrohttpd
LINK_ENGINE  = $(shell pkg-config --libs $(ENGINE_LIBS)) -lm
LINK_SERVER  = $(shell pkg-config --libs $(SERVER_LIBS))
OBJ          = $(patsubst %.c,$(B)/%.o,$(1))

all: $(B)/convd

# --- building -----------------------------------------------------------------
$(B)/libengine.a: $(call OBJ,$(ENGINE)) $(if $(filter onnx,$(ENGINE_DIRS)),$(B)/gen/onnx.pb-c.o)
	$(call say,AR,$@)rm -f $@; ar rcs $@ $^

# The server without main(), so that its parts can be tested.
$(B)/libserver.a: $(call OBJ,$(filter-out server/main.c,$(SERVER)))
	$(call say,AR,$@)rm -f $@; ar rcs $@ $^

$(B)/convd: $(B)/server/main.o $(B)/libserver.a $(B)/libengine.a
	$(call say,LINK,$@)$(CC) $(ALL) $(LDFLAGS) -o $@ $^ $(LINK_SERVER) $(LINK_ENGINE)

# The ONNX schema is Debian's; the code that reads it is generated.
ONNX_PROTO ?= /usr/include/onnx/onnx.proto
$(B)/gen/onnx.pb-c.h: $(ONNX_PROTO)
	@mkdir -p $(@D)
	$(call say,PROTOC,$@)protoc-c --proto_path=$(dir $<) --c_out=$(@D) $<
$(B)/gen/onnx.pb-c.c: $(B)/gen/onnx.pb-c.h ;
$(B)/gen/onnx.pb-c.o: $(B)/gen/onnx.pb-c.c $(B)/flags
	$(call say,CC,$<)$(CC) -std=c11 -O2 -g -I$(B)/gen $(if $(SAN),-fsanitize=$(SAN)) -w -c -o $@ $<
$(call OBJ,$(wildcard engine/onnx/*.c)): $(B)/gen/onnx.pb-c.h

# Objects depend on the flags they were built with.
$(B)/flags: FORCE
	@mkdir -p $(@D); echo '$(CC) $(ALL)' | cmp -s - $@ || echo '$(CC) $(ALL)' >$@

$(B)/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(ALL) -DCONVD_VERSION='"$(VERSION)"' $(call isa_of,$<) -MMD -MP -c -o $@ $<

# --- tests --------------------------------------------------------------------
UNIT_BIN := $(patsubst %.c,$(B)/%,$(UNIT))
$(B)/tests/unit/server/%: $(B)/tests/unit/server/%.o $(B)/libserver.a $(B)/libengine.a
	$(call say,LINK,$@)$(CC) $(ALL) $(LDFLAGS) -o $@ $^ $(LINK_SERVER) $(LINK_ENGINE)
$(B)/tests/%: $(B)/tests/%.o $(B)/libengine.a
	$(call say,LINK,$@)$(CC) $(ALL) $(LDFLAGS) -o $@ $^ $(LINK_ENGINE)
.PRECIOUS: $(B)/%.o

unit-build: $(UNIT_BIN)

FORCE:
.PHONY: all unit-build FORCE
-include $(patsubst %.o,%.d,$(call OBJ,$(ENGINE) $(SERVER) $(UNIT)))
