package sealing_test

import (
	"embed"
	"io/fs"
	"os"
)

//go:embed testdata
var embedded embed.FS

// testdata is in the program itself, so that these tests run in a browser too, where there
// are no files: package console/sealer has them run there. -update reads what it wrote.
func testdata() fs.FS {
	if *update {
		return os.DirFS(".")
	}
	return embedded
}
