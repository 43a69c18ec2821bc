package subject

import "syscall"

// endWithParent has the kernel end a subject when we are gone without having been able to. It is asked to end, not killed, because its workers
// would not get the signal and end only if it tells them.
func endWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGTERM }
