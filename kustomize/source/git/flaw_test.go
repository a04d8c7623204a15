package git

import (
	"errors"
	"fmt"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/gitserver"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/printable"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// TestANameSpoilsItsOwnFolder: and whoever builds from it, with its path; never a
// commit, since what that commit revokes is revoked.
func TestANameSpoilsItsOwnFolder(t *testing.T) {
	_, r, _ := repo(t)
	for name, c := range map[string]struct {
		entry  string
		spoils bool
	}{
		"Latin-1":             {"caf\xe9.txt", true},
		"a Windows path":      {`a\b.txt`, true},
		"turned around":       {"a\u202etxt.exe", true},
		"an isolate":          {"a\u2066b.txt", true},
		"a line break":        {"a\nb.txt", true},
		"an escape":           {"a\x1b[2J.txt", true},
		"no width":            {"a\u200bb.txt", true},
		"a joiner in Latin":   {"pay\u200dments.txt", true},
		"another repository":  {".git", true},
		".git for HFS":        {".g\u200cit", true},
		"Persian":             {"\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645.txt", false},
		"Persian, a number":   {"\u0646\u0633\u062e\u0647\u200c2.txt", false},
		"an emoji of several": {"\U0001f468\u200d\U0001f4bb.md", false},
		"an emoji, selected":  {"\u2764\ufe0f\u200d\U0001f525.md", false},
		"a flag of tags":      {"\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", false},
		"an accent":           {"re\u0301sume\u0301.txt", false},
	} {
		t.Run(name, func(t *testing.T) {
			blob, err := r.InjectObject("blob", []byte(testfleet.ConfigMap("a")))
			must(t, err)
			below, err := r.InjectTree(gitserver.TreeEntry{Mode: "100644", Name: "a.yaml", Hash: blob})
			must(t, err)
			entries := []gitserver.TreeEntry{
				{Mode: "100644", Name: c.entry, Hash: blob},
				{Mode: "40000", Name: "zz", Hash: below},
			}
			slices.SortFunc(entries, func(a, b gitserver.TreeEntry) int { return strings.Compare(a.Name, b.Name) })
			folder, err := r.InjectTree(entries...)
			must(t, err)
			root, err := r.InjectTree(
				gitserver.TreeEntry{Mode: "40000", Name: "apps", Hash: below},
				gitserver.TreeEntry{Mode: "40000", Name: "docs", Hash: folder},
			)
			must(t, err)
			head, err := r.InjectCommit(root)
			must(t, err)
			m := mirror(t, r, t.TempDir(), Limits{})
			fetch(t, m)
			tr, err := m.Tree(head)
			must(t, err)
			builds := func(folder string) error {
				_, err := kustomize.NewBuilder(kustomize.BuilderOptions{}).
					Build(t.Context(), tr, placementAt(t, "app", folder))
				return err
			}
			for _, folder := range []string{"apps", "docs/zz"} {
				must(t, builds(folder))
			}
			err = builds("docs")
			if (err != nil) != c.spoils {
				t.Fatalf("build of the folder: %v", err)
			}
			var failed *kustomize.BuildError
			if c.spoils && (!errors.As(err, &failed) || path.Dir(failed.File) != "docs") {
				t.Errorf("build of the folder: %v; want its entry named", err)
			}
			if err != nil && strings.ContainsFunc(err.Error(), printable.IsControl) {
				t.Errorf("the error turns text around: %q", err)
			}
		})
	}
}

// placementAt is one of namespace app that builds a folder.
func placementAt(t *testing.T, name, folder string) *api.Placement {
	t.Helper()
	p, err := api.ParsePlacement("placements/"+name+".yaml", []byte("apiVersion: bulla.dev/v1alpha1\nkind: Placement\n"+
		"metadata: {name: "+name+"}\nspec: {path: "+folder+", targetNamespace: app, targets: [{clusterName: one}]}\n"))
	must(t, err)
	return p
}

// TestAFolderWithAFlawIsNoOtherBuild: what was built before a name was added is
// not taken for what is there now, and the other way round.
func TestAFolderWithAFlawIsNoOtherBuild(t *testing.T) {
	_, r, _ := repo(t)
	m := mirror(t, r, t.TempDir(), Limits{})
	b, p := kustomize.NewBuilder(kustomize.BuilderOptions{}), placementAt(t, "app", "apps/app")
	build := func() error {
		fetch(t, m)
		tr, err := m.Tree(m.Head())
		must(t, err)
		_, err = b.Build(t.Context(), tr, p)
		return err
	}
	must(t, build())
	push(t, r, testfleet.Files{"apps/app/a\u202eb": "x"})
	if err := build(); err == nil {
		t.Error("a build from before the name was there was taken")
	}
	push(t, r, testfleet.Files{"apps/app/a\u202eb": ""})
	must(t, build())
}

// TestAnObjectTooLargeIsLeftOut: anywhere in history, from a remote that can leave
// it out and from one that cannot; whoever reads it is told.
func TestAnObjectTooLargeIsLeftOut(t *testing.T) {
	for name, filter := range map[string]string{"with a filter": "true", "without": "false"} {
		t.Run(name, func(t *testing.T) {
			_, r, _ := repo(t)
			must(t, exec.Command("git", "-C", r.Bare(), "config", "uploadpack.allowFilter", filter).Run())
			limits := Limits{Object: 64 << 10, Blob: 32 << 10}
			m := mirror(t, r, t.TempDir(), limits)
			fetch(t, m)
			// So large that a delta against it is larger than the bound, too.
			big := strings.Repeat(strings.Repeat("0123456789abcdef\n", 64)+"\n", 100)
			push(
				t,
				r,
				testfleet.Files{
					"docs/film":          big,
					"apps/two/film.yaml": big + "#",
					"apps/app/b.yaml":    testfleet.ConfigMap("b"),
				},
			)
			head := push(t, r, testfleet.Files{"docs/film": big + big, "clusters/README.md": "x"})
			for when, m := range map[string]*Mirror{"fetched on": m, "cloned": mirror(t, r, t.TempDir(), limits)} {
				fetch(t, m)
				tr, err := m.Tree(head)
				must(t, err)
				b := kustomize.NewBuilder(kustomize.BuilderOptions{})
				if _, err := b.Build(t.Context(), tr, placementAt(t, "app", "apps/app")); err != nil {
					t.Errorf("%s: %v", when, err)
				}
				if _, err := tr.ReadFile("docs/film"); !errors.Is(err, tree.ErrTooLarge) {
					t.Errorf("%s: read: %v, want %v", when, err, tree.ErrTooLarge)
				}
				if _, err := b.Build(t.Context(), tr, placementAt(t, "two", "apps/two")); err == nil ||
					!strings.Contains(err.Error(), "apps/two/film.yaml: file is too large") {
					t.Errorf("%s: build of the folder: %v", when, err)
				}
				if m.Damaged() {
					t.Errorf("%s: what was left out is taken for damage", when)
				}
			}
			mended := push(t, r, testfleet.Files{"docs/film": "", "apps/two/film.yaml": ""})
			m = mirror(t, r, m.path, limits)
			if got := fetch(t, m); got != mended {
				t.Errorf("fetched %s, want %s", got, mended)
			}
			if _, err := m.Tree(mended); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestAMissingFileOfAWholeStoreIsDamage: only what the mirror asked to be left
// out, or left out itself, may be missing.
func TestAMissingFileOfAWholeStoreIsDamage(t *testing.T) {
	o, err := newObjects(t.TempDir(), DefaultLimits)
	must(t, err)
	missing, _ := tree.ParseHash(strings.Repeat("ab", 20))
	other, _ := tree.ParseHash(strings.Repeat("cd", 20))
	if o.lacks.lacks(missing, true) {
		t.Error("a file may be missing from a store that is whole")
	}
	must(t, o.lacks.note(missing.String()))
	again := openStore(o.path, DefaultLimits)
	if !again.lacks.lacks(missing, true) || again.lacks.lacks(other, true) {
		t.Error("what was left out is not what was written down")
	}
	must(t, again.lacks.note(partialFiles))
	if !again.lacks.lacks(other, true) || again.lacks.lacks(other, false) {
		t.Error("a filter leaves out files, and nothing else")
	}
}

// TestFoldersThatAreTooMuchAreClosed: the largest one, and the depth that is too
// much, whatever else is in the tree.
func TestFoldersThatAreTooMuchAreClosed(t *testing.T) {
	_, r, _ := repo(t)
	much := testfleet.Files{}
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m"} {
		much["docs/"+name] = name
	}
	deep := "docs2/" + strings.Repeat("d/", 10) + "file"
	much[deep] = "x"
	head := push(t, r, much)
	m := mirror(t, r, t.TempDir(), Limits{Files: 12, Depth: 4})
	fetch(t, m)
	for range 2 {
		tr, err := m.Tree(head)
		must(t, err)
		for _, file := range []string{"fleet.yaml", "apps/app/a.yaml"} {
			if _, err := tr.ReadFile(file); err != nil {
				t.Error(err)
			}
		}
		for file, want := range map[string]string{"docs/a": tree.TooManyFiles, deep: tree.TooDeep} {
			if _, err := tr.ReadFile(file); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("read %s: %v, want %q", file, err, want)
			}
		}
		push(t, r, testfleet.Files{"fleet.yaml": "two\n"})
		head = fetch(t, m) // the folders are known from the tree before
	}
}

// TestWhatGrantsIsReadWhateverElseThereIs: whoever may push a hundred thousand
// files to a folder that nobody reads ends neither the fleet nor a revocation.
func TestWhatGrantsIsReadWhateverElseThereIs(t *testing.T) {
	placements := testfleet.Files{}
	for _, name := range []string{"a", "b", "c", "d"} {
		placements["placements/"+name+".yaml"] = testfleet.Placement(name, "apps/app", name, "{clusterName: one}")
	}
	names := func(folder string, count int) testfleet.Files {
		many := testfleet.Files{}
		for n := range count {
			many[fmt.Sprintf("%sf%02d", folder, n)] = "x"
		}
		return many
	}
	many := testfleet.Files{}
	for n := range 8 {
		many = many.With(names(fmt.Sprintf("a%d/", n), 3))
	}
	for name, push1 := range map[string]testfleet.Files{
		"many folders, each smaller than what grants": many,
		"more names than are read": names("a0/",
			9).With(names("a1/", 19)).With(names("a2/", 19)).With(names("a3/", 19)).With(names("a4/", 19)),
		"files beside fleet.yaml": names("", 30),
	} {
		t.Run(name, func(t *testing.T) {
			_, r, _ := repo(t)
			head := push(t, r, testfleet.Two().With(placements).With(push1))
			m := mirror(t, r, t.TempDir(), Limits{Files: 18})
			fetch(t, m)
			tr, err := m.Tree(head)
			must(t, err)
			loaded, err := model.Load(tr)
			must(t, err)
			for placement := range placements {
				if got := loaded.Placements[strings.TrimSuffix(path.Base(placement), ".yaml")]; got == nil {
					t.Errorf("%s is not read: %v", placement, loaded.Problems)
				}
			}
			if len(loaded.Clusters) == 0 {
				t.Error("no cluster is read")
			}
			if _, err := kustomize.NewBuilder(kustomize.BuilderOptions{}).Build(t.Context(), tr,
				placementAt(t, "app", "nowhere")); err == nil {
				t.Error("a folder that is not there builds to nothing")
			}
		})
	}
}

// TestManySmallFoldersTakeNoTime: a quarter of a million of them are ten megabytes
// to push. With work for each pair of them this test takes minutes.
func TestManySmallFoldersTakeNoTime(t *testing.T) {
	_, r, first := repo(t)
	blob, err := r.InjectObject("blob", []byte("x"))
	must(t, err)
	small, err := r.InjectTree(
		gitserver.TreeEntry{Mode: "100644", Name: "a", Hash: blob},
		gitserver.TreeEntry{Mode: "100644", Name: "b", Hash: blob},
	)
	must(t, err)
	limits := Limits{Files: 60_000}
	entries := make([]gitserver.TreeEntry, limits.Files)
	for n := range entries {
		entries[n] = gitserver.TreeEntry{Mode: "40000", Name: fmt.Sprintf("%06d", n), Hash: small}
	}
	hash, err := r.InjectTree(entries...)
	must(t, err)
	head, err := r.InjectCommit(hash, first)
	must(t, err)
	m := mirror(t, r, t.TempDir(), limits)
	fetch(t, m)
	tr, err := m.Tree(head)
	must(t, err)
	if got := len(tr.Files("")); got > limits.Files {
		t.Errorf("%d files are left", got)
	}
}
