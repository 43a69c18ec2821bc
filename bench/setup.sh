#!/bin/bash
# Installs the programs that `make bench` measures sallyport beside, from Debian's packages, and strace, which counts system calls.
#
#   bench/setup.sh           install what is missing (root, apt)
#   bench/setup.sh --check   only name what is missing; exit code 1 if anything is
#
# Quick and silent where everything is there. It starts no service and leaves none enabled: bench runs every program itself,
# on loopback, in a directory of its own.
set -euo pipefail
export PATH="$PATH:/usr/sbin:/sbin" DEBIAN_FRONTEND=noninteractive

# package, and a program or file of it by which it is known to be there
wanted="
haproxy              haproxy
nginx                nginx
libnginx-mod-stream  /usr/lib/nginx/modules/ngx_stream_module.so
hitch                hitch
stunnel4             stunnel4
strace               strace
"

# services that these packages would start, now or at the next boot
services="haproxy nginx hitch stunnel4"

missing() {
	local package program
	while read -r package program; do
		[ -n "$package" ] || continue
		[ -e "$program" ] || command -v "$program" >/dev/null || echo "$package"
	done <<<"$wanted"
}

# Debian asks policy-rc.d before it starts a service; where none is installed, ours says no for as long as we install.
forbid_starts() {
	local policy=/usr/sbin/policy-rc.d
	[ ! -e "$policy" ] || return 0
	# shellcheck disable=SC2064 # the name is known now, and local
	trap "rm -f $policy" EXIT
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
}

# A service as native unit or as init script.
is_service() { [ -e "/lib/systemd/system/$1.service" ] || [ -e "/etc/init.d/$1" ]; }

# A package that was not there before us leaves nothing enabled; what somebody else enabled stays as it is.
disable_new() {
	local service
	for service in $services; do
		[ -z "${was_there[$service]:-}" ] && is_service "$service" || continue
		if command -v systemctl >/dev/null; then
			systemctl disable --quiet "$service" >/dev/null 2>&1 || true
		fi
		if [ -e "/etc/init.d/$service" ] && command -v update-rc.d >/dev/null; then
			update-rc.d "$service" disable >/dev/null 2>&1 || true
		fi
	done
}

names=$(missing | tr '\n' ' ')
[ -n "${names// /}" ] || exit 0
if [ "${1:-}" = "--check" ]; then
	echo "bench/setup.sh: missing packages: $names"
	exit 1
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	echo "bench/setup.sh: missing packages: $names" >&2
	echo "  hint: as root on Debian, bench/setup.sh installs them" >&2
	exit 1
fi

echo "bench/setup.sh: installing $names"
log=$(mktemp)
declare -A was_there
for service in $services; do
	! is_service "$service" || was_there[$service]=yes
done
forbid_starts

# --no-remove: rather fail than replace, say, another web server
install() {
	UCF_FORCE_CONFFOLD=1 apt-get install -y --no-install-recommends --no-remove \
		-o DPkg::Lock::Timeout=120 -o Dpkg::Options::=--force-confold "$@" >>"$log" 2>&1 </dev/null
}
apt-get update >>"$log" 2>&1 || true
# shellcheck disable=SC2086 # a list of names
if ! install $names; then
	for package in $names; do
		install "$package" || echo "bench/setup.sh: cannot install $package" >&2
	done
fi
disable_new

names=$(missing | tr '\n' ' ')
if [ -n "${names// /}" ]; then
	tail -n 20 "$log" >&2
	echo "bench/setup.sh: still missing: $names (the whole log: $log)" >&2
	exit 1
fi
rm -f "$log"
