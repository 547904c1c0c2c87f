#!/bin/sh
# What a crawl must have left in the volumes /runs and /images, each question a command: `check QUESTION RUN [...]`.
# The answer is the exit status; what is wrong, or the numbers, go to standard output. It runs in the site's container, which
# has the site itself to compare with.
set -eu

site=/srv/site/en
manifest=/runs/$2/results.jsonl
summary=/runs/$2/summary.json

fail() {
  echo "$*"
  exit 1
}

# The run is complete, every page of the site was fetched, and each image has one outcome that counts.
summary() {
  jq -c . "$summary"
  jq -e '.state == "complete"' "$summary" >/dev/null || fail "the state is not complete"
  jq -e '.images | to_entries | (map(select(.key != "found").value) | add) == (map(select(.key == "found").value) | add)' \
    "$summary" >/dev/null || fail "the counts do not sum to found"
  jq -e '.images | .found > 0 and .outstanding == 0' "$summary" >/dev/null || fail "images are outstanding"
  # The manual's style sheet names an image that its package does not have.
  jq -r 'select(.status == "failed") | "\(.reason) \(.url)"' "$manifest" | while read -r reason url; do
    { [ "$reason" = http-404 ] && [ ! -e "/srv/site/${url#http://*/}" ]; } || fail "$url failed: $reason"
  done || exit 1
  rows=$(wc -l <"$manifest")
  [ "$(jq '.images.found' "$summary")" -eq "$rows" ] || fail "the manifest has $rows rows"
  for status in stored duplicate rejected blocked; do
    counted=$(jq --arg status "$status" '.images[$status] // 0' "$summary")
    listed=$(jq -r --arg status "$status" 'select(.status == $status) | .url' "$manifest" | sort -u | wc -l)
    [ "$counted" -eq "$listed" ] || fail "$counted $status in the summary, $listed in the manifest"
  done
}

pages() { # pages RUN COUNT
  fetched=$(jq .pages.fetched "$summary")
  echo "$fetched pages of $1"
  [ "$fetched" -eq "$1" ]
}

# Everything that an `img` of any page names was stored: the bytes in the store are those of the site.
every_image() {
  cd "$site"
  grep -oh '<img[^>]*src="[^"]*"' ./*.html | sed 's/.*src="\([^"]*\)"/\1/' | sort -u >/tmp/named
  xargs sha256sum </tmp/named | cut -d' ' -f1 | sort -u >/tmp/named.sha256
  find /images -path /images/.part -prune -o -type f -print | sed 's|.*/||; s|\..*||' | sort -u >/tmp/stored.sha256
  comm -23 /tmp/named.sha256 /tmp/stored.sha256 >/tmp/missing
  echo "$(wc -l </tmp/named) images are named, $(wc -l </tmp/missing) are missing"
  [ -s /tmp/named ] && [ ! -s /tmp/missing ]
}

# Each file is called by the sha256 of its bytes, and the manifest leads to each file and to no other. (In `.part` the living
# downloaders keep what is not whole yet.)
files() {
  cd /images
  find . -path ./.part -prune -o -type f -print | sed 's|^\./||' | sort >/tmp/files
  [ -s /tmp/files ] || fail "no file is stored"
  xargs sha256sum </tmp/files | sed 's|^\([0-9a-f]*\)  \(.*\)$|\1 \2|' >/tmp/sums
  awk '{ name = $2; sub(/^.*\//, "", name); sub(/\..*$/, "", name); if (name != $1 || $2 !~ "^" substr($1, 1, 2) "/") print }' \
    /tmp/sums >/tmp/misnamed
  [ ! -s /tmp/misnamed ] || { head -n 3 /tmp/misnamed; fail "$(wc -l </tmp/misnamed) files are not called by their sha256"; }
  jq -r 'select(.status == "stored") | "\(.sha256) \(.path)"' "$manifest" | sort -u >/tmp/listed
  sort /tmp/sums | diff - /tmp/listed >/tmp/difference || { head -n 3 /tmp/difference; fail "manifest and volume differ"; }
  echo "$(wc -l </tmp/files) files"
}

# With all downloaders gone, nothing half-written is there.
no_parts() {
  find /images -path '/images/.part/*' >/tmp/parts
  head -n 3 /tmp/parts
  [ ! -s /tmp/parts ]
}

workers() { # workers RUN COUNT
  jq -r 'select(.status == "stored") | .worker' "$manifest" | sort | uniq -c
  [ "$(jq -r 'select(.status == "stored") | .worker' "$manifest" | sort -u | wc -l)" -eq "$1" ]
}

# No image of the slow site was asked for twice, and none was hung up on: what was in flight at the stop was finished.
fetched_once() {
  awk '$2 ~ /\.(jpg|png|svg)$/' /var/log/nginx/slow.log >/tmp/requests
  cut -d' ' -f2 /tmp/requests | sort | uniq -d >/tmp/twice
  grep -v ' OK$' /tmp/requests >/tmp/cut || true
  echo "$(wc -l </tmp/requests) requests, $(wc -l </tmp/twice) images asked for again, $(wc -l </tmp/cut) answers cut off"
  [ -s /tmp/requests ] && [ ! -s /tmp/twice ] && [ ! -s /tmp/cut ]
}

question=$1
shift 2
"$question" "$@"
