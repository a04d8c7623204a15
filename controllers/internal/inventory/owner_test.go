package inventory

import "testing"

func TestAProofIsForOneObjectOfOnePlacementOnOneCluster(t *testing.T) {
	key := []byte("a key of the cluster")
	base := Claim{Fleet: "f", Placement: "shop", ID: ID{Kind: "Secret", Namespace: "ns", Name: "db"}, UID: "u"}
	proof := base.Proof(key)
	if !base.ProvedBy(key, proof) {
		t.Fatal("a proof does not prove its claim")
	}
	for what, change := range map[string]func(*Claim){
		"fleet":          func(c *Claim) { c.Fleet = "g" },
		"placement":      func(c *Claim) { c.Placement = "other" },
		"group":          func(c *Claim) { c.ID.Group = "example.com" },
		"kind":           func(c *Claim) { c.ID.Kind = "ConfigMap" },
		"namespace":      func(c *Claim) { c.ID.Namespace = "other" },
		"name":           func(c *Claim) { c.ID.Name = "other" },
		"a moved border": func(c *Claim) { c.ID.Namespace, c.ID.Name = "nsd", "b" },
		"uid":            func(c *Claim) { c.UID = "v" },
		"uid for birth":  func(c *Claim) { c.UID, c.Delivery = "", "u" },
	} {
		other := base
		change(&other)
		if other.ProvedBy(key, proof) {
			t.Errorf("another %s is proved too", what)
		}
	}
	if base.ProvedBy([]byte("another key"), proof) {
		t.Error("another cluster's key proves it")
	}
	nothing := base
	nothing.UID = ""
	if nothing.ProvedBy(key, nothing.Proof(key)) || base.ProvedBy(key, "") {
		t.Error("a claim about nothing, or no proof at all, counts")
	}
	if MAC(key, Live{ID: base.ID, UID: "u"}) == proof {
		t.Error("the comparison of live Secrets and the proof are one text")
	}
}
