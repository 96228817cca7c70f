#!/usr/bin/env bash
# How long a website takes: a synthetic one of 1,000 and of 10,000 pages with
# macros, taxonomies, feeds and highlighting, beside Hugo on its like, in turns.
#
# "checked" is everything up to the bundle: what applgen shares with Hugo, which
# compresses nothing. "image" goes on to compressed bodies and the finished file, up
# to SITE_IMAGE_PAGES: Brotli at its best takes minutes for a thousand pages.
# "one edit" is from the write to the changed bytes over HTTP, by `applgen serve`
# and by `hugo server`. SITE_PAGES names other sizes, SITE_EDITS other counts,
# SITE_PICTURES how many pictures are made smaller, anew and from the cache.
. "$(dirname "$0")/../lib.sh"
need cc=gcc git hugo python3 curl time
build_applgen

rounds=${ROUNDS:-3}
# Later than 0.122 it has to be told; before, memory is where it renders to.
memory=()
! grep -q renderToMemory <<<"$(hugo server --help)" || memory=(--renderToMemory)
export APPLGEN_CACHE=$TMP/cache

# measure WHAT COMMAND… : the median time of some runs, and the most memory.
measure() {
    local what=$1 _
    shift
    : >"$TMP/times"
    for _ in $(seq "$rounds"); do
        [[ ! -v before ]] || eval "$before"
        command time -f '%e %M' -a -o "$TMP/times" "$@" >"$TMP/log" 2>&1 || { tail -n 20 "$TMP/log" >&2; exit 1; }
    done
    sort -n "$TMP/times" | awk -v what="$what" '{ s[NR] = $1; if ($2 > most) most = $2 }
        END { printf "%-52s %9.2f s %7.0f MB\n", what, s[int((NR + 1) / 2)], most / 1000 }'
}

for pages in ${SITE_PAGES:-750 1000 10000}; do
    ours=$TMP/ours-$pages theirs=$TMP/theirs-$pages
    python3 ci/site/synthetic.py "$pages" "$ours" "$theirs"
    say "$pages pages"
    measure "  checked: applgen check" "$APPLGEN" check "$ours"
    before="rm -rf $TMP/public" \
        measure "  written: hugo" hugo --quiet --source "$theirs" --destination "$TMP/public"
    if ((pages <= ${SITE_IMAGE_PAGES:-0})); then
        "$APPLGEN" build "$TMP/ours-$pages" -o "$TMP/first.unix" >"$TMP/log" 2>&1 # the kernel
        rounds=1 before="rm -rf $APPLGEN_CACHE/encoded" \
            measure "  image, bodies compressed anew" "$APPLGEN" build "$ours" -o "$TMP/site.unix"
        measure "  image, nothing changed" "$APPLGEN" build "$ours" -o "$TMP/site.unix"
        for i in $(seq "$rounds"); do
            before="echo 'One more line, $i-\$RANDOM.' >>$ours/content/section-1/page-1.md" rounds=1 \
                measure "  image, after one edit" "$APPLGEN" build "$ours" -o "$TMP/site.unix"
        done | sort -k5 -n | sed -n "$(((rounds + 1) / 2))p"
    fi
    "$APPLGEN" serve "$ours" --http 0 >"$TMP/listening" 2>"$TMP/served" &
    server=$!
    pids+=("$server")
    for _ in $(seq 1200); do grep -q listening "$TMP/listening" && break; sleep 0.1; done
    address=$(sed -n 's,^listening \(.*\)/$,\1,p' "$TMP/listening")
    python3 ci/site/edits.py "  one edit: applgen serve" "$ours/content/section-1/page-1.md" \
        "$address/section-1/page-1/" "${SITE_EDITS:-9}" "$server"
    kill "$server"
    wait "$server" || true

    hugo server --source "$theirs" --port "${HUGO_PORT:-8997}" --bind 127.0.0.1 "${memory[@]}" >"$TMP/hugo" 2>&1 &
    server=$!
    pids+=("$server")
    for _ in $(seq 1200); do grep -q 'Web Server is available' "$TMP/hugo" && break; sleep 0.1; done
    python3 ci/site/edits.py "  one edit: hugo server" "$theirs/content/section-1/page-1.md" \
        "http://127.0.0.1:${HUGO_PORT:-8997}/section-1/page-1/" "${SITE_EDITS:-9}" "$server"
    kill "$server"
    wait "$server" || true
    rm -rf "$ours" "$theirs" "$TMP/public"
done

pictures=${SITE_PICTURES:-50}
if ((pictures > 0)); then
    python3 ci/site/pictures.py "$pictures" "$TMP/pictures"
    say "$pictures pictures of 1200 by 800 pixels, in two sizes each"
    before="rm -rf $APPLGEN_CACHE" measure "  checked: made anew" "$APPLGEN" check "$TMP/pictures"
    measure "  checked: from the cache" "$APPLGEN" check "$TMP/pictures"
fi
