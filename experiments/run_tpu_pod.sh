#!/usr/bin/env bash
# Creates a TPU slice, or several, installs this checkout on all hosts and trains there, through
# preemptions, with gcloud. docs/tpu_pods.md has the whole way.
set -euo pipefail

readonly USAGE='usage: experiments/run_tpu_pod.sh [--dry-run] COMMAND

commands
  create         asks for the TPUs and waits for them; what is there already stays
  install        copies this checkout to every host and installs it, with the TPU version of JAX
  launch FLAGS   starts experiments.train with those flags on every host; it outlives the connection
  watch          follows the log of the first host until the training ends there
  status         says what the TPUs and the training do
  stop           ends the training, which saves first
  delete         gives the TPUs back
  run FLAGS      create, install, launch; all again after a preemption, until the training is done

--dry-run prints the commands that would be run.

environment
  TPU_NAME       name of the TPUs; required
  TPU_ZONE       such as us-east5-a; required
  TPU_TYPE       such as v5litepod-16, v5p-128, v6e-64; for create and run
  TPU_PROJECT    default: that of gcloud
  TPU_VERSION    software of the hosts; default: by the type
  TPU_MODE       on-demand, the default, or spot
  TPU_QUEUED     1 asks with a queued resource, which waits for capacity; default 0
  TPU_SLICES     slices, with a queued resource; default 1
  TPU_SETUP      shell command for every host after installing, such as mounting a bucket
  POLL_SECONDS   between looks at what goes on; default 60
  TRIES          failures in a row after which run gives up; default 10

example
  export TPU_NAME=thfm TPU_ZONE=us-east5-a TPU_TYPE=v5p-128 TPU_MODE=spot TPU_QUEUED=1
  experiments/run_tpu_pod.sh run --config=configs/thfm_14b.py --workdir=/mnt/bucket/runs/thfm_14b'

# On every host, in the home of the user.
readonly FOLDER=thfm_jax VENV=thfm_venv NAME=thfm_train
# Endings after which the same training goes on: saved after SIGTERM, left alone by another process
# (docs/training.md), and a host that knows of no ending since it was restarted.
readonly AGAIN=' 143 144 134 lost '

fail() { # what trying again does not cure
  printf 'error: %s\n' "$*" >&2
  exit 2
}

say() { printf '%s\n' "$*" >&2; }

run() { # runs a command, or prints it as a shell takes it
  if [[ $DRY_RUN == 0 ]]; then
    "$@"
  else
    printf '%q ' "$@"
    echo
  fi
}

tpu() { # tpu VERB FLAGS: gcloud about all of these TPUs
  run gcloud compute tpus "$GROUP" "$1" "$TPU_NAME" "${PLACE[@]}" --quiet "${@:2}"
}

slices() { # their names: a queued resource numbers several
  if ((TPU_SLICES == 1)); then
    echo "$TPU_NAME"
  else
    seq -f "$TPU_NAME-%g" 0 $((TPU_SLICES - 1))
  fi
}

first_slice() { slices | sed -n 1p; }

on_host() { # on_host SLICE WORKER SCRIPT
  run gcloud compute tpus tpu-vm ssh "$1" "${PLACE[@]}" --quiet "--worker=$2" "--command=$3"
}

on_all_hosts() { # the same script on all hosts of all slices at the same time
  local slice job jobs=''
  for slice in $(slices); do
    on_host "$slice" all "$1" &
    jobs="$jobs $!"
  done
  for job in $jobs; do wait "$job"; done
}

version() {
  case ${TPU_VERSION:-$TPU_TYPE} in
    v6e-*) echo v2-alpha-tpuv6e ;;
    v5litepod-*) echo v2-alpha-tpuv5-lite ;;
    v5p-*) echo v2-alpha-tpuv5 ;;
    v4-*) echo tpu-ubuntu2204-base ;;
    *)
      [[ -n ${TPU_VERSION:-} ]] || fail "no software is known for $TPU_TYPE: set TPU_VERSION"
      echo "$TPU_VERSION"
      ;;
  esac
}

