//go:build !linux

package worker

import (
	"os"
	"runtime"
	"time"
)

// confine watches the heap: there is no bound on address space to set that Go
// programs survive. The wall deadline, the refusing transport and the missing
// PATH are all there is beside it.
func confine(memory int64, _ uint64) Confinement {
	go func() {
		var stats runtime.MemStats
		for range time.Tick(50 * time.Millisecond) {
			if runtime.ReadMemStats(&stats); stats.Sys > uint64(memory) {
				os.Stderr.WriteString("out of memory\n")
				os.Exit(3)
			}
		}
	}()
	return Confinement{}
}
