#!/usr/bin/env bash
# How long an image takes, cold, with a warm kernel cache and after one edit; and
# how large a bundle is beside the site that it was made of.
. "$(dirname "$0")/../lib.sh"
need cc=gcc git
build_applgen

rounds=${ROUNDS:-5}
site=$TMP/oscon14
if have_fixture oscon14; then
    cp -r "$FIXTURES/oscon14" "$site"
    text=$site/slides/oscon14/content.md
else
    mkdir "$site"
    text=$site/slides.md
    for i in $(seq 29); do printf '# Slide %s\n\n---\n\n' "$i"; done >"$text"
fi
export APPLGEN_CACHE=$TMP/cache
image=$TMP/dist/site.unix

# build : one build; adds its time in µs to `times`.
build() {
    local started=$EPOCHREALTIME
    "$APPLGEN" build "$site" -o "$image" >"$TMP/log" 2>&1 || { cat "$TMP/log" >&2; exit 1; }
    times+=($((${EPOCHREALTIME/[.,]/} - ${started/[.,]/})))
}
# report WHAT : the median of `times`, in ms.
report() {
    printf '%s\n' "${times[@]}" | sort -n |
        awk -v what="$1" '{ all[NR] = $1 }
            END { printf "%-44s %9.1f ms\n", what, all[int((NR + 1) / 2)] / 1000 }'
    times=()
}

times=()
build
report "cold: kernel compiled, files compressed"
for _ in $(seq "$rounds"); do
    find "$APPLGEN_CACHE" -mindepth 1 -maxdepth 1 ! -name kernels ! -name toolchain.json \
        -exec rm -r {} +
    build
done
report "warm kernel, files compressed anew"
for _ in $(seq "$rounds"); do build; done
report "nothing changed"
for i in $(seq "$rounds"); do
    printf '\nOne more line, number %s.\n' "$i" >>"$text"
    build
done
report "after one edit"

# part NAME : a part's size, from the manifest.
part() { awk -v name="\"$1\":" '$1 == name { inside = 1 } inside && $1 == "\"bytes\":" { print $2 + 0; exit }' "$image.json"; }
raw=$(find "$site" -type f ! -name ORIGIN.md ! -path '*/.*' -printf '%s\n' | awk '{ sum += $1 } END { print sum }')
printf '%-44s %9d bytes\n' "site as it lies on the disk" "$raw" \
    "bundle" "$(part bundle)" "kernel" "$(part kernel)" "image" "$(stat -c %s "$image")"