state() { # of the TPUs, in gcloud's words; nothing where there are none
  DRY_RUN=0 tpu describe "--format=value($FIELD)" 2>/dev/null || true
}

create() {
  [[ -n ${TPU_TYPE:-} ]] || fail 'TPU_TYPE says which TPUs to create, such as v5p-128'
  local software now=''
  software=$(version)
  if [[ $DRY_RUN == 0 ]]; then now=$(state); fi
  case $now in
    READY | ACTIVE) say "$TPU_NAME is there" ;;
    PREEMPTED | TERMINATED | STOPPED | SUSPENDED | FAILED)
      say "$TPU_NAME is $now: making it anew"
      delete
      ask "$software"
      ;;
    '') ask "$software" ;;
  esac
  if [[ $DRY_RUN == 0 ]]; then wait_until_ready; fi
}

ask() {
  local flags=("--accelerator-type=$TPU_TYPE")
  if [[ $TPU_MODE == spot ]]; then flags+=(--spot); fi
  if [[ $GROUP == tpu-vm ]]; then
    flags+=("--version=$1")
  elif ((TPU_SLICES == 1)); then
    flags+=("--runtime-version=$1" "--node-id=$TPU_NAME")
  else
    flags+=("--runtime-version=$1" "--node-count=$TPU_SLICES" "--node-prefix=$TPU_NAME")
  fi
  tpu create "${flags[@]}"
}

wait_until_ready() {
  local now
  while true; do
    now=$(state)
    case $now in
      READY | ACTIVE) return ;;
      FAILED | SUSPENDED | PREEMPTED | TERMINATED) say "$TPU_NAME is $now" && return 1 ;;
    esac
    say "waiting for $TPU_NAME: ${now:-not there yet}"
    sleep "$POLL_SECONDS"
  done
}

install() {
  local slice archive="${TMPDIR:-/tmp}/$NAME.$$.tar.gz"
  # What a training needs, as it lies here: changes that are not committed too.
  run tar -czf "$archive" --exclude=__pycache__ \
    thfm_jax configs experiments pyproject.toml requirements.txt README.md LICENSE \
    tests/requirements.txt
  for slice in $(slices); do
    run gcloud compute tpus tpu-vm scp "$archive" "$slice:$NAME.tar.gz" \
      "${PLACE[@]}" --quiet --worker=all
  done
  run rm "$archive"
  local jax
  jax=$(sed -n 's/^jax>=/==/p' requirements.txt) # the version that is tested
  on_all_hosts "set -e
rm -rf $FOLDER && mkdir $FOLDER && tar -xzf $NAME.tar.gz -C $FOLDER
if [ ! -d $VENV ]; then
  python=python3
  \$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' || python=python3.11
  command -v \$python || { sudo apt-get update; sudo apt-get install -y \$python \$python-venv; }
  \$python -m venv $VENV
fi
$VENV/bin/pip install --quiet ./$FOLDER 'jax[tpu]$jax'
${TPU_SETUP:-true}"
}

