package built

// Masked stands where a value is sealed. It is no base64, so that no API server takes it
// for one.
const Masked = "(sealed)"
