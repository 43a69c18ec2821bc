package handover

import (
	"fmt"
	"net"
	"os"
)

// checkPeer refuses a process of another user: whoever gets the sockets could serve in our place.
func checkPeer(conn *net.UnixConn) error {
	uid, err := peerUser(conn)
	if err != nil {
		return fmt.Errorf("the user of the other process: %w", err)
	}
	if own := os.Geteuid(); uid != own && uid != 0 {
		return fmt.Errorf("the other process is of user %d, not of user %d", uid, own)
	}
	return nil
}
