# How a layer is built, included by layers/*/Makefile. `sam build` calls `make build-<LogicalId>` with ARTIFACTS_DIR;
# the tests call the same target for other interpreters. Wheels only, so any machine builds for any CPU.

LAYER_PYTHON ?= 3.13# CPython of the functions
LAYER_ARCH ?= x86_64# x86_64 or arm64, as the parameter Architecture
PIP ?= python3 -m pip
# Writes the .pyc files: the layer is read-only in Lambda, where each cold start would compile the sources again.
COMPILER ?= $(firstword $(foreach p,python$(LAYER_PYTHON) $(wildcard $(HOME)/.pyenv/versions/$(LAYER_PYTHON).*/bin/python),$(shell \
  $(p) -c 'import sys; "%d.%d" % sys.version_info[:2] == "$(LAYER_PYTHON)" and print("$(p)")' 2>/dev/null)))

MACHINE := $(patsubst arm64,aarch64,$(LAYER_ARCH))
SITE = $(ARTIFACTS_DIR)/python
# manylinux_2_28 is below the glibc of Amazon Linux 2023 (2.34); pip takes each tag by name only.
PLATFORMS := $(foreach tag,manylinux_2_28 manylinux_2_27 manylinux_2_24 manylinux_2_17 manylinux2014,--platform $(tag)_$(MACHINE))

define install
	mkdir -p "$(SITE)"
	$(PIP) install --quiet --disable-pip-version-check --require-hashes --no-deps --no-compile --only-binary=:all: \
	  --implementation cp --python-version $(LAYER_PYTHON) $(PLATFORMS) \
	  --target "$(SITE)" --requirement "$(HERE)requirements.txt"
endef

# Two builds of one input are equal, byte for byte and in their times. Licences and names stay in *.dist-info.
define finish
	rm -rf "$(SITE)/bin" "$(SITE)"/*-stubs
	find "$(SITE)" -type d \( -name __pycache__ -o -name tests -o -name test \) -prune -exec rm -rf {} +
	find "$(SITE)" -type f \( -name '*.pyi' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.a' -o -name '*.h' \) -delete
	find "$(SITE)" -path '*.dist-info/*' \( -name RECORD -o -name INSTALLER -o -name REQUESTED -o -name direct_url.json \) -delete
	@if [ -n "$(COMPILER)" ]; then \
	  PYTHONHASHSEED=0 $(COMPILER) -m compileall -q --invalidation-mode unchecked-hash -s "$(ARTIFACTS_DIR)" -p /opt "$(SITE)"; \
	else echo "No CPython $(LAYER_PYTHON) here: the layer goes without .pyc files, so cold starts take longer." >&2; fi
	find "$(ARTIFACTS_DIR)" -exec touch -h -d '1980-01-02 00:00:00 UTC' {} +
endef
