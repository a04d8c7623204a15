package sealing

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/bulla-dev/bulla/api/canonical"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/hexid"
)

// contentFormat is the first element of what a content digest covers.
const contentFormat = "bulla.dev/content/v1"

// ContentDigest is "sha256:" and the hexadecimal SHA-256 over the fleet's id,
// the stub's template and each block's fields and payload, without the locks:
// it decides whether a secret changed and stands in pod templates, so that
// another lock, or a new sealing key, unseals nothing and rolls nothing.
//
// The elements are length-prefixed as in [Context.Bytes]; the template is
// canonical JSON:
//
//	format ‖ fleet ‖ template ‖ count(blocks) ‖ (count(fields) ‖ field… ‖ payload)…
func ContentDigest(fleet string, stub *api.SealedManifest) (string, error) {
	template, err := canonicalJSON(stub.Spec.Template)
	if err != nil {
		return "", err
	}
	b := appendElement(nil, contentFormat)
	b = appendElement(b, fleet)
	b = appendElement(b, template)
	b = binary.BigEndian.AppendUint32(b, uint32(len(stub.Spec.Blocks)))
	for _, block := range stub.Spec.Blocks {
		b = binary.BigEndian.AppendUint32(b, uint32(len(block.Fields)))
		for _, field := range block.Fields {
			b = appendElement(b, field)
		}
		b = appendElement(b, block.Payload)
	}
	return hexid.Digest(b), nil
}

// canonicalJSON is [canonical.JSON], but for two characters that stand as escapes.
// Digests of before are in each cluster's statuses and pod templates, and those
// would roll.
func canonicalJSON(raw []byte) ([]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value map[string]any
	if err := decoder.Decode(&value); err != nil || value == nil {
		return nil, errors.New("read template: not a JSON object")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("read template: trailing data")
	}
	text, err := canonical.JSON(value)
	if err != nil {
		return nil, fmt.Errorf("read template: %w", err)
	}
	for separator, escape := range map[string]string{"\u2028": `\u2028`, "\u2029": `\u2029`} {
		text = bytes.ReplaceAll(text, []byte(separator), []byte(escape))
	}
	return text, nil
}
