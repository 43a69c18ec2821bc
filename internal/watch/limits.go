package watch

import (
	"errors"
	"syscall"
)

// exhausted reports whether no further directory can be watched, whichever it is.
func exhausted(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) ||
		errors.Is(err, syscall.ENOMEM)
}

// remedy says what to do about a directory that cannot be watched.
func remedy(err error) string {
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return "raise the sysctl fs.inotify.max_user_watches"
	case errors.Is(err, syscall.EMFILE):
		return "raise the sysctl fs.inotify.max_user_instances, or the limit of open files"
	case errors.Is(err, syscall.ENFILE):
		return "raise the sysctl fs.file-max"
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return "let the user that sallyport runs as read the directory"
	default:
		return ""
	}
}
