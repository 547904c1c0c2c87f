#!/usr/bin/env bash
# The Compose test: builds the image, brings the stack of docker-compose.yml up with three downloaders beside a container
# with a real site, crawls the site, looks at what was stored, drains the downloaders, and takes everything down again.
# Needs a Docker engine with `docker compose` or `docker-compose` (1.29 or newer), and nothing else.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

downloaders=3
pages=710 # of the manual in Debian 13
project=warren-test-$$
work=$(mktemp -d)
passed=0
failed=0

say() { printf '\n== %s\n' "$*"; }

die() {
  echo "compose: $*" >&2
  exit 1
}

# check NAME COMMAND...: counts it and goes on, so that one run shows all that is wrong.
check() {
  local name=$1
  shift
  if "$@" >"$work/check.log" 2>&1; then
    passed=$((passed + 1))
    echo "ok      $name"
  else
    failed=$((failed + 1))
    echo "FAILED  $name"
  fi
  sed 's/^/        /' "$work/check.log" | tail -n 15
}

docker info >/dev/null 2>&1 || die "no Docker engine answers; start one, or see 'docker info' for what is wrong"
if docker compose version >/dev/null 2>&1; then
  program=(docker compose)
elif command -v docker-compose >/dev/null; then
  program=(docker-compose)
else
  die "neither 'docker compose' nor 'docker-compose' is installed"
fi

# Settings of the caller's shell would win over the file's.
unset "${!WARREN_@}" COMPOSE_FILE COMPOSE_PROFILES COMPOSE_PROJECT_NAME
secret() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
cat >"$work/env" <<ENV
WARREN_RABBITMQ_USER=test-$(secret | head -c 8)
WARREN_RABBITMQ_PASSWORD=$(secret)
WARREN_GRAFANA_PASSWORD=$(secret)
# any free port
WARREN_MANAGEMENT_PORT=0
WARREN_ALLOW_PRIVATE=true
WARREN_IMAGE=warren-test
ENV
compose=("${program[@]}" --project-name "$project" --env-file "$work/env" -f docker-compose.yml -f tests/compose/overlay.yml)

clean_up() {
  local status=$?
  trap - EXIT INT TERM
  if [[ $status -ne 0 ]]; then
    say "what the containers said last"
    "${compose[@]}" logs --no-color --tail 40 2>&1 | cut -c 1-400 || true
  fi
  say "down"
  COMPOSE_PROFILES="command" "${compose[@]}" down --volumes --remove-orphans --timeout 5 >"$work/down.log" 2>&1 \
    || { cat "$work/down.log"; status=1; }
  rm -rf "$work"
  # an end before the end is a failure too
  [[ $status -eq 0 || $failed -gt 0 ]] || failed=1
  echo "compose: $passed passed, $failed failed"
  exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# --- what is asked ---

refuses_without_password() {
  grep -v RABBITMQ_PASSWORD "$work/env" >"$work/env.incomplete"
  if "${program[@]}" --project-name "$project" --env-file "$work/env.incomplete" -f docker-compose.yml config; then
    return 1
  fi >"$work/refusal" 2>&1
  cat "$work/refusal"
  grep -q 'see .env.example' "$work/refusal"
}

overlay_is_well_formed() {
  "${program[@]}" --project-name "$project" --env-file "$work/env" -f docker-compose.yml -f "$1" config --quiet
}

# in_volumes QUESTION RUN [...]: see site/check.sh
in_volumes() { "${compose[@]}" run --rm -T --no-deps check "$@" </dev/null 2>"$work/stderr" || { cat "$work/stderr"; return 1; }; }

at_site() { "${compose[@]}" exec -T site "$@" </dev/null; }

producer() { timeout 600 "${compose[@]}" run --rm -T producer "$@" </dev/null; }

consumers() {
  "${compose[@]}" exec -T rabbitmq rabbitmqctl --quiet list_queues name consumers </dev/null | tr -d '\r' | awk '$1 == "warren.tasks" { print $2 }'
}

# eventually SECONDS COMMAND...: asks again until it is so.
eventually() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    [[ $SECONDS -lt $deadline ]] || return 1
    sleep 0.5
  done
}

fleet_consumes() { [[ $(consumers) == "$downloaders" ]]; }

is_confined() {
  local id user
  for id in "${fleet[@]}"; do
    user=$(docker exec "$id" id -u)
    [[ $user == 10001 ]] || { echo "$id runs as user $user"; return 1; }
    if docker exec "$id" touch /probe 2>/dev/null; then echo "$id can write to its root"; return 1; fi
    docker exec "$id" touch /tmp/probe || { echo "$id cannot write to /tmp"; return 1; }
  done
}

