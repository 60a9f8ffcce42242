#!/usr/bin/env bash
# Makes thfm-tiny: clips, then the stages of configs/tiny.py, then models/thfm-tiny. Flags go to
# experiments.train in all stages. What was stopped goes on when it is started again, and what is
# done is not done again. docs/thfm_tiny.md says what to expect.
#
# environment
#   PYTHON         default: python
set -euo pipefail
cd "$(dirname "$0")/.."

readonly PYTHON=${PYTHON:-python}

if command -v nvidia-smi >/dev/null; then
  set -- --config.compute.dtype=bfloat16 --config.compute.vae_dtype=bfloat16 "$@"
else
  # A device for each core, as far as batches divide, and large pages: docs/training.md.
  devices=$(($(nproc) >= 4 ? 4 : $(nproc) >= 2 ? 2 : 1))
  export XLA_FLAGS="--xla_force_host_platform_device_count=$devices ${XLA_FLAGS:-}"
  export GLIBC_TUNABLES=glibc.malloc.hugetlb=1 MALLOC_MMAP_MAX_=0
  export MALLOC_TRIM_THRESHOLD_=100000000000 MALLOC_TOP_PAD_=1000000000
fi

train() {
  local stage=$1
  shift
  "$PYTHON" -m experiments.train --config="configs/tiny.py:$stage" --workdir="runs/tiny_$stage" "$@"
}

"$PYTHON" -m experiments.generate --output=data/humans --clips=2400
"$PYTHON" -m experiments.generate --output=data/humans --clips=48 --split=validation
train vae "$@"
if [[ ! -e runs/tiny_text/model ]]; then
  "$PYTHON" -m experiments.train_text --model=runs/tiny_vae/model --output=runs/tiny_text/model
fi
train pixel "$@"
train finish "$@"
if [[ ! -e models/thfm-tiny ]]; then
  "$PYTHON" -m experiments.release --model=runs/tiny_finish/model --output=models/thfm-tiny --length=1
fi
