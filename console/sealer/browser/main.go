//go:build !js

// Command browser is package sealer as a page loads it: `make sealer`.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "error: this program runs in a browser\nhint: make sealer builds it")
	os.Exit(1)
}
