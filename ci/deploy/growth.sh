# What a deploy adds to a repository: sourced by the stage and the bench.

# The site of 1,000 pages of 5 to 12 kB with a list of them, and a feed that has
# the date of each: what a generator of websites makes of Markdown.
make_pages() {
    python3 - "$1" <<'PY'
import random, sys, pathlib
root = pathlib.Path(sys.argv[1])
random.seed(7)
words = [''.join(random.choice('etaoinshrdlucmfw') for _ in range(random.randint(2, 9))) for _ in range(3000)]
def text(n): return ' '.join(random.choice(words) for _ in range(n))
nav = ''.join(f'<li><a href="/{w}/">{w}</a></li>' for w in words[:30])
head = '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>%s</title></head><body><nav><ul>' + nav + '</ul></nav>'
links = []
for i in range(1000):
    body = ''.join(f'<h2>{text(4)}</h2><p>{text(random.randint(60, 160))}</p>' for _ in range(random.randint(6, 12)))
    (root / f'page-{i}').mkdir(parents=True)
    (root / f'page-{i}/index.html').write_text(head % f'Page {i}' + f'<main><h1>Page {i}</h1>{body}</main></body></html>')
    links.append(f'<li><a href="/page-{i}/">{text(5)}</a></li>')
(root / 'index.html').write_text(head % 'All' + '<ul>' + ''.join(links) + '</ul></body></html>')
PY
}

# edit_site FOLDER FILE-OF-A-DECK-OR-NOTHING N : one edit of one page.
edit_site() {
    python3 - "$@" <<'PY'
import re, sys, pathlib
site, deck, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
path = pathlib.Path(deck) if deck else pathlib.Path(site) / f'page-{n * 37 % 1000}/index.html'
text = path.read_text()
if deck:
    lines = text.split('\n')
    # Lines of text, spread over the whole deck.
    able = [i for i, l in enumerate(lines) if re.match(r'^[A-Z*#+ ].*[a-z]{5}', l) and '<' not in l]
    lines[able[n * len(able) // 21]] += f' edit number {n}'
    path.write_text('\n'.join(lines))
else:
    at = text.index('<p>', len(text) * (n % 5 + 1) // 7)
    path.write_text(text[:at] + f'<p>One more paragraph, number {n}, of an edit.</p>' + text[at:])
PY
}

# repository_bytes FOLDER : its packs after `git gc`.
repository_bytes() {
    git -C "$1" gc --quiet --prune=now
    find "$1" -name '*.pack' -printf '%s\n' | awk '{ sum += $1 } END { print sum }'
}

# measure_growth KIND LIMIT : 20 signed deploys with one edited page each add at
# most LIMIT bytes each to the repository. Sets `growth`.
measure_growth() {
    local kind=$1 limit=$2 site=$TMP/growth-$1 repo=$TMP/growth-$1-ops deck='' before after n
    if [[ $kind == fixture ]]; then
        if ! have_fixture oscon14; then return 0; fi
        cp -r "$FIXTURES/oscon14" "$site"
        deck=$site/slides/oscon14/content.md
    else
        mkdir "$site"
        make_pages "$site"
    fi
    git init --quiet "$repo"
    repository "$site"
    deploy "$site" --to "$repo" --sign "$TMP/key"
    before=$(repository_bytes "$repo")
    for n in $(seq 20); do
        edit_site "$site" "$deck" "$n"
        git -C "$site" commit --quiet -am "edit $n"
        deploy "$site" --to "$repo" --sign "$TMP/key"
    done
    expect "the number of deploys" "$(git -C "$repo" rev-list --count HEAD)" 21
    after=$(repository_bytes "$repo")
    growth=$(((after - before) / 20))
    say "growth of the repository per edited page, $kind: $growth bytes (20 deploys, signed, after git gc)"
    ((growth <= limit)) || fail "a deploy of $kind adds $growth bytes, more than $limit"
}
