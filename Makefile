# make              build/convd
# make run          install what is missing, build, serve    [MODEL=DIR] [PORT=8080]
# make test         install what is missing, build, run all tests
# make bench        table of convd against onnxruntime    [BENCH='--rounds 15 --seconds 1 MODEL ...']
# make bench-engine  table of convd against onnxruntime and oneDNN    [BENCH='--rounds 9 ...'] [BENCH_ISA=avx2]
# make bench-load  how soon strangers are answered beside the limits    [BENCH='MODEL WORKERS SECONDS ROUNDS']
# make bench-meanwhile  what strangers notice of a model that is replaced, and of one that is looked into
# make image        a container image    [CONTAINER=podman]
# make soak         requests of every kind, good and bad: each is answered, nothing grows    [REQUESTS=500000]
# make bench-kernels  how near each kernel comes to the peak of its instruction set
# make fuzz         throw random files at every parser    [SECONDS=60]; make fuzz-run: one of them
# make deps         only install what building and testing need (apt)
# make SAN=address,undefined test-unit  the same with sanitizers, in a build directory of its own
# make V=1          show the commands
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

# Where this is no checkout of git's, the release alone.
RELEASE := 0.1.0
VERSION := $(RELEASE)$(shell [ -e .git ] && sh config/version.sh $(RELEASE))
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
           $(if $(SAN),$(if $(filter $(BARE),$<),,-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer))
# Sources that SAN leaves alone: kernels that this CPU has no instructions for take a minute, and would not run.
BARE    := $(if $(SAN),$(if $(shell grep -w avx512f /proc/cpuinfo),,%_avx512.c %_vnni.c))

# Instruction sets: the file's suffix is its target. Nothing else gets -m flags. A kernel's many unrolled instances
# take the compiler minutes under sanitizers, less so with line numbers alone.
KERNEL     := -O3 $(if $(SAN),-g1)
ISA_avx2   := $(KERNEL) -mavx2 -mfma
ISA_avx512 := $(KERNEL) -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma -mprefer-vector-width=512
ISA_vnni   := $(ISA_avx512) -mavx512vnni
ISA_portable := $(KERNEL)
isa_of      = $(ISA_$(lastword $(subst _, ,$(basename $(notdir $(1))))))

