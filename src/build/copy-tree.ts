/** Script of `copyFromDisk`: runs where our sshd lives, and reaches the destination from there. */

/**
 * Arguments: "keep" or "link", the destination, then pairs of type and name. A directory and what is none never replace
 * each other; with `--link` the copy lies over what was there.
 */
const CHECK = `way=$1 into=\${2%/}
shift 2
clash() {
	if [ "$way" = link ]; then
		rm -rf -- "$path"
	else
		echo "$1" >&2
		exit 1
	fi
}
while [ $# -gt 0 ]; do
	path=$into/$2
	if [ "$1" = d ]; then
		if [ -L "$path" ] || { [ -e "$path" ] && [ ! -d "$path" ]; }; then
			clash "cannot copy to non-directory: $path"
		fi
	elif [ -d "$path" ] && [ ! -L "$path" ]; then
		clash "cannot replace to directory $path with file"
	fi
	shift 2
done`;

/**
 * Arguments: directory to copy from, directory to copy into, new name of the one file, or nothing; "machine" when the
 * destination is the machine's own tree; "whole" when all of the directory is copied, else the names come over standard
 * input, each ended by NUL; "link" for `--link`, else "keep"; options for the tar that reads.
 */
export const COPY_TREE = `from=$1 into=$2 as=$3 reach=$4 kind=$5 way=$6
shift 6
umask 022
list=$(mktemp /run/copy.XXXXXX) || exit 1
trap 'rm -f "$list" "$list.failed"' EXIT
there() {
	if [ "$reach" = machine ]; then nsenter -t 1 -m "$@"; else "$@"; fi
}
cd "$from" || exit 1
recursion=--recursion
if [ "$kind" = whole ]; then
	find . -mindepth 1 -maxdepth 1 -printf '%P\\0' > "$list"
else
	recursion=--no-recursion
	cat > "$list"
fi
types() {
	if [ -n "$as" ]; then printf -- '-\\0%s\\0' "$as"
	elif [ "$kind" = whole ]; then find . -mindepth 1 -printf '%y\\0%P\\0'
	else
		xargs -0 -r sh -c 'for name; do
			if [ -d "$name" ] && [ ! -L "$name" ]; then printf "d\\0%s\\0" "$name"; else printf -- "-\\0%s\\0" "$name"; fi
		done' sh < "$list"
	fi
}
if [ -n "$(there find "$into" -mindepth 1 -maxdepth 1 -print -quit)" ]; then
	types | there xargs -0 -r -n 1000 sh -c '${CHECK}' sh "$way" "$into" || exit 1
fi
{
	tar --create --file=- --format=posix --sparse --xattrs '--xattrs-include=*' --acls "$@" \\
		--null "$recursion" --files-from="$list" || : > "$list.failed"
} | there tar --extract --file=- --directory="$into" --preserve-permissions --same-owner --numeric-owner \\
	--xattrs '--xattrs-include=*' --acls || exit 1
[ ! -e "$list.failed" ]
`;
