package sourceport

// Where a person looks, and what he changes, on this system.
const (
	hintTaken = "\"ss -tanp sport = :%d\" shows which; if the system chose the port, reserve it in " +
		"net.ipv4.ip_local_reserved_ports"
	hintInUse      = "\"ss -tanp sport = :%d\" shows it; if it is in TIME-WAIT, turn net.ipv4.tcp_timestamps on"
	hintAbsent     = "\"ip address\" shows what there is, and a new IPv6 address counts only once it is no longer tentative"
	hintPrivileged = "grant CAP_NET_BIND_SERVICE, or lower net.ipv4.ip_unprivileged_port_start"
	hintForbidden  = "a security module such as SELinux forbids it, or net.ipv4.ip_unprivileged_port_start is higher"
)
