#!/bin/sh
# embed.sh FOLDER: the files of the built console as C: an array of each one's gzip, then the table of all, which assets.c
# includes. The same files give the same text.
set -eu
export LC_ALL=C
cd "$1"

type_of() {
	case $1 in
	*.html) echo "text/html; charset=utf-8" ;;
	*.js) echo "text/javascript; charset=utf-8" ;;
	*.css) echo "text/css; charset=utf-8" ;;
	*.svg) echo "image/svg+xml" ;;
	*.json) echo "application/json" ;;
	*.woff2) echo "font/woff2" ;;
	*)
		echo "embed.sh: no content type is known for $1" >&2
		exit 1
		;;
	esac
}

# What was built, but not the note of what it was built from.
files=$(find . -type f ! -name sources.sha256 | sed 's,^\./,,' | sort)
number=0
for file in $files; do
	echo "static const unsigned char asset_$number[] = {"
	gzip -9nc "$file" | od -An -v -tx1 | sed 's/ \(..\)/0x\1,/g'
	echo "};"
	number=$((number + 1))
done

echo "static const struct asset assets[] = {"
number=0
for file in $files; do
	type=$(type_of "$file")
	hash=$(sha256sum "$file" | cut -c1-32)
	size=$(wc -c <"$file")
	# What the build names after its content never changes.
	case $file in assets/*) lasting=true ;; *) lasting=false ;; esac
	echo "	{\"$file\", \"$type\", \"$hash\", asset_$number, sizeof(asset_$number), $size, $lasting},"
	number=$((number + 1))
done
echo "};"
