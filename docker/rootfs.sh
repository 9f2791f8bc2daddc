#!/bin/sh
# rootfs.sh PROGRAM DIR: put what PROGRAM needs to run into the empty root DIR: the libraries it links and their loader,
# with the licences of their packages, and what scanners read to tell which packages these are.
set -eu
program=$1 root=$2

# The package that owns a file. Where /lib is a link to /usr/lib, dpkg knows it by either name.
owner() {
	dpkg-query -S "$1" "/usr$1" "${1#/usr}" 2>/dev/null | sed -n '1s/:.*//p'
}

for library in $(ldd "$program" | grep -o '/[^ ]*'); do
	install -D -m 755 "$library" "$root$library"
	package=$(owner "$(realpath "$library")")
	[ -n "$package" ] || { echo "rootfs: no package owns $library" >&2; exit 1; }
	mkdir -p "$root/var/lib/dpkg/status.d"
	dpkg-query -s "$package" >"$root/var/lib/dpkg/status.d/$package"
	# Slimmed systems have removed some.
	if [ -f "/usr/share/doc/$package/copyright" ]; then
		install -D -m 644 "/usr/share/doc/$package/copyright" "$root/usr/share/doc/$package/copyright"
	fi
done
install -D -m 644 /etc/debian_version "$root/etc/debian_version"
install -D -m 644 /usr/lib/os-release "$root/etc/os-release"
printf 'hosts: files dns\n' >"$root/etc/nsswitch.conf"
printf 'convd:x:65532:65532::/:/usr/sbin/nologin\n' >"$root/etc/passwd"
printf 'convd:x:65532:\n' >"$root/etc/group"
