#!/bin/bash
# Installs the real programs that the integration tests drive, from Debian's packages.
#
#   integration/setup.sh           install what is missing (root, apt)
#   integration/setup.sh --check   only name what is missing; exit code 1 if anything is
#
# Quick and silent where everything is there. It starts no service and leaves none enabled: the tests run every program
# themselves, on loopback, in a directory of their own.
set -euo pipefail
export PATH="$PATH:/usr/sbin:/sbin" DEBIAN_FRONTEND=noninteractive

# package, and a program of it by which it is known to be there
wanted="
gcc                 gcc
libc6-dev           /usr/include/stdlib.h
redis-server        redis-server
redis-tools         redis-cli
slapd               slapd
ldap-utils          ldapsearch
dovecot-imapd       /usr/lib/dovecot/imap
exim4-daemon-light  exim4
swaks               swaks
libnet-ssleay-perl  /usr/lib/*/perl5/*/Net/SSLeay.pm
openssl             openssl
curl                curl
postgresql          /usr/lib/postgresql/*/bin/pgbench
postgresql-client   /usr/lib/postgresql/*/bin/psql
haproxy             haproxy
socat               socat
strace              strace
nftables            nft
iptables            xtables-nft-multi
iproute2            ss
systemd             systemd-socket-activate
util-linux          prlimit
vim                 vim
nano                nano
ed                  ed
emacs-nox           emacs
rsync               rsync
"

# services that these packages would start, now or at the next boot
services="redis-server slapd dovecot exim4 postgresql haproxy nftables"

missing() {
	local package program
	while read -r package program; do
		[ -n "$package" ] || continue
		# a pattern: any version will do
		compgen -G "$program" >/dev/null || command -v "$program" >/dev/null || echo "$package"
	done <<<"$wanted"
}

# Debian asks policy-rc.d before it starts a service; where none is installed, ours says no for as long as we install.
forbid_starts() {
	local policy=/usr/sbin/policy-rc.d
	[ ! -e "$policy" ] || return 0
	trap "rm -f $policy" EXIT
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
}

# A package that was not there before us leaves nothing enabled; what somebody else enabled stays as it is.
disable_new() {
	local service
	command -v systemctl >/dev/null || return 0
	for service in $services; do
		[ -n "${was_there[$service]:-}" ] || systemctl disable --quiet "$service" >/dev/null 2>&1 || true
	done
}

names=$(missing | tr '\n' ' ')
[ -n "${names// /}" ] || exit 0
if [ "${1:-}" = "--check" ]; then
	echo "integration/setup.sh: missing packages: $names"
	exit 1
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	echo "integration/setup.sh: missing packages: $names" >&2
	echo "  hint: as root on Debian, integration/setup.sh installs them" >&2
	exit 1
fi

echo "integration/setup.sh: installing $names"
log=$(mktemp)
declare -A was_there
for service in $services; do
	[ ! -e "/lib/systemd/system/$service.service" ] || was_there[$service]=yes
done
forbid_starts
echo 'slapd slapd/no_configuration boolean true' | debconf-set-selections 2>/dev/null || true
if [ ! -e /etc/postgresql-common/createcluster.conf ]; then # no cluster of the machine's own
	mkdir -p /etc/postgresql-common
	echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
fi

# --no-remove: rather fail than replace, say, another mail server
install() {
	UCF_FORCE_CONFFOLD=1 apt-get install -y --no-install-recommends --no-remove \
		-o DPkg::Lock::Timeout=120 -o Dpkg::Options::=--force-confold "$@" >>"$log" 2>&1 </dev/null
}
apt-get update >>"$log" 2>&1 || true
# shellcheck disable=SC2086 # a list of names
if ! install $names; then
	for package in $names; do
		install "$package" || echo "integration/setup.sh: cannot install $package" >&2
	done
fi
disable_new

names=$(missing | tr '\n' ' ')
if [ -n "${names// /}" ]; then
	tail -n 20 "$log" >&2
	echo "integration/setup.sh: still missing: $names (the whole log: $log)" >&2
	exit 1
fi
rm -f "$log"
