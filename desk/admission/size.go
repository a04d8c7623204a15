package admission

import (
	"encoding/base64"

	corev1 "k8s.io/api/core/v1"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/sealing"
)

// size holds the Secret as a whole to what a cluster takes: values are sealed
// one by one, and each alone may fit.
func size(o Object) []Problem {
	total := 0
	for _, block := range o.Blocks {
		total += blockSize(block)
	}
	public, _ := o.Content["data"].(map[string]any)
	for _, value := range public {
		total += base64.StdEncoding.DecodedLen(len(text(value))) - 2
	}
	if total <= corev1.MaxSecretSize {
		return nil
	}
	return []Problem{problem("data", "holds %d bytes, and a Secret holds at most 1 MiB; split it", total)}
}

// blockSize is the least number of bytes that a block's values have together.
// The payload's length gives away that of its JSON, {"/data/KEY":"BASE64",…};
// padding hides up to two bytes of each value.
func blockSize(block api.Block) int {
	payload, err := sealing.ParsePayload(block.Payload)
	if err != nil {
		return 0 // told by who checks payloads
	}
	encoded := payload.PlaintextSize() - len("{}") + len(",")
	for _, field := range block.Fields {
		encoded -= len(`"":"",`) + len(field)
	}
	return max(0, encoded/4*3-2*len(block.Fields))
}
