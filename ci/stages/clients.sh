#!/usr/bin/env bash
# curl as a second client: built images, each alone in an empty root directory,
# give the bytes of every path, in every encoding, and keep HTTP's rules.
. "$(dirname "$0")/../lib.sh"
need curl gzip cmp=diffutils unshare=util-linux chroot=coreutils
build_applgen

# serve_alone IMAGE [WORD…] : runs an image where there is no other file.
serve_alone() {
    local root image=$1 enter=(chroot)
    shift
    root=$(mktemp -d "$TMP/root.XXXX")
    cp "$image" "$root/image"
    ((EUID == 0)) || enter=(unshare --map-root-user chroot)
    free_port
    serve_command "$port" "${enter[@]}" "$root" /image "http=127.0.0.1:$port" "$@"
    [[ $(ls -A "$root") == image ]] || fail "the image wrote files"
}

# check_file FILE URL-PATH : the same bytes plain, with gzip and with brotli; the
# headers of each; HEAD and 304 of each. Sets `gzip_bytes` and `br_bytes`, empty
# where the file is sent plain.
check_file() {
    local file=$1 path=$2 etags='' encoding etag bytes
    gzip_bytes='' br_bytes=''
    for encoding in identity gzip br; do
        fetch "$path" got --header "Accept-Encoding: $encoding"
        expect "$path: the status" "$(status_of got)" 200
        bytes=$(stat -c %s "$TMP/got.body")
        expect "$path: Content-Length" "$(header_of got Content-Length)" "$bytes"
        [[ -n $(header_of got Content-Type) ]] || fail "$path: no Content-Type"
        [[ -n $(header_of got Date) ]] || fail "$path: no Date"
        etag=$(header_of got ETag)
        [[ $etag == \"*\" ]] || fail "$path: \`$etag\` is no strong ETag"

        case $(header_of got Content-Encoding) in
            '') same_bytes "$file" "$TMP/got.body" "$path" ;;
            gzip)
                expect "$path: the encoding" gzip "$encoding"
                gzip_bytes=$bytes
                gunzip --stdout <"$TMP/got.body" >"$TMP/plain" || fail "$path: no gzip data"
                same_bytes "$file" "$TMP/plain" "$path with gzip"
                ;;
            br)
                expect "$path: the encoding" br "$encoding"
                br_bytes=$bytes
                fetch "$path" plain --compressed --header "Accept-Encoding: br"
                same_bytes "$file" "$TMP/plain.body" "$path with brotli"
                ;;
            *) fail "$path: an unknown encoding" ;;
        esac
        if [[ -n $gzip_bytes$br_bytes ]]; then
            expect "$path: Vary" "$(header_of got Vary)" Accept-Encoding
            [[ $etags != *"$etag"* || -z $(header_of got Content-Encoding) ]] ||
                fail "$path: two encodings have the ETag $etag"
        fi
        etags+=" $etag"

        fetch "$path" head --head --header "Accept-Encoding: $encoding"
        diff <(grep -vi '^date:' "$TMP/got.head") <(grep -vi '^date:' "$TMP/head.head") ||
            fail "$path: HEAD answers other headers than GET"

        rm -f "$TMP/cached.body"
        fetch "$path" cached --header "Accept-Encoding: $encoding" --header "If-None-Match: $etag"
        expect "$path: the status for a known ETag" "$(status_of cached)" 304
        expect "$path: the ETag of a 304" "$(header_of cached ETag)" "$etag"
        [[ ! -s $TMP/cached.body ]] || fail "$path: a 304 has a body"
    done
    if [[ -n $gzip_bytes$br_bytes ]]; then
        fetch "$path" got --header "Accept-Encoding: identity"
        expect "$path: Vary when sent plain" "$(header_of got Vary)" Accept-Encoding
    fi
}

# Files of every kind, with names that are hard to say.
site=$TMP/files
mkdir -p "$site"/{sub/deep,.well-known,.hidden}
cat README.md ARCHITECTURE.md LICENSE-APACHE >"$site/prose.txt"
head -c 100000 /dev/urandom >"$site/random.bin"
head -c 30000000 /dev/urandom >"$site/large.bin"
: >"$site/empty.txt"
printf '<!doctype html><title>Here</title>' | tee "$site/index.html" >"$site/sub/index.html"
printf 'contact' >"$site/.well-known/security.txt"
printf 'secret' | tee "$site/.hidden/file" >"$site/.env"
printf 'deep' >"$site/sub/deep/a b.txt"
printf 'percent' >"$site/100%25.txt"
printf 'question' >"$site/what?.txt"
printf 'umlaut' >"$site/über.txt"
printf 'bytes' >"$site/"$'\xff\xfe.txt'
"$APPLGEN" build "$site" -o "$TMP/files.unix"
serve_alone "$TMP/files.unix"

files=0
while IFS= read -r -d '' file; do
    path=/$(url_path "${file#"$site"/}")
    check_file "$file" "$path"
    case $path in
        /prose.txt)
            [[ -n $gzip_bytes && -n $br_bytes ]] || fail "$path is not compressed"
            ((br_bytes < gzip_bytes)) || fail "$path: brotli is no smaller than gzip"
            ;;
        /random.bin) [[ -z $gzip_bytes$br_bytes ]] || fail "$path is compressed" ;;
    esac
    files=$((files + 1))
done < <(find "$site" -type f ! -path '*/.hidden/*' ! -name .env ! -name large.bin -print0)
say "$files files: bytes, encodings, HEAD, 304"
((files == 11)) || fail "11 files were to be checked"

for path in / /sub/; do
    check_file "$site/index.html" "$path"
done
fetch /sub redirect
[[ $(status_of redirect) == 30[18] ]] || fail "/sub: no permanent redirect"
expect "/sub: Location" "$(header_of redirect Location)" /sub/
for path in /missing /sub/missing /.env /.hidden/file /.hidden/ /sub//index.html; do
    fetch "$path" missing
    expect "$path: the status" "$(status_of missing)" 404
    grep -q secret "$TMP/missing.body" && fail "$path gives away what is hidden"
done
for path in /../files /%2e%2e/files /sub/../../files; do
    fetch "$path" outside
    [[ $(status_of outside) == 40[04] ]] || fail "$path: the status is $(status_of outside)"
done
for method in POST PUT DELETE; do
    fetch / refused --request "$method" --data x
    expect "$method: the status" "$(status_of refused)" 405
    [[ $(header_of refused Allow) == "GET, HEAD"* ]] || fail "$method: no word of what is allowed"
done
say "redirect, 404, 405"

# Connections: two requests on one, three at once, HTTP/1.0, and nonsense.
connects=$(curl --silent --write-out '%{num_connects}\n' -o /dev/null "$url/" -o /dev/null "$url/prose.txt" | paste -sd+)
expect "the number of connections of two requests" "$connects" 1+0
# tell BYTES : sends bytes and prints what comes back until the server closes.
tell() {
    exec 3<>"/dev/tcp/127.0.0.1/$port"
    printf '%b' "$1" >&3
    timeout 10 cat <&3 | tr -d '\r\0' || true
    exec 3<&- 3>&-
}
get='GET /sub/ HTTP/1.1\r\nHost: x\r\n\r\n'
last='GET /sub/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
answers=$(tell "$get$get$last" | grep -ao 'HTTP/1.1 200' | wc -l)
expect "the number of pipelined answers" "$answers" 3
first_line() { tell "$1" | head -n 1; }
expect "HTTP/1.0" "$(first_line 'GET / HTTP/1.0\r\n\r\n' | cut -d' ' -f2)" 200
expect "no Host" "$(first_line 'GET / HTTP/1.1\r\n\r\n')" "HTTP/1.1 400 Bad Request"
expect "nonsense" "$(first_line '\001\002\r\n\r\n' | cut -d' ' -f2)" 400
long=$(head -c 20000 /dev/zero | tr '\0' a)
expect "a long URI" "$(first_line "GET /$long HTTP/1.1\r\nHost: x\r\n\r\n" | cut -d' ' -f2)" 414
expect "a long header" "$(first_line "GET / HTTP/1.1\r\nHost: x\r\nX: $long\r\n\r\n" | cut -d' ' -f2)" 431
say "keep-alive, pipelining, HTTP/1.0, nonsense"

# SIGTERM in the middle of an answer: it is finished, then the image ends with 0.
pid=$background_pid
curl --silent --limit-rate 20M --output "$TMP/large" "$url/large.bin" &
client=$!
sleep 0.4
stop "$pid"
wait "$client" || fail "SIGTERM cut an answer off"
same_bytes "$site/large.bin" "$TMP/large" "an answer that SIGTERM fell into"
say "SIGTERM finishes what is under way"

# The deck of the talk that this project comes from.
if have_fixture oscon14; then
    "$APPLGEN" build "$FIXTURES/oscon14" -o "$TMP/oscon14.unix"
    serve_alone "$TMP/oscon14.unix"
    pictures=0
    for file in "$FIXTURES"/oscon14/slides/oscon14/*.{png,jpg}; do
        check_file "$file" "/$(basename "$file")"
        pictures=$((pictures + 1))
    done
    ((pictures == 12)) || fail "12 pictures were to be checked"
    fetch / deck --compressed
    expect "the deck's status" "$(status_of deck)" 200
    expect "the deck's type" "$(header_of deck Content-Type)" "text/html; charset=utf-8"
    fetch /oscon14/ redirect
    expect "/oscon14/: Location" "$(header_of redirect Location)" /
    stop "$background_pid"
    say "oscon14: the deck and $pictures pictures"
fi