ENGINE_DIRS ?= base image kernels graph operators onnx passes plan run train see
ENGINE  := $(sort $(foreach d,$(ENGINE_DIRS),$(wildcard engine/$(d)/*.c)))
SERVER  := $(sort $(wildcard server/*.c server/commands/*.c))
UNIT    := $(sort $(wildcard tests/unit/*/*.c) $(wildcard tests/kernels/*.c))
SOURCES  = $(ENGINE) $(SERVER) $(UNIT) $(sort $(wildcard tests/*.h tests/*/*.h tests/*/*/*.h engine/*.h engine/*/*.h \
           server/*.h server/*/*.h tests/kernels/*/*.c tests/golden/*.c tests/onnx/*.c tests/fuzz/*.c tests/bench/*.c tests/soak/*.c tests/faults/*.c))

ENGINE_LIBS := libprotobuf-c jansson libjpeg libpng nettle
SERVER_LIBS := libuv libmicrohttpd gnutls zlib libseccomp
LINK_ENGINE  = $(B)/libversion.a $(shell pkg-config --libs $(ENGINE_LIBS)) -lm
LINK_SERVER  = $(shell pkg-config --libs $(SERVER_LIBS))
OBJ          = $(patsubst %.c,$(B)/%.o,$(1))

all: $(B)/convd

# --- building -----------------------------------------------------------------
$(B)/libengine.a: $(call OBJ,$(filter-out engine/base/version.c,$(ENGINE))) \
		$(if $(filter onnx,$(ENGINE_DIRS)),$(B)/gen/onnx.pb-c.o) | $(B)/libversion.a
	$(call say,AR,$@)rm -f $@; ar rcs $@ $^

# The server without main(), so that its parts can be tested.
$(B)/libserver.a: $(call OBJ,$(filter-out server/main.c,$(SERVER)))
	$(call say,AR,$@)rm -f $@; ar rcs $@ $^

# Each commit has a version of its own, for which the program is linked anew; tests are not.
$(B)/version: FORCE
	@mkdir -p $(@D); echo '$(VERSION)' | cmp -s - $@ || echo '$(VERSION)' >$@
$(B)/engine/base/version.o: $(B)/version
$(B)/engine/base/version.o: private ALL += -DCONVD_VERSION='"$(VERSION)"'
$(B)/libversion.a: $(B)/engine/base/version.o
	@rm -f $@; ar rcs $@ $^

$(B)/convd: $(B)/server/main.o $(B)/libserver.a $(B)/libengine.a $(B)/libversion.a
	$(call say,LINK,$@)$(CC) $(ALL) $(LDFLAGS) -o $@ $^ $(LINK_SERVER) $(LINK_ENGINE)

# The ONNX schema is Debian's; the code that reads it is generated.
ONNX_PROTO ?= /usr/include/onnx/onnx.proto
$(ONNX_PROTO): | $(B)/flags
$(B)/gen/onnx.pb-c.h: $(ONNX_PROTO) | $(B)/flags
	@mkdir -p $(@D)
	$(call say,PROTOC,$@)protoc-c --proto_path=$(dir $<) --c_out=$(@D) $<
$(B)/gen/onnx.pb-c.c: $(B)/gen/onnx.pb-c.h ;
$(B)/gen/onnx.pb-c.o: $(B)/gen/onnx.pb-c.c $(B)/flags
	$(call say,CC,$<)$(CC) -std=c11 -O2 -g -I$(B)/gen $(if $(SAN),-fsanitize=$(SAN)) -w -c -o $@ $<
$(call OBJ,$(wildcard engine/onnx/*.c tests/unit/*/*.c tests/onnx/*.c tests/fuzz/*.c)): $(B)/gen/onnx.pb-c.h

# The web page is part of the program, and the style of training's report. The list has each file's digest, by which
# browsers ask whether they have it already; text goes over the wire compressed.
WEB   := $(sort $(wildcard server/web/*))
WEBGZ := $(patsubst server/web/%,$(B)/gen/web/%.gz,$(WEB))
$(B)/gen/web/%.gz: server/web/% | $(B)/flags
	@mkdir -p $(@D)
	$(Q)gzip -9n <$< >$@
$(B)/gen/web_files.h: server/web $(WEB) | $(B)/flags
	@mkdir -p $(@D)
	$(call say,WEB,$@)for f in $(WEB); do n=$${f##*/}; printf 'WEB_FILE(web_%s, "%s", "$(B)/gen/web/%s.gz", "%.16s")\n' \
		"$$(echo $$n | tr .- __)" $$n $$n "$$(sha256sum <$$f)"; done >$@
$(call OBJ,server/api_web.c): $(B)/gen/web_files.h $(WEBGZ)
$(call OBJ,server/api_web.c server/commands/train_report.c): $(WEB)

# Objects depend on the flags they were built with. What is missing is said here, once, before a compiler says it.
$(B)/flags: FORCE
	@missing=; \
	for tool in $(firstword $(CC)) pkg-config protoc-c; do command -v $$tool >/dev/null || missing="$$missing $$tool"; done; \
	pkg-config --exists $(ENGINE_LIBS) $(SERVER_LIBS) 2>/dev/null || for lib in $(ENGINE_LIBS) $(SERVER_LIBS); do \
		pkg-config --exists $$lib 2>/dev/null || missing="$$missing $$lib"; done; \
	[ -f $(ONNX_PROTO) ] || missing="$$missing $(ONNX_PROTO)"; \
	[ -z "$$missing" ] || { echo "missing:$$missing"; echo "'make deps' installs what building needs"; exit 1; } >&2
	@mkdir -p $(@D); echo '$(CC) $(ALL)' | cmp -s - $@ || echo '$(CC) $(ALL)' >$@

$(B)/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(ALL) $(call isa_of,$<) -MMD -MP -c -o $@ $<

# --- tests --------------------------------------------------------------------
PYTHON   := /usr/bin/python3
UNIT_BIN := $(patsubst %.c,$(B)/%,$(UNIT))
HELPERS  := $(patsubst %.c,$(B)/%,$(wildcard tests/golden/*.c))
SOAK     := $(B)/tests/soak/soak_load
$(SOAK): $(call OBJ,$(wildcard tests/soak/*.c))
	$(call say,LINK,$@)$(CC) $(ALL) $(LDFLAGS) -o $@ $^
NODE_TEST := $(B)/tests/onnx/node_test
$(NODE_TEST): $(call OBJ,$(wildcard tests/onnx/*.c)) $(B)/libengine.a
	$(call say,LINK,$@)$(CC) $(ALL) $(LDFLAGS) -o $@ $^ $(LINK_ENGINE)
# Preloaded, so that its parts are not sanitized.
FAILING  := $(B)/tests/faults/failing_alloc.so
$(FAILING): tests/faults/failing_alloc.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) -std=c11 -D_GNU_SOURCE $(WARN) $(CFLAGS) -fPIC -shared -o $@ $<
$(B)/tests/unit/server/%: $(B)/tests/unit/server/%.o $(B)/libserver.a $(B)/libengine.a
	$(call say,LINK,$@)$(CC) $(ALL) $(LDFLAGS) -o $@ $^ $(LINK_SERVER) $(LINK_ENGINE)
$(B)/tests/%: $(B)/tests/%.o $(B)/libengine.a
	$(call say,LINK,$@)$(CC) $(ALL) $(LDFLAGS) -o $@ $^ $(LINK_ENGINE)

# What fuzz targets have found, and what once broke them, see below.
REPLAYED := $(sort $(notdir $(wildcard tests/fuzz/corpus/*)) see)
REPLAY   := $(patsubst %,$(B)/tests/fuzz/replay_%,$(REPLAYED))

# The tests that go by level_runs once more, with the AVX-512 kernels in plain C (tests/kernels/emulated) instead
# of the library's: a CPU without AVX-512 tests them too.
EMULATE      := $(B)/emulated
EMULATED     := $(patsubst %.c,$(EMULATE)/%.o,$(wildcard engine/kernels/*_avx512.c engine/kernels/*_vnni.c))
EMULATED_BIN := $(patsubst tests/%.c,$(B)/tests/emulated/%,$(shell grep -lwE '(bytes_)?level_runs' $(UNIT)))
# Tests of kernels lay forbidden pages around their operands: sanitizers, slow over plain C, would find no more.
EMULATED_BIN := $(if $(SAN),,$(EMULATED_BIN))
# Optimising plain C of a kernel's many unrolled instances would take minutes.
$(EMULATE)/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,CC,emulated $<)$(CC) $(ALL) -O0 -Wno-psabi -Itests/kernels/emulated -DEMULATED_AVX512 -MMD -MP -c -o $@ $<
$(B)/tests/emulated/%: $(EMULATE)/tests/%.o $(EMULATED) $(B)/libengine.a
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) $(ALL) $(LDFLAGS) -o $@ $^ $(LINK_ENGINE)
INTRINSICS   := tests/kernels/emulated/intrinsics_avx512.o tests/kernels/emulated/intrinsics_vnni.o
$(B)/tests/kernels/check_emulation: $(INTRINSICS:%=$(B)/%) $(INTRINSICS:%=$(EMULATE)/%)
.PRECIOUS: $(B)/%.o $(EMULATE)/%.o

unit-build: $(UNIT_BIN) $(EMULATED_BIN) $(REPLAY)
tests-build: all unit-build $(SOAK) $(HELPERS) $(NODE_TEST) $(FAILING)

# A suite is a quoted word: its name, and a command whose last line is "N passed, N failed, N skipped".
SUITES_rules  = 'headers $(MAKE) -s check-headers' 'layers $(MAKE) -s check-layers' \
                'isa $(MAKE) -s check-isa' 'format $(MAKE) -s check-format'
SUITES_unit   = $(foreach t,$(UNIT_BIN) $(EMULATED_BIN),'$(t:$(B)/tests/%=%) $(t)') \
                $(foreach f,$(REPLAYED),'fuzz/$(f) $(B)/tests/fuzz/replay_$(f) $(call corpus,$(f))')
SUITES_golden = 'golden $(PYTHON) tests/golden/golden.py $(B)' \
                'architectures $(PYTHON) tests/golden/golden.py $(B) architectures' \
                'preprocess $(PYTHON) tests/golden/preprocess.py $(B)/tests/golden/fit_dump' \
                'heat $(PYTHON) tests/golden/heat.py $(B)/convd' \
                'seen $(PYTHON) tests/golden/layers.py $(B)' \
                'arithmetic $(PYTHON) tests/golden/arithmetic.py $(B)'
SUITES_onnx   = 'onnx $(PYTHON) tests/onnx/run.py $(B)'
SUITES_http   = 'http $(PYTHON) tests/http/run.py $(B) $(HTTP)'
SUITES_faults = 'faults $(PYTHON) tests/faults/run.py $(B)'
SUITES_soak   = 'soak $(PYTHON) tests/soak/soak.py $(B) 3000'
SUITES_train  = 'train $(PYTHON) tests/train/run.py $(B)'
SUITES_page   = 'page tests/page/run.sh $(B)'
SUITES_readme = 'readme $(PYTHON) tests/readme/run.py $(B)'
SUITES_deploy = 'deploy $(PYTHON) tests/deploy/run.py $(B)'
SUITES       ?= rules unit onnx golden http faults soak train page readme deploy
run_suites    = @printf '%s\n' $(foreach s,$(1),$(SUITES_$(s))) | tests/run.sh $(B)/test-logs

export ASAN_OPTIONS  ?= allocator_may_return_null=1:detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1
export TSAN_OPTIONS  ?= allocator_may_return_null=1
export UBSAN_OPTIONS ?= print_stacktrace=1

test-suites: tests-build
	$(call run_suites,$(SUITES))
test-unit: $(UNIT_BIN) $(EMULATED_BIN) $(REPLAY)
	$(call run_suites,unit)
test-golden test-http: test-%: all $(HELPERS)
	$(call run_suites,$*)
test-faults: all $(FAILING)
	@$(PYTHON) tests/faults/run.py $(B) $(FAULTS)
test-train test-page test-readme: test-%: all
	$(call run_suites,$*)
test-deploy: all
	@sh tests/install-deps.sh deploy
	@$(PYTHON) tests/deploy/run.py $(B)
# Replicas behind HAProxy, in network namespaces: wants root.
test-scaleout: all
	@sh tests/install-deps.sh deploy
	@$(PYTHON) tests/deploy/scaleout.py $(B)
# Builds the image and runs it, see tests/deploy/containers.py for what with.
test-container:
	@$(PYTHON) tests/deploy/image.py $(B)
REQUESTS ?= 500000
soak: all $(SOAK)
	@$(PYTHON) tests/soak/soak.py $(B) $(REQUESTS)
test-onnx: $(NODE_TEST)
	$(call run_suites,onnx)

# --- fuzzing --------------------------------------------------------------------
# make fuzz          each target for SECONDS, libFuzzer under sanitizers, in a build directory of its own
# make fuzz-run      one of them
# make fuzz-nightly  ten minutes each
# A target begins with tests/fuzz/corpus, what earlier runs found, make_seeds.py's models and the test data. What
# breaks it is left in build/fuzz as TARGET-crash-..., and belongs into tests/fuzz/corpus once it is understood:
# the unit suite replays that folder.
SECONDS   ?= 60
FUZZ      := build/fuzz
FUZZERS   := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_DATA := $(or $(CONVD_TEST_DATA),../shared/data)
FUZZ_ONNX := load run see
# Every model that can be run can be loaded, and watched: corpus/load and corpus/see are what more there is.
corpus     = $(wildcard $(addprefix tests/fuzz/corpus/,$(if $(filter $(1),load see),$(1) run,$(1))))
FUZZ_SEEDS = $(call corpus,$(1)) $(addprefix $(FUZZ)/seeds/,$(if $(filter $(1),$(FUZZ_ONNX)),onnx backend,$(1))) \
             $(wildcard $(addprefix $(FUZZ_DATA)/,$(if $(filter $(1),image),jpeg) \
             $(if $(filter $(1),$(FUZZ_ONNX)),models/mnist-8)))
FUZZ_RUN        = -timeout=60 -rss_limit_mb=1024 -max_len=$(if $(filter $(1),image),65536,32768) \
                  -report_slow_units=5 -print_final_stats=1 -artifact_prefix=$(FUZZ)/$(1)-
fuzz_one        = $(FUZZ)/tests/fuzz/fuzz_$(1) -max_total_time=$(SECONDS) $(FUZZ_RUN) $(FUZZ)/corpus/$(1) $(FUZZ_SEEDS)

# clang takes minutes for these under a sanitizer; the portable kernels run as well.
fuzz-build:
	@sh tests/install-deps.sh build fuzz
	@$(MAKE) --no-print-directory $(JOBS) CC=clang B=$(FUZZ) SAN=fuzzer-no-link,address,undefined \
		CFLAGS='-O1 -g -Werror' BARE='%_avx2.c %_avx512.c %_vnni.c' $(FUZZERS:%=$(FUZZ)/tests/fuzz/fuzz_%)
	@mkdir -p $(FUZZERS:%=$(FUZZ)/corpus/%)
	@$(MAKE) --no-print-directory $(FUZZ)/seeds/made
$(FUZZ)/seeds/made: $(wildcard tests/fuzz/*.py tests/golden/*.py)
	$(call say,SEEDS,$(@D))rm -rf $(@D); $(PYTHON) tests/fuzz/make_seeds.py $(@D) && touch $@
$(FUZZERS:%=fuzz-%): fuzz-%: fuzz-build
	$(call fuzz_one,$*)
fuzz: fuzz-build
	$(Q)$(foreach f,$(FUZZERS),echo; echo '--- $(f)'; $(call fuzz_one,$(f)) || exit;)
fuzz-nightly:
	@$(MAKE) --no-print-directory fuzz SECONDS=600
.PHONY: fuzz fuzz-build fuzz-nightly $(FUZZERS:%=fuzz-%)

$(FUZZ_ONNX:%=$(B)/tests/fuzz/fuzz_%): $(patsubst %,$(B)/tests/fuzz/mutate_%.o,onnx graph tensor message)
$(B)/tests/fuzz/fuzz_tar: $(B)/tests/fuzz/mutate_tar.o
$(B)/tests/fuzz/fuzz_%: $(B)/tests/fuzz/fuzz_%.o $(B)/libserver.a $(B)/libengine.a
	$(call say,LINK,$@)$(CC) $(ALL) -fsanitize=fuzzer $(LDFLAGS) -o $@ $^ $(LINK_SERVER) $(LINK_ENGINE)
$(B)/tests/fuzz/replay_%: $(B)/tests/fuzz/fuzz_%.o $(B)/tests/fuzz/replay.o $(B)/libserver.a $(B)/libengine.a
	$(call say,LINK,$@)$(CC) $(ALL) $(LDFLAGS) -o $@ $^ $(LINK_SERVER) $(LINK_ENGINE)

# --- rules about the code ---------------------------------------------------------
HEADERS := $(shell find engine server -name '*.h')
check-headers: $(B)/gen/onnx.pb-c.h   # every header compiles alone
	@printf '%s\n' $(foreach h,$(HEADERS),'$(h) $(call isa_of,$(h))') | { \
	good=0; bad=0; while read -r h flags; do \
		if printf '#include "%s"\ntypedef int not_empty;\n' $$h | \
			$(CC) $(ALL) $$flags -Werror -fsyntax-only -x c -; then good=$$((good + 1)); \
		else echo "$$h does not compile alone"; bad=$$((bad + 1)); fi; \
	done; echo "$$good passed, $$bad failed, 0 skipped"; [ $$bad = 0 ]; }
check-layers:                         # includes point downwards only
	@sh tests/check_layers.sh
check-isa: $(B)/convd                 # no AVX outside of the files named for it
	@sh tests/check_isa.sh $(call OBJ,$(ENGINE) $(SERVER))
check-syntax: $(B)/gen/onnx.pb-c.h    # the tests pass another compiler's warnings too
	@printf '%s\n' $(foreach c,$(filter tests/%.c server/main.c,$(SOURCES)),'$(c) $(call isa_of,$(c))') | { \
	good=0; bad=0; while read -r c flags; do \
		if $(CC) $(ALL) $$flags -Werror -fsyntax-only $$c; then good=$$((good + 1)); else bad=$$((bad + 1)); fi; \
	done; echo "$$good passed, $$bad failed, 0 skipped"; [ $$bad = 0 ]; }
check-format:
	@command -v clang-format >/dev/null || { echo '0 passed, 0 failed, 1 skipped'; exit 0; }; \
	good=0; bad=0; for f in $(SOURCES); do \
		if clang-format --dry-run -Werror $$f 2>/dev/null; then good=$$((good + 1)); \
		else echo "$$f: clang-format -i mends it"; bad=$$((bad + 1)); fi; \
	done; echo "$$good passed, $$bad failed, 0 skipped"; [ $$bad = 0 ]

bench-build: all $(B)/tests/bench/convd_rate $(B)/tests/bench/train_rate
bench-kernels: $(B)/tests/bench/kernel_rates
	@$<

$(B)/tests/bench/mixed_load: $(B)/tests/bench/mixed_load.o $(B)/libserver.a $(B)/libengine.a
	$(call say,LINK,$@)$(CC) $(ALL) $(LDFLAGS) -o $@ $^ $(LINK_ENGINE) $(LINK_SERVER)
bench-load:
	@sh tests/install-deps.sh build
	$(again) $(JOBS) $(B)/tests/bench/mixed_load
	@$(B)/tests/bench/mixed_load $(if $(BENCH),$(BENCH),models/scenes)

$(B)/tests/bench/http_load: $(B)/tests/bench/http_load.o $(B)/tests/bench/http_client.o
	$(call say,LINK,$@)$(CC) $(ALL) $(LDFLAGS) -o $@ $^ -lm
bench-serving:
	@sh tests/install-deps.sh build bench-serving
	$(again) $(JOBS) all $(B)/tests/bench/http_load
	@$(PYTHON) tests/bench/serving.py $(B) $(BENCH)

bench-meanwhile:
	@sh tests/install-deps.sh build
	$(again) $(JOBS) all $(B)/tests/bench/http_load
	@$(PYTHON) tests/bench/meanwhile.py $(B) $(BENCH)

# Nothing but this program needs oneDNN.
ONEDNN := $(B)/tests/bench/onednn_rate
$(B)/tests/bench/convd_rate $(ONEDNN): $(B)/tests/bench/rate.o
$(ONEDNN): $(patsubst %,$(B)/tests/bench/onednn_%.o,net parts plan steps)
$(ONEDNN): LINK_ENGINE := -ldnnl -lm

# --- what people type: installs what is missing, then builds, then does it -----
MODEL ?=
PORT  ?= 8080
BENCH ?=
BENCH_ISA ?=
JOBS   = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))
again  = @$(MAKE) --no-print-directory

deps:
	@sh tests/install-deps.sh build test oracle
run:
	@sh tests/install-deps.sh build
	$(again) $(JOBS) all
	@exec $(B)/convd serve --port $(PORT) $(MODEL)
test: deps
	$(again) $(JOBS) tests-build
	$(again) test-suites

bench:
	@sh tests/install-deps.sh build bench
	$(again) $(JOBS) bench-build
	@$(PYTHON) tests/bench/bench.py $(B) $(BENCH)
	@$(PYTHON) tests/bench/train_bench.py $(B)
bench-engine:
	@sh tests/install-deps.sh build bench bench-engine
	$(again) $(JOBS) bench-build $(ONEDNN)
	@$(PYTHON) tests/bench/bench_engine.py $(B) $(if $(BENCH_ISA),--isa $(BENCH_ISA)) $(BENCH)

# --- the container image --------------------------------------------------------
CONTAINER ?= docker
REVISION   = $(shell git rev-parse HEAD 2>/dev/null)
image:
	$(CONTAINER) build -t convd -t convd:$(subst +,-,$(VERSION)) -f docker/Dockerfile --build-arg VERSION=$(VERSION) \
		--build-arg REVISION=$(REVISION) .

# --- installing ---------------------------------------------------------------
# make install            [PREFIX=/usr/local] [DESTDIR=]: the program, its model, manual page, completion, systemd's units
# make install-program    the first two
# make uninstall          all but the configuration, which may be yours
# make test-deb           makes it, and installs, runs and purges it on a bare machine
# make deb                build/convd_VERSION_ARCHITECTURE.deb
PREFIX     ?= /usr/local
SYSCONFDIR ?= $(if $(filter /usr,$(PREFIX)),/etc,$(PREFIX)/etc)
UNITDIR    ?= $(PREFIX)/lib/systemd/system
DESTDIR    ?=
SHARE       = $(DESTDIR)$(PREFIX)/share
# What the program says of itself for others: the topic of convd help, and where it belongs.
TOPICS      = man:man/man1/convd.1 bash:bash-completion/completions/convd fish:fish/vendor_completions.d/convd.fish \
              zsh:zsh/$(ZSH)/_convd
ZSH        ?= site-functions
MODELS     := $(wildcard models/*/model.onnx models/*/model.json models/*/labels.txt)

$(B)/share/made: $(B)/convd
	$(call say,HELP,$(@D))rm -rf $(@D); for t in $(TOPICS); do f=$(@D)/$${t#*:}; \
		mkdir -p $${f%/*} && $< help $${t%%:*} >$$f || exit 1; done; touch $@

install-program: all
	install -D -m 755 $(B)/convd $(DESTDIR)$(PREFIX)/bin/convd
	$(Q)for f in $(MODELS); do install -D -m 644 $$f $(SHARE)/convd/$$f || exit 1; done
install: install-program $(B)/share/made
	$(Q)for t in $(TOPICS); do f=$${t#*:}; install -D -m 644 $(B)/share/$$f $(SHARE)/$$f || exit 1; done
	$(Q)for u in config/systemd/*; do install -D -m 644 $$u $(DESTDIR)$(UNITDIR)/$${u##*/} || exit 1; done
	$(Q)sed -i 's|/usr/bin/|$(PREFIX)/bin/|; s|/etc/convd/|$(SYSCONFDIR)/convd/|' $(DESTDIR)$(UNITDIR)/convd.service
	$(Q)[ -e $(DESTDIR)$(SYSCONFDIR)/convd/convd.json ] || \
		install -D -m 644 config/convd.json $(DESTDIR)$(SYSCONFDIR)/convd/convd.json
uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/convd $(foreach t,$(TOPICS),$(SHARE)/$(lastword $(subst :, ,$t))) \
		$(addprefix $(DESTDIR)$(UNITDIR)/,$(notdir $(wildcard config/systemd/*)))
	rm -rf $(SHARE)/convd

# Debian's compilers harden what Debian builds; its places differ a little.
DEB       := build/deb
DEB_FLAGS  = B=$(DEB) SAN= CFLAGS='-O2 -g -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE -ffile-prefix-map=$(CURDIR)=.' \
             LDFLAGS='-pie -Wl,-z,relro,-z,now' VERSION='$(VERSION)'
deb:
	@sh tests/install-deps.sh build deb
	$(again) $(JOBS) $(DEB_FLAGS) all
	$(Q)rm -rf $(DEB)/root $(DEB)/share
	$(Q)$(MAKE) -s $(DEB_FLAGS) install DESTDIR=$(DEB)/root PREFIX=/usr UNITDIR=/lib/systemd/system ZSH=vendor-completions
	@sh config/debian/build.sh $(DEB)/root '$(VERSION)' build
test-deb:                             # skipped but for its form without a program that makes a bare machine
	@sh tests/install-deps.sh test-deb
	$(again) deb
	@printf '%s\n' "deb sh tests/deb/run.sh $$(echo build/convd_*.deb)" | tests/run.sh build/test-logs
clean:
	rm -rf build

FORCE:
.PHONY: all unit-build test-suites test-unit test-golden test-onnx test-http test-train test-page test-readme test-faults tests-build check-headers check-layers \
        check-isa check-syntax check-format bench bench-build bench-engine bench-load bench-kernels bench-meanwhile bench-serving soak image test-deploy test-container test-scaleout deps run test install install-program uninstall deb test-deb clean FORCE
-include $(patsubst %.o,%.d,$(call OBJ,$(ENGINE) $(SERVER) $(UNIT) $(wildcard tests/golden/*.c tests/onnx/*.c tests/bench/*.c tests/fuzz/*.c tests/soak/*.c)) $(EMULATED) \
         $(EMULATED_BIN:$(B)/tests/emulated/%=$(EMULATE)/tests/%.d) $(B)/$(INTRINSICS) $(EMULATE)/$(INTRINSICS))
