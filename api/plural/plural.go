// Package plural says how many there are of something, in words: a person who reads "1 objects
// stand" wonders what else nobody looked at.
package plural

import "strconv"

// Of is a number with its noun: "0 objects", "1 object", "2 objects". many is the plural of a
// noun that takes more than an s, such as "deliveries".
func Of[N ~int | ~int64 | ~uint64](n N, noun string, many ...string) string {
	return strconv.FormatInt(int64(n), 10) + " " + Noun(n, noun, many...)
}

// Noun is the noun alone, in the form for so many.
func Noun[N ~int | ~int64 | ~uint64](n N, noun string, many ...string) string {
	switch {
	case n == 1:
		return noun
	case len(many) > 0:
		return many[0]
	}
	return noun + "s"
}

// Verb is what so many do: "1 object stays", "2 objects stay".
func Verb[N ~int | ~int64 | ~uint64](n N, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
