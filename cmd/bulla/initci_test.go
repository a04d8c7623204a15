package main

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"go.yaml.in/yaml/v3"

	"github.com/bulla-dev/bulla/cmd/bulla/internal/workflows"
	"github.com/bulla-dev/bulla/fixtures/forge"
)

// job is one of a workflow, as GitHub and Forgejo have it, or as GitLab does.
type job struct {
	If          string
	Permissions map[string]string
	Steps       []step

	Extends      string
	BeforeScript []string `yaml:"before_script"`
	Script       []string
	Rules        []map[string]string
}

type step struct {
	Name, If, Uses, Run string
	Env                 map[string]string
	With                map[string]any
	ContinueOnError     bool `yaml:"continue-on-error"`
}

var pinned = regexp.MustCompile(`^[a-z0-9./:-]+@[0-9a-f]{40}$`)

// jobOf reads one job's steps from the file that `bulla init --ci` wrote.
func jobOf(ts *testscript.TestScript, file, name string) (steps []step) {
	data := []byte(ts.ReadFile(file))
	var workflow struct{ Jobs map[string]job }
	var gitLab map[string]job
	ts.Check(yaml.Unmarshal(data, &workflow))
	if one, ok := workflow.Jobs[name]; ok {
		return one.Steps
	}
	ts.Check(yaml.Unmarshal(data, &gitLab))
	one, ok := gitLab[name]
	if !ok {
		ts.Fatalf("no job %s in %s", name, file)
	}
	env := map[string]string{"GITLAB_TOKEN": "${{ github.token }}", "BULLA_ROOT_KEY": "${{ vars.BULLA_ROOT_KEY }}"}
	for _, run := range append(gitLab[one.Extends].BeforeScript, one.Script...) {
		steps = append(steps, step{Run: run, Env: env})
	}
	return steps
}

// cmdJob runs the shell steps of a job as its forge's runner does, one after the other, for
// a pull request of this repository ("ours") or from a fork, which gets no token. Actions
// are looked at, and not run.
func cmdJob(ts *testscript.TestScript, neg bool, args []string) {
	ours, failed := args[2] == "ours", false
	const isFork = "github.event_name == 'pull_request' && " +
		"github.event.pull_request.head.repo.full_name != github.repository"
	known := map[string]string{"github.base_ref": "main", isFork: strconv.FormatBool(!ours)}
	if ours { // forges give a fork neither
		known["github.token"], known["vars.BULLA_ROOT_KEY"] = forge.Token, ts.Getenv("ROOTKEY")
	}
	for _, s := range jobOf(ts, args[0], args[1]) {
		if s.Uses != "" && !pinned.MatchString(s.Uses) {
			ts.Fatalf("action %q is not pinned", s.Uses)
		}
		if strings.Contains(s.Run, "${{") {
			ts.Fatalf("a stranger's name would be run as a command: %q", s.Run)
		}
		always := strings.HasPrefix(s.If, "${{ !cancelled()")
		own := strings.Contains(s.If, "github.event.pull_request.head.repo.full_name == github.repository")
		if s.If != "" && !always {
			ts.Fatalf("condition %q is not known to the test", s.If)
		}
		if s.Run == "" || failed && !always || own && !ours {
			continue
		}
		env := []string{"-u", "GITHUB_TOKEN", "-u", "GITLAB_TOKEN", "-u", "GITEA_TOKEN"}
		for name, value := range s.Env {
			expression, is := strings.CutPrefix(value, "${{ ")
			if !is {
				ts.Fatalf("%s=%q", name, value)
			}
			env = append(env, name+"="+known[strings.TrimSuffix(expression, " }}")])
		}
		err := ts.Exec("env", append(env, "bash", "-e", "-o", "pipefail", "-c", s.Run)...)
		failed = failed || err != nil && !s.ContinueOnError
	}
	if failed != neg {
		ts.Fatalf("job %s failed: %v", args[1], failed)
	}
}

// TestJobsBuildWithTheGoOfTheModule: what go.mod asks for, and no less.
func TestJobsBuildWithTheGoOfTheModule(t *testing.T) {
	data, err := os.ReadFile("../../go.mod")
	if err != nil || !strings.Contains(string(data), "\ngo "+workflows.Go+".") {
		t.Errorf("go.mod does not say go %s: %v", workflows.Go, err)
	}
}

// TestJobsAndTheReleaseUseTheSameActions: what one of the two left behind would be found years
// later, when the forge refuses to run it.
func TestJobsAndTheReleaseUseTheSameActions(t *testing.T) {
	data, err := os.ReadFile("../../.github/workflows/release.yaml")
	if err != nil {
		t.Fatal(err)
	}
	both := map[string]bool{}
	for _, m := range regexp.MustCompile(`uses: ((\S+)@.*)`).FindAllStringSubmatch(string(data), -1) {
		for _, pin := range workflows.Actions["github"] {
			if name, _, _ := strings.Cut(pin, "@"); name == m[2] {
				both[name] = true
				if pin != m[1] {
					t.Errorf("jobs use %s, the release %s", pin, m[1])
				}
			}
		}
	}
	if !both["actions/checkout"] || !both["actions/setup-go"] {
		t.Errorf("of what jobs use, the release has only %v", both)
	}
}

// TestNoJobHasMoreThanItNeeds: a token that writes is never beside what a stranger wrote.
func TestNoJobHasMoreThanItNeeds(t *testing.T) {
	for _, name := range workflows.Forges {
		file, err := workflows.For(name, "v0.1.0")
		if err != nil {
			t.Fatal(err)
		}
		var w struct {
			On          map[string]any
			Permissions map[string]string
			Jobs        map[string]job
		}
		if err := yaml.Unmarshal(file.Data, &w); err != nil {
			t.Fatal(err)
		}
		for event := range w.On {
			if event != "push" && event != "pull_request" {
				t.Errorf("%s: jobs run for %q", name, event)
			}
		}
		if name == "gitlab" {
			continue
		}
		if len(w.Permissions) != 0 || len(w.Jobs) != 2 {
			t.Errorf("%s: every job may %v; %d jobs", name, w.Permissions, len(w.Jobs))
		}
		for of, one := range w.Jobs {
			for what, may := range one.Permissions {
				if may == "write" && (of != "plan" || what == "contents") {
					t.Errorf("%s: job %s may write %s", name, of, what)
				}
			}
			for _, s := range one.Steps {
				own := strings.Contains(s.If, "github.event.pull_request.head.repo.full_name == github.repository")
				if strings.Contains(s.Uses, "/checkout@") && s.With["persist-credentials"] != false {
					t.Errorf("%s: job %s leaves its token where a stranger's branch is built", name, of)
				}
				if _, token := s.Env["GITHUB_TOKEN"]; token && !own {
					t.Errorf("%s: step %q has a token for a fork's branch too", name, s.Name)
				}
			}
		}
	}
}

func TestOnlyWhatStaysTheSameIsAPin(t *testing.T) {
	for version, pins := range map[string]bool{
		"v0.1.0": true, "v1.2.3-rc.1": true, "v0.0.0-20261129120000-0123456789ab": true,
		"0123456789abcdef0123456789abcdef01234567": true,
		"latest": false, "main": false, "v1": false, "v1.2": false, "(devel)": false, "0123456": false, "": false,
		"v0.1.0+dirty": false, "v0.1.0; rm -rf /": false, "V0.1.0": false,
	} {
		if workflows.Pins(version) != pins {
			t.Errorf("%q pins: %v", version, !pins)
		}
	}
}