launch() {
  (($# > 0)) || fail 'launch takes the flags of the training: --config=... --workdir=...'
  local script
  script="cd ~/$FOLDER
../$VENV/bin/python -m experiments.train --distributed$(printf ' %q' "$@") >>~/$NAME.log 2>&1
echo \$? >~/$NAME.status"
  # In a session of its own, so that it outlives this one.
  on_all_hosts "if [ -f $NAME.pid ] && kill -0 \$(cat $NAME.pid) 2>/dev/null; then
  echo 'a training runs here already: stop it first' >&2; exit 1
fi
rm -f $NAME.status
printf '%s\n' $(printf %q "$script") >$NAME.sh
setsid nohup bash $NAME.sh </dev/null >/dev/null 2>&1 &
echo \$! >$NAME.pid"
}

watch() {
  on_host "$(first_slice)" 0 "tail -n 50 -F --pid=\$(cat $NAME.pid) $NAME.log"
}

training() { # "running", the exit status of the first host's, "lost", or nothing: no answer
  DRY_RUN=0 on_host "$(first_slice)" 0 "if kill -0 \$(cat $NAME.pid) 2>/dev/null; then echo running
else cat $NAME.status 2>/dev/null || echo lost; fi" 2>/dev/null || true
}

status() {
  echo "TPUs: $(state)"
  echo "training: $(training)"
}

stop() {
  on_all_hosts "pid=\$(cat $NAME.pid) && pkill -TERM -P \$pid
for _ in \$(seq 300); do kill -0 \$pid 2>/dev/null || exit 0; sleep 2; done
echo 'it still saves after 10 minutes' >&2; exit 1"
}

delete() {
  if [[ $GROUP == tpu-vm ]]; then tpu delete; else tpu delete --force; fi
}

ended() { # waits; 0 where the training is done, 1 where it should be started again
  local now
  while true; do
    sleep "$POLL_SECONDS"
    now=$(state)
    if [[ $now != READY && $now != ACTIVE ]]; then
      say "$TPU_NAME is ${now:-gone}"
      return 1
    fi
    now=$(training)
    case $now in
      running | '') continue ;;
      0) return 0 ;;
    esac
    [[ $AGAIN == *" $now "* ]] ||
      fail "the training ended with $now, and would again: ~/$NAME.log on the first host says why"
    say "the training ended with $now"
    return 1
  done
}

step() { # a command in a shell of its own, where any failure ends it
  "$SELF" "$@" || {
    (($? != 2)) || exit 2
    return 1
  }
}

run_all() {
  (($# > 0)) || fail 'run takes the flags of the training: --config=... --workdir=...'
  if [[ $DRY_RUN == 1 ]]; then
    create && install && launch "$@"
    return
  fi
  local failures=0
  while true; do
    if step create && step install && step launch "$@"; then
      failures=0
      if ended; then break; fi
      say 'starting again from the last checkpoint'
    else
      failures=$((failures + 1))
      ((failures < TRIES)) || fail "$failures failures in a row"
      sleep "$POLL_SECONDS"
    fi
  done
  say 'the training is done; "delete" gives the TPUs back'
}

main() {
  DRY_RUN=0
  if [[ ${1:-} == --dry-run ]]; then
    DRY_RUN=1
    shift
  fi
  local command=${1:-help}
  case $command in
    help | -h | --help) echo "$USAGE" && return ;;
    create | install | launch | watch | status | stop | delete) ;;
    run) command=run_all ;;
    *) fail "no command $command; --help lists them" ;;
  esac
  shift
  [[ -n ${TPU_NAME:-} && -n ${TPU_ZONE:-} ]] || fail 'set TPU_NAME and TPU_ZONE: see --help'
  TPU_MODE=${TPU_MODE:-on-demand} TPU_QUEUED=${TPU_QUEUED:-0} TPU_SLICES=${TPU_SLICES:-1}
  POLL_SECONDS=${POLL_SECONDS:-60} TRIES=${TRIES:-10}
  [[ $TPU_MODE == on-demand || $TPU_MODE == spot ]] || fail 'TPU_MODE is on-demand or spot'
  ((TPU_SLICES == 1 || TPU_QUEUED == 1)) || fail 'several slices need TPU_QUEUED=1'
  GROUP=tpu-vm FIELD=state
  if [[ $TPU_QUEUED == 1 ]]; then GROUP=queued-resources FIELD=state.state; fi
  PLACE=("--zone=$TPU_ZONE")
  if [[ -n ${TPU_PROJECT:-} ]]; then PLACE+=("--project=$TPU_PROJECT"); fi
  cd "$(dirname "${BASH_SOURCE[0]}")/.."
  SELF=$PWD/experiments/run_tpu_pod.sh
  "$command" "$@"
}

main "$@"