# The manual also links to three images of other sites, which are not the test's to fetch.
crawl_succeeds() {
  producer crawl http://site/en/index.html --run manual --depth 50 --scope prefix --include-images '^http://site/' \
    --allow-private --format json \
    >"$work/summary.json" 2>"$work/crawl.log" && return
  echo "exit status $?"
  tail -n 12 "$work/crawl.log"
  return 1
}

prints_the_summary() {
  "${compose[@]}" run --rm -T --no-deps --entrypoint cat check /runs/manual/summary.json </dev/null 2>/dev/null >"$work/stored.json"
  [[ -s $work/summary.json && $(tr -d '[:space:]' <"$work/summary.json") == "$(tr -d '[:space:]' <"$work/stored.json")" ]]
}

images_arrive() { [[ $(at_site grep -cE '\.(jpg|png|svg) OK$' /var/log/nginx/slow.log) -ge 10 ]]; }

# All left of their own accord: 0, where a container that had to be killed has 137.
left_with_zero() {
  local id ok=true
  for id in "${fleet[@]}"; do
    docker inspect --format '{{.Name}}: {{.State.Status}}, exit status {{.State.ExitCode}}' "$id"
    [[ $(docker inspect --format '{{.State.Status}} {{.State.ExitCode}}' "$id") == "exited 0" ]] || ok=false
  done
  echo "the stop took $stop_seconds s"
  $ok
}

slow_crawl_succeeds() {
  local status=0
  wait "$slow_crawl" || status=$?
  echo "exit status $status"
  tail -n 12 "$work/slow.log"
  [[ $status -eq 0 ]]
}

# --- the test ---

say "with ${program[*]}: $("${program[@]}" version 2>&1 | head -n 1)"
check "without a password, Compose refuses and says what to do" refuses_without_password
check "the overlay for monitoring is well-formed" overlay_is_well_formed docker-compose.monitoring.yml

say "build"
started=$SECONDS
"${compose[@]}" build downloader >"$work/build.log" 2>&1 || { tail -n 40 "$work/build.log"; die "the image does not build"; }
"${compose[@]}" build site >"$work/build.log" 2>&1 || { tail -n 40 "$work/build.log"; die "the site's image does not build"; }
echo "built in $((SECONDS - started)) s; the image has $(($(docker image inspect --format '{{.Size}}' warren-test) / 1000000)) MB," \
  "its base $(($(docker image inspect --format '{{.Size}}' debian:trixie-slim 2>/dev/null || echo 0) / 1000000)) MB"

say "up, with $downloaders downloaders"
started=$SECONDS
"${compose[@]}" up -d --no-build --scale downloader="$downloaders" rabbitmq site downloader >"$work/up.log" 2>&1 \
  || { tail -n 20 "$work/up.log"; die "the stack does not come up"; }
echo "up in $((SECONDS - started)) s"
mapfile -t fleet < <("${compose[@]}" ps -q downloader)
check "$downloaders downloaders consume the task queue" eventually 30 fleet_consumes
check "downloaders run as a user of their own on a read-only root" is_confined

say "a crawl of the site"
started=$SECONDS
check "the crawl ends with 0" crawl_succeeds
echo "        $((SECONDS - started)) s"
check "its standard output is the summary" prints_the_summary
check "the summary is complete and its counts agree with the manifest" in_volumes summary manual
check "every page was fetched" in_volumes pages manual "$pages"
check "every image that a page names is stored" in_volumes every_image manual
check "each file's sha256 is its name, and the manifest leads to it" in_volumes files manual
check "each downloader stored some" in_volumes workers manual "$downloaders"

say "a stop with images in flight"
producer crawl http://site:8080/en/gimp-concepts-layer-modes-legacy.html --run drained --depth 0 --allow-private --format json \
  >"$work/slow.log" 2>&1 &
slow_crawl=$!
check "images of a slow site arrive" eventually 60 images_arrive
started=$SECONDS
"${compose[@]}" stop downloader >"$work/stop.log" 2>&1 || { cat "$work/stop.log"; die "the downloaders do not stop"; }
stop_seconds=$((SECONDS - started))
check "the downloaders drain and leave with 0" left_with_zero
check "they leave nothing half-written" in_volumes no_parts drained
"${compose[@]}" start downloader >"$work/start.log" 2>&1 || { cat "$work/start.log"; die "the downloaders do not start again"; }
check "started again, they finish the crawl" slow_crawl_succeeds
check "no image was lost" in_volumes summary drained
check "no image was fetched twice or cut off" at_site check fetched_once drained

[[ $failed -eq 0 ]]
