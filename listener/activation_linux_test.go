package listener

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

const activationChild = "SALLYPORT_TEST_ACTIVATION"

// TestActivation starts a process the way systemd does: descriptors from 3 on, announced in the environment.
func TestActivation(t *testing.T) {
	if os.Getenv(activationChild) != "" {
		activationChildReport()
		return
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	file, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	cmd := exec.Command("sh", "-c", `LISTEN_PID=$$ exec "$0" -test.run='^TestActivation$'`, os.Args[0])
	cmd.Env = append(os.Environ(), activationChild+"=1", "LISTEN_FDS=1", "LISTEN_FDNAMES=front")
	cmd.ExtraFiles = []*os.File{file}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := fmt.Sprintf("names=front key=tcp4 %s cloexec=true environment=\"\" again=0", l.Addr())
	if !strings.Contains(string(out), want) {
		t.Errorf("child says %q, want %q", out, want)
	}
}

func activationChildReport() {
	files := Inherited()
	var names []string
	for _, file := range files {
		names = append(names, file.Name())
	}
	flags, _, _ := syscall.Syscall(syscall.SYS_FCNTL, files[0].Fd(), syscall.F_GETFD, 0)
	fmt.Printf("names=%s key=%s cloexec=%v environment=%q again=%d\n", strings.Join(names, ","), inspect(files)[0].key,
		flags&syscall.FD_CLOEXEC != 0, os.Getenv("LISTEN_FDS")+os.Getenv("LISTEN_PID"), len(Inherited()))
}
