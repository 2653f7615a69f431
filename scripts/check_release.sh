#!/bin/sh
# Compares the tag of a release with the version in Cargo.toml and the headings of CHANGELOG.md.
set -eu
tag=$1
cd "$(dirname "$0")/.."
fail() { echo "release: $1" >&2; exit 1; }
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
[ "$tag" = "v$version" ] || fail "the tag must be v$version, the version in Cargo.toml (found $tag)"
grep -q "^## \[$version\] - [0-9]\{4\}-[0-9]\{2\}-[0-9]\{2\}$" CHANGELOG.md ||
    fail "CHANGELOG.md needs the heading '## [$version] - YYYY-MM-DD'"
grep -q "^## \[Unreleased\]$" CHANGELOG.md || fail "CHANGELOG.md needs the heading '## [Unreleased]'"
echo "release: $tag agrees with Cargo.toml and CHANGELOG.md"
