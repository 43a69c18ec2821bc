//go:build !linux

package main

import "errors"

func readSysctl(string) (string, error) { return "", errors.ErrUnsupported }

func mayBindLowPorts() (bool, error) { return false, errors.ErrUnsupported }

func readSockets() ([]tcpSocket, error) { return nil, errors.ErrUnsupported }

func socketInodes(int) (map[uint64]bool, error) { return nil, errors.ErrUnsupported }

func descriptorLimitOf(int) (int, error) { return 0, errors.ErrUnsupported }

func readClock() (clockState, error) { return clockState{}, errors.ErrUnsupported }
