#!/bin/sh
# install-deps.sh GROUP...: install the Debian packages that are missing. Silent when nothing is.
#
#   build    what compiling convd needs
#   test     what the tests need besides, and promtool
#   bench    what `make bench` needs besides, onnxruntime-node among it
#   bench-engine  what `make bench-engine` needs besides: oneDNN
#   bench-serving  what `make bench-serving` needs besides: the packages of tests/bench/peer
#   deb      what `make deb` needs besides
#   test-deb  what `make test-deb` needs besides
#   oracle   onnxruntime-node, which tests/golden compares with; only where the test data is
#   ci       what .ci/run needs besides
#   page     a browser and npm's packages, which tests/page drives it with
#   deploy   what 'make test-deploy' needs: haproxy, promtool, and npm's packages with the schemas
#   fuzz     what 'make fuzz' needs besides: clang with libFuzzer, and seeds
#
# promtool is taken out of Debian's prometheus package without installing it: the package
# would start a service. It goes to build/tools, npm's packages to build/oracle, build/peer, build/page and build/deploy.
set -eu
cd "$(dirname "$0")/.."

build='gcc libc6-dev make binutils pkg-config libuv1-dev libmicrohttpd-dev libjansson-dev
       libjpeg62-turbo-dev libpng-dev libprotobuf-c-dev protobuf-c-compiler libonnx-dev nettle-dev
       libgnutls28-dev zlib1g-dev libseccomp-dev'
test='python3 python3-pil python3-numpy python3-onnx python3-jsonschema curl wrk clang-format
      libonnx-testdata mandoc'
bench='python3 python3-onnx'
bench_serving='python3 python3-pil util-linux'
bench_engine='libdnnl-dev python3-numpy'
deb='dpkg-dev'
test_deb='lintian'
page='chromium fonts-dejavu-core'
deploy='haproxy iproute2 python3-yaml python3-jsonschema'
ci='clang libdnnl-dev'
fuzz='clang libclang-rt-14-dev python3 python3-numpy python3-pil python3-onnx libonnx-testdata'
data=${CONVD_TEST_DATA:-../shared/data}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		DEBIAN_FRONTEND=noninteractive "$@"
	else
		sudo DEBIAN_FRONTEND=noninteractive "$@"
	fi
}

# Show what a command printed only when it fails.
quietly() {
	output=$("$@" 2>&1) || {
		printf '%s\n' "$output" >&2
		return 1
	}
}

# The packages of a list that are not installed, each with a space before it.
not_installed() {
	dpkg-query -W -f='${Package} ${db:Status-Status}\n' "$@" 2>/dev/null |
		awk -v wanted="$*" '
			$2 == "installed" { have[$1] = 1 }
			END { n = split(wanted, w); for (i = 1; i <= n; i++) if (!(w[i] in have)) printf " %s", w[i] }'
}

# The package lists are fetched only when they do not know a package or know an old version of it.
# shellcheck disable=SC2086 # $missing is a list of words
install() {
	if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
		echo "install-deps: not root and no sudo: as root, run: apt-get install$missing" >&2
		exit 1
	fi
	echo "installing with apt:$missing"
	if apt-get install --dry-run $missing >/dev/null 2>&1 && as_root apt-get install \
		-y -qq --no-install-recommends $missing >/dev/null 2>&1; then
		return
	fi
	quietly as_root apt-get update -qq
	quietly as_root apt-get install -y -qq --no-install-recommends $missing
}

get_promtool() {
	if command -v promtool >/dev/null || [ -x build/tools/usr/bin/promtool ]; then
		return
	fi
	echo "fetching promtool (out of Debian's prometheus package)"
	rm -rf build/tools.new
	mkdir -p build/tools.new
	(
		cd build/tools.new
		apt-get download -qq prometheus 2>/dev/null || {
			quietly as_root apt-get update -qq
			apt-get download -qq prometheus 2>/dev/null
		}
		[ -f prometheus_*.deb ] && dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x ./usr/bin/promtool
	) || {
		echo "install-deps: no promtool: its test will be skipped" >&2
		return
	}
	rm -rf build/tools build/tools.new/*.deb
	mv build/tools.new build/tools
}

# npm_folder FOLDER FROM: the packages that FROM/package-lock.json lists, in build/FOLDER.
npm_folder() {
	if cmp -s "$2/package-lock.json" "build/$1/package-lock.json"; then
		return
	fi
	# Node's own packages bring npm along, Debian's do not.
	missing=
	command -v node >/dev/null || missing="$missing nodejs"
	command -v npm >/dev/null || missing="$missing npm"
	rm -rf "build/$1.new"
	mkdir -p "build/$1.new"
	cp "$2/package.json" "$2/package-lock.json" "build/$1.new"
	(
		[ -z "$missing" ] || install || exit
		echo "installing the packages of $2 with npm in build/$1"
		cd "build/$1.new"
		npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
	) || {
		echo "install-deps: no build/$1: what compares with it will be skipped" >&2
		return
	}
	rm -rf "build/$1"
	mv "build/$1.new" "build/$1"
}

get_oracle() {
	npm_folder oracle tests/golden
}

packages=
for group; do
	case $group in
	build) packages="$packages $build" ;;
	test) packages="$packages $test" ;;
	bench) packages="$packages $bench" ;;
	bench-engine) packages="$packages $bench_engine" ;;
	bench-serving) packages="$packages $bench_serving" ;;
	deb) packages="$packages $deb" ;;
	test-deb) packages="$packages $test_deb" ;;
	page) packages="$packages $page" ;;
	deploy) packages="$packages $deploy" ;;
	ci) packages="$packages $ci" ;;
	fuzz) packages="$packages $fuzz" ;;
	oracle) ;;
	*)
		echo "usage: install-deps.sh build|test|bench|bench-engine|bench-serving|oracle|deb|test-deb|page|deploy|ci|fuzz ..." >&2
		exit 2
		;;
	esac
done

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	# Elsewhere the compiler tells what is missing.
	echo "install-deps: not a Debian system; needed, by Debian's names:$packages" >&2
	exit 0
fi

if [ -n "$packages" ]; then
	# shellcheck disable=SC2086
	missing=$(not_installed $packages)
	if [ -n "$missing" ]; then
		install
	fi
fi
for group; do
	case $group in
	test) get_promtool ;;
	deploy)
		get_promtool
		npm_folder deploy tests/deploy
		;;
	bench) get_oracle ;;
	bench-serving) npm_folder peer tests/bench/peer ;;
	page) npm_folder page tests/page ;;
	oracle) [ ! -d "$data" ] || get_oracle ;;
	esac
done
