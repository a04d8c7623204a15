package fleet

import (
	"fmt"

	"github.com/bulla-dev/bulla/api/hexid"
)

func (r *SealedReference) validate(p *problems) {
	p.checkStubMetadata(r.Metadata)
	p.checkScope(r.Spec.Scope)
	if template, ok := p.validateTemplate(r.Spec.Template); ok {
		p.checkFields("spec.fields", r.Spec.Fields, template.places(), "spec.fields")
		validateDeliveries(p, r.Spec.DeliverAs, template.keys(r.Spec.Fields))
	}
	r.Spec.validateTargets(p)
	r.Spec.Stub.validate(p)
}

func (s SealedReferenceSpec) validateTargets(p *problems) {
	if len(s.Targets) == 0 {
		p.add("spec.targets", "is empty: nobody could open the stub")
	}
	for i, target := range s.Targets {
		field := fmt.Sprintf("spec.targets[%d]", i)
		p.checkTarget(field, target)
		if i > 0 && s.Targets[i-1] >= target {
			p.add(field, "%q stands after %q; targets are sorted and unique", target, s.Targets[i-1])
		}
	}
}

func (s StoredStub) validate(p *problems) {
	if s == (StoredStub{}) {
		p.add("spec.stub", "is missing")
		return
	}
	for field, digest := range map[string]string{"spec.stub.digest": s.Digest, "spec.stub.content": s.Content} {
		switch {
		case digest == "":
			p.add(field, "is missing")
		case !hexid.IsDigest(digest):
			p.add(field, "is not sha256: and 64 lower-case hexadecimal digits")
		}
	}
	if s.Size < 1 || s.Size > MaxStoredStub {
		p.add("spec.stub.size", "is %d, not 1 to %d bytes", s.Size, MaxStoredStub)
	}
}
