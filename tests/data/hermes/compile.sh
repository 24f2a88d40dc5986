#!/bin/sh
# Compiles the samples anew: vNN.hbc from the sources beside this file, vNN-next.hbc from the same sources after a small
# edit. Fetches the compiler of each bytecode version from npm; needs npm, tar, sed and x86-64 Linux.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

next() {
    sed "s/'area of '/'this has an area of '/
s/^var template/function halve(n) { return {half: n \/ 2, alpha: 'half of ' + n, green: [1, 2, n]}; }\\
var template/
s/print(choose(3),/print(choose(3), halve(3).half,/
s/'magenta'/'violet'/" "$1"
}

# compile VERSION PACKAGE PATH SOURCE...
compile() {
    version=$1 package=$2 path=$3
    shift 3
    archive=$(cd "$work" && npm pack --silent "$package")
    tar -xzf "$work/$archive" -C "$work" "package/$path"
    (cd "$here" && cat "$@") >"$work/old.js"
    next "$work/old.js" >"$work/next.js"
    hermesc="$work/package/$path"
    "$hermesc" -emit-binary -O -w -output-source-map -out "$work/out.hbc" "$work/old.js"
    mv "$work/out.hbc" "$here/v$version.hbc"
    "$hermesc" -emit-binary -O -w -output-source-map -out "$work/out.hbc" "$work/next.js"
    mv "$work/out.hbc" "$here/v$version-next.hbc"
    rm -rf "$work/package"
}

# variant NAME VERSION PACKAGE PATH FLAGS...: the sources after the edit, compiled with other flags, for `lint`.
variant() {
    name=$1 version=$2 package=$3 path=$4
    shift 4
    archive=$(cd "$work" && npm pack --silent "$package")
    tar -xzf "$work/$archive" -C "$work" "package/$path"
    (cd "$here" && cat plain.js bigint.js) >"$work/old.js"
    next "$work/old.js" >"$work/next.js"
    "$work/package/$path" -emit-binary -w -O -out "$work/other.hbc" "$here/bigint.js"
    (cd "$work" && "package/$path" -emit-binary -w "$@" -out out.hbc next.js)
    mv "$work/out.hbc" "$here/v$version-$name.hbc"
    rm -rf "$work/package"
}

sdk=sdks/hermesc/linux64-bin/hermesc
compile 84 hermes-engine@0.11.0 linux64-bin/hermesc plain.js
compile 85 react-native@0.69.12 $sdk plain.js
compile 89 react-native@0.70.15 $sdk plain.js bigint.js
compile 90 react-native@0.71.19 $sdk plain.js bigint.js
compile 94 react-native@0.72.17 $sdk plain.js bigint.js
compile 96 react-native@0.81.4 $sdk plain.js bigint.js
compile 98 hermes-compiler@250829098.0.19 hermesc/linux64-bin/hermesc plain.js bigint.js async.js classes.js
compile 99 hermes-compiler@260318099.0.6 hermesc/linux64-bin/hermesc plain.js bigint.js async.js classes.js

variant next-debug 96 react-native@0.81.4 $sdk -O
variant next-unoptimised 96 react-native@0.81.4 $sdk -O0 -output-source-map
variant next-base 96 react-native@0.81.4 $sdk -O -output-source-map -base-bytecode "$here/v96.hbc"
variant next-otherbase 96 react-native@0.81.4 $sdk -O -output-source-map -base-bytecode "$work/other.hbc"
