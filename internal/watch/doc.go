// Package watch tells, once and after things have been quiet for a moment, that files are no longer what a reader
// has read.
//
// What counts is content: a [Set] names the files and the glob patterns, and a signal means that the content of a
// file differs, that a file appeared or went, or that a pattern matches other files. Touching, chmod, rewriting the
// same bytes and everything that happens to other files in the same directories is no signal. Directories are
// watched, never files: the one that holds each file, the one that holds each symbolic link on the way there, and on
// Linux those above them, so that files may be edited in place, renamed over, deleted and made again, and reached
// through links that are flipped. Where the path ends, the last directory that exists is watched.
//
// # The protocol
//
// A file may change while, or just after, it is read. So that this is never lost, the reader takes a [Snapshot] before
// it reads, and hands it over with what it has read:
//
//	var set watch.Set // of the reading before; nothing at first
//	reload := func() {
//		before := w.Snapshot(set)
//		next, files, err := read()
//		for range 3 {
//			if before.Covers(files) {
//				break
//			}
//			before = w.Snapshot(files) // files that were not known: read them again, now that they are
//			next, files, err = read()
//		}
//		set = files
//		w.Follow(set, before)
//		...
//	}
//	reload()
//	w.Run(ctx, reload)
//
// Whatever differs now from the snapshot, and every file that was touched since, leads to one more signal: the reader
// may have seen either. So does what the snapshot does not cover; the loop above only saves that signal, correctness
// does not depend on it.
//
// A reader that fails hands over all the same, with every file that it looked at or could not find besides those that
// are in use: then it is told when somebody repairs one of them, and not before. If it hands nothing over, it is told
// when something differs from what it was told last.
//
// # What cannot be heard
//
// Network file systems, a single file mounted into a container, memory mappings and other hard links of a file have
// changes without events. A look at what stat says finds them every [Options.Recheck]; one that reads everything,
// every [Options.Full]. Directories that cannot be watched, because a limit of the system is reached or because they may
// not be read, are looked at every [Options.Poll].
package watch
