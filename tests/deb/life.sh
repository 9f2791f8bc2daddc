#!/bin/sh
# Install the package that lies beside this, serve, stop, install it again, remove and purge it: nothing stays.
set -eu
cd "$(dirname "$0")"
unit=/lib/systemd/system/convd.service
config=/etc/convd/convd.json

say() { echo "--- $*"; }
fail() {
	echo "FAILED: $*"
	exit 1
}
# What lies on the machine; not what apt and dpkg remember, and nothing that runs.
files() {
	find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /src -o -path /run -o -path /var/log \
		-o -path /var/lib/apt -o -path /var/cache -o -path '/var/lib/dpkg/*' \) -prune -o -printf '%p %y %m\n' | sort
}

say 'what it depends on'
apt-get update -qq
apt-get satisfy -y -qq --no-install-recommends "$(dpkg-deb -f convd.deb Depends)" curl >/dev/null
files >before

say 'install'
dpkg -i convd.deb
[ "$(convd --version)" = "convd $(dpkg-deb -f convd.deb Version)" ] || fail "version: $(convd --version)"
ldd /usr/bin/convd | grep 'not found' && fail 'a library is missing'
[ -z "$(dpkg --verify convd)" ] || fail "files differ from the package's: $(dpkg --verify convd)"
[ -s /usr/share/man/man1/convd.1.gz ] || fail 'no manual page'

say 'serve, as the unit does it'
start=$(sed -n 's/^ExecStart=//p' $unit)
# Nobody is as good as a user that systemd makes up. The words of ExecStart are plain ones.
# shellcheck disable=SC2086
setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs $start >convd.log 2>&1 &
server=$!
tries=0
until convd health; do
	tries=$((tries + 1))
	[ $tries -lt 100 ] || fail "it does not become ready: $(cat convd.log)"
	sleep 0.1
done
answer=$(curl -sS --max-time 30 -T clock.jpg localhost:8080/predict)
echo "$answer"
case $answer in
*'"predictions":[{"class":'*'"label":'*'"probability":'*) ;;
*) fail "no classes: $answer" ;;
esac
sh -c "$(sed -n 's/^ExecReload=//p' $unit | sed "s/\$MAINPID/$server/")"
convd health || fail 'it does not survive a reload'
kill -TERM $server
wait $server || fail "exit status $?"
cat convd.log

say 'install again: the configuration is the administrator'"'"'s'
sed -i 's/8080/8081/' $config
dpkg -i convd.deb
grep -q 8081 $config || fail 'the configuration was changed'

say 'remove'
dpkg -r convd
grep -q 8081 $config || fail 'the configuration is gone before it is purged'
[ ! -e /usr/bin/convd ] || fail 'the program is still there'

say 'purge'
dpkg -P convd
files >after
diff before after || fail 'something was left behind'
dpkg-query -W convd 2>/dev/null && fail 'dpkg still knows it'
say 'nothing was left behind'
