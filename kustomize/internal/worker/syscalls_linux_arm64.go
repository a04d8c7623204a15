package worker

import "golang.org/x/sys/unix"

const auditArch = unix.AUDIT_ARCH_AARCH64

var archSyscalls = []uintptr{unix.SYS_RENAMEAT}
