//go:build race

package fleet

// largest is smaller under the race detector, which makes a parser twenty times slower.
const largest = 256 << 10
