//go:build !unix

package main

import "os"

// notifyReload does nothing: there is no such signal here, and `sallyport reload` works.
func notifyReload(chan<- os.Signal) {}

// notifyUpgrade does nothing: there is no such signal here, and no handing over of sockets either.
func notifyUpgrade(chan<- os.Signal) {}
