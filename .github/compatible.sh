#!/usr/bin/env bash
# Compares the public API with that of the last release, by the list that PublicApiTest keeps true: what was there must be
# there, and a type that adopters implement must not ask for more. Before 1.0 a new minor version may: then this only tells.
set -euo pipefail
cd "$(dirname "$0")/.."

list=src/test/resources/public-api.txt
tag=$(git describe --tags --abbrev=0 --match 'v[0-9]*' 2>/dev/null || true)
if [[ -z "$tag" ]]; then
    printf 'no release yet: nothing to compare with\n'
    exit 0
fi

old=$(mktemp)
new=$(mktemp)
trap 'rm -f "$old" "$new"' EXIT
git show "$tag:$list" | LC_ALL=C sort >"$old"
LC_ALL=C sort "$list" >"$new"

gone=$(LC_ALL=C comm -23 "$old" "$new")
# New abstract members of types that were there.
asked=$(LC_ALL=C comm -13 "$old" "$new" | grep -E '^[^:]+: public abstract .*\(' |
    grep -F -f <(cut -d: -f1 "$old" | sort -u | sed 's/$/:/') || true)
if [[ -z "$gone$asked" ]]; then
    printf 'compatible with %s\n' "$tag"
    exit 0
fi
printf 'gone since %s:\n%s\n\nasked for since %s:\n%s\n' "$tag" "$gone" "$tag" "$asked"

version=$(sed -nE '0,/<version>/s/.*<version>([0-9]+\.[0-9]+).*/\1/p' pom.xml)
[[ "$version" == 0.* && "v$version." != "${tag%.*}." ]]
