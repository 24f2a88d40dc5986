#!/bin/sh
# Builds hdiffz and hpatchz, which Debian does not have, from the C++ sources that the PyPI package `hdiffpatch` ships,
# into DIR (target/peers/tools, where the comparison looks for them). Takes some minutes, most of them pip's.
set -eu
dir=${1:-$(dirname "$0")/../../target/peers/tools}
version=2.6.0
sha256=9f0d05ee1784a8223df4ca806c47c4fc0dc2048aabd24e8694730e55a39aa5a6
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
python3 -m pip download -q --no-deps --no-binary :all: -d "$build" "hdiffpatch==$version"
archive=$build/hdiffpatch-$version.tar.gz
echo "$sha256  $archive" | sha256sum -c --quiet
tar xzf "$archive" -C "$build"
# lzma2 and zstd are what the comparison uses.
make -s -j2 -C "$build/hdiffpatch-$version/hdiffpatch/_c_src/HDiffPatch" \
    LDEF=0 ZLIB=0 BZIP2=0 BSD=0 VCD=0 XXH=0 LZMA=1 ZSTD=1 MD5=1 hdiffz hpatchz
cp "$build/hdiffpatch-$version/hdiffpatch/_c_src/HDiffPatch/hdiffz" \
    "$build/hdiffpatch-$version/hdiffpatch/_c_src/HDiffPatch/hpatchz" "$dir"
"$dir/hdiffz" -v
