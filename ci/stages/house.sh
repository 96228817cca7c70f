#!/usr/bin/env bash
# The rules of the house that a script can hold.
. "$(dirname "$0")/../lib.sh"
need git shellcheck

# complain RULE < PLACES : tells the places, if there are any. It may stand at
# the end of a pipe, so what is wrong is remembered in a file.
complain() {
    local places
    places=$(cat)
    [[ -n $places ]] || return 0
    printf 'error: %s\n%s\n\n' "$1" "$places" >&2
    : >"$TMP/wrong"
}
tracked() { git -c core.quotePath=off ls-files --cached --others --exclude-standard -- "$@" | sort -u; }
# matches PATTERN FILE-PATTERN… : lines of our files, comments left out.
matches() {
    local pattern=$1
    shift
    tracked "$@" | while read -r file; do
        grep -nHE "$pattern" "$file" || true
    done | grep -vE '^[^:]*:[0-9]+:[[:space:]]*//' || true
}

# Folders.
folders=$(tracked | grep / | cut -d/ -f1 | sort -u | grep -v '^\.' | tr '\n' ' ')
[[ $folders == "appliance ci generator sites templates " ]] || echo "$folders" |
    complain "the top-level folders are to be appliance, ci, generator, sites, templates"

# Rust.
tracked '*.rs' | while read -r file; do
    head -n 1 "$file" | grep -q '^//!' || echo "$file"
done | complain "a source file opens with what it is for (\`//!\`)"

tracked '*.rs' | while read -r file; do
    lines=$(wc -l <"$file")
    ((lines <= 600)) || echo "$file: $lines lines"
done | complain "a source file of over 600 lines wants to be a folder"

matches '(\bunsafe *(\{|fn|impl|extern|trait)|#!?\[unsafe)' \
    '*.rs' ':!appliance/kernel' ':!appliance/unix' |
    complain "unsafe code is for appliance/kernel and appliance/unix"

for crate in generator appliance/{bundle,http,dns,net}; do
    [[ -e $crate/src/lib.rs ]] || continue
    grep -q '^#!\[forbid(unsafe_code)\]' "$crate/src/lib.rs" || echo "$crate/src/lib.rs"
done | complain "\`#![forbid(unsafe_code)]\` is missing"

matches '#\[ignore|todo!\(|unimplemented!\(' '*.rs' |
    complain "a test is ignored, or code is unfinished"

# The arrows between crates (ARCHITECTURE.md).
matches '^applgen *=|"applgen"' 'appliance/*/Cargo.toml' |
    complain "nothing in appliance/ depends on the generator"
{
    matches '^applgen-dns' 'appliance/http*/Cargo.toml'
    matches '^applgen-http' 'appliance/dns*/Cargo.toml'
} | complain "http and dns do not depend on each other"

# What is true on one machine only. The brackets keep this line out of the rule.
tracked ':!LICENSE*' ':!sites' | while read -r file; do
    grep -nHIE '(^|[^[:alnum:]_.~-])/(wor[k]|roo[t]|hom[e]/[a-z]+)/' "$file" || true
done | complain "a path of somebody's machine is in the tree"

# Scripts.
tracked ci .ci | while read -r file; do
    [[ $file == *.sh ]] || head -n 1 "$file" | grep -q '^#!.*bash' || continue
    # It does not follow the library (1091), which sets variables (2034, 2154)
    # and makes every failure end the script (2164).
    shellcheck --shell=bash --severity=warning --exclude=SC1091,SC2034,SC2154,SC2164 "$file" ||
        true
done | complain "shellcheck finds fault with a script"

[[ ! -e $TMP/wrong ]]
