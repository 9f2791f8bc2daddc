#!/bin/sh
# build.sh ROOT VERSION OUT: make a Debian package of what is installed below ROOT, in the folder OUT. The same
# commit gives the same bytes.
set -eu
umask 022
root=$1 version=$2 out=$3
here=$(dirname "$0")
work=$root.work
doc=$root/usr/share/doc/convd
date=$(git log -1 --format=%ct 2>/dev/null || date -r LICENSE +%s)
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$date}
export SOURCE_DATE_EPOCH LC_ALL=C
architecture=$(dpkg --print-architecture)
maintainer=$(sed -n 's/^Maintainer: //p' "$here/control")

rm -rf "$work"
mkdir -p "$work/debian" "$doc" "$root/DEBIAN"

# What the program links to becomes what the package depends on.
strip --remove-section=.comment --remove-section=.note "$root/usr/bin/convd"
cp "$here/control" "$work/debian/control"
program=$(realpath "$root/usr/bin/convd")
depends=$(cd "$work" && dpkg-shlibdeps -O "$program" | sed -n 's/^shlibs:Depends=//p')

{
	cat "$here/copyright"
	sed -n 's/^Copyright (c) /Copyright: /p' LICENSE
	echo 'License: Expat'
	awk 'found && (NF || text) { text = 1; print NF ? " " $0 : " ." } /^Copyright/ { found = 1 }' LICENSE
} >"$doc/copyright"
{
	printf 'convd (%s) unstable; urgency=medium\n\n' "$version"
	printf '  * What has changed is in the history of the sources.\n\n'
	printf ' -- %s  %s\n' "$maintainer" "$(date -u -R -d "@$SOURCE_DATE_EPOCH")"
} | gzip -9n >"$doc/changelog.gz"
gzip -9n "$root"/usr/share/man/man1/*.1

cp "$here/conffiles" "$root/DEBIAN/conffiles"
for script in postinst prerm postrm; do
	install -m 755 "$here/$script" "$root/DEBIAN/$script"
done
(cd "$root" && find . -type f ! -path './DEBIAN/*' ! -path './etc/*' -printf '%P\0' | sort -z | xargs -0 md5sum) \
	>"$root/DEBIAN/md5sums"
size=$(du -k -s --apparent-size --exclude=DEBIAN "$root" | cut -f 1)
{
	sed -n '/^Package:/,/^Architecture:/p' "$here/control" | sed "s/^Architecture:.*/Architecture: $architecture/"
	echo "Version: $version"
	sed -n '/^Section:/p; /^Priority:/p; /^Maintainer:/p' "$here/control"
	echo "Installed-Size: $size"
	echo "Depends: $depends"
	sed -n '/^Description:/,$p' "$here/control"
} >"$root/DEBIAN/control"
chmod -R u+rwX,go+rX,go-w "$root"

rm -f "$out"/convd_*.deb
dpkg-deb --root-owner-group -Zxz --build "$root" "$out/convd_${version}_$architecture.deb"
rm -rf "$work"
