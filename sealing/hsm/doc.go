// Package hsm keeps a fleet's private keys inside a PKCS#11 token and uses them
// there. It is the only package that knows PKCS#11.
//
// # The worker
//
// The token's library runs in a process of its own: the same binary, started
// again, with two pipes to it. A session that two threads share kills a process
// with SIGSEGV, and a hung token hangs its thread for ever; neither may take the
// key service along. So every main and every TestMain that uses this package
// calls [MaybeRunWorker] first.
//
// A [Worker] is the parent's end: it starts the child, sends it the PIN over the
// pipe, and replaces it when it dies, hangs past the deadline, or reports that
// the token is lost. It promises:
//
//   - the PIN is tried once for each login, and a refused PIN is never tried
//     again until a person restarts the program, because tokens lock;
//   - an operation that lost its session, its login or its handle is taken up
//     again in the same child, and one that lost its child once more in another,
//     so that such a loss costs no client an error;
//   - a sick token gives *[UnavailableError]; a bad ciphertext gives
//     [sealing.ErrOpen] and counts for nothing: nobody can stop the service by
//     committing a malformed stub;
//   - an answer belongs to the question: a child answers by number, and a
//     session belongs to one goroutine.
//
// # What the token does
//
// A sealing key is a P-256 key pair. HPKE (RFC 9180) runs in the child, and only
// the Diffie-Hellman (CKM_ECDH1_DERIVE, CKD_NULL) in the token. Under the suite
// MLKEM768-P256 the ML-KEM seed is two HMAC-SHA256 outputs under a second
// key that does not leave the token either; it is computed when the child loads
// the key and stays in the child's memory.
//
// A key is used only when it is pinned, that is, when its public key stands in
// fleet.yaml: see [Config.PinnedKeys] and [Worker.Pin]. A token that holds a
// different key under the same label is refused.
//
// # Keys
//
// [Ceremony] makes them, all under labels that begin with bulla/FLEET/: root,
// ca and log (ECDSA P-256, sign only) and seal/KEYID (derive only), the latter
// with a secret key of the same label where the suite asks for it. Later ones are
// made one at a time: [AddSealingKey], and [MakeSigner] for the role that
// succeeds another, such as root-2. Each is read back, checked and used once, or
// not made at all.
package hsm
