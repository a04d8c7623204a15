// Package expression evaluates what a Placement says in CEL: whether an object is
// healthy, and whether a placement that another depends on is ready.
//
// Expressions are a pusher's input, and run in the controller. Promises:
//
//   - An expression costs a bounded number of steps, a bounded amount of memory and a
//     bounded time, whatever it says and whatever it looks at.
//   - What takes memory or time that its cost does not show is not there: CEL's own
//     functions are, the libraries for strings, sets and encodings are not.
//   - It sees one object, or two Deliveries. It never sees a Secret's data: whether it
//     holds would tell of the value.
package expression
