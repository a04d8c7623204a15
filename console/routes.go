package console

import "net/http"

// route is one page, or one thing that a person does.
type route struct {
	// pattern as http.ServeMux has it.
	pattern string
	handle  func(c *Console, w http.ResponseWriter, r *http.Request) error
}

// routes are all of them: what is not here is not served.
var routes = []route{
	{"GET /{$}", (*Console).home},
	{"GET /{nowhere...}", (*Console).nowhere},
	{"GET /fleet.json", (*Console).fleetJSON},
	{"GET /applications/{placement}", (*Console).application},
	{"GET /clusters", (*Console).clusters},
	{"GET /clusters/{name}", (*Console).cluster},
	{"GET /secrets", (*Console).secrets},
	{"GET /secrets/{placement}/{namespace}/{name}", (*Console).secret},
	{"GET /who", (*Console).whoCouldRead},
	{"GET /audit", (*Console).auditLog},
	{"GET /lost/{cluster}", (*Console).lostCluster},
	{"POST /lost/{cluster}/rotate", (*Console).rotateLost},
	{"POST /lost/{cluster}/suspend", (*Console).suspendLost},
	{"GET /keys", (*Console).keys},
	{"GET /enrolment", (*Console).enrolment},
	{"GET /account", (*Console).account},
	{"POST /account/forge/begin", (*Console).beginForge},
	{"GET " + ForgeCallback, (*Console).doneForge},
	{"POST /account/forge/paste", (*Console).pasteForge},
	{"POST /account/forge/forget", (*Console).forgetForge},
	{"POST /enrolment", (*Console).addEnrolled},
	{"GET /requests", (*Console).requests},
	{"GET /requests/{branch...}", (*Console).request},
	{"GET /new", (*Console).newSecret},
	{"POST /drafts", (*Console).makeDraft},
	{"GET /drafts/{id}", (*Console).preview},
	{"GET /drafts/{id}/seal", (*Console).sealPage},
	{"POST /drafts/{id}/jobs", (*Console).jobs},
	{"POST /drafts/{id}/blocks", (*Console).blocks},
	{"POST /drafts/{id}/again", (*Console).again},
	{"POST /drafts/{id}/store", (*Console).refer},
	{"POST /drafts/{id}/propose", (*Console).propose},
	{"POST /drafts/{id}/drop", (*Console).dropDraft},
	{"GET /secrets/{placement}/{namespace}/{name}/change", changeSecret("change", "Change a value")},
	{"GET /secrets/{placement}/{namespace}/{name}/rotate", changeSecret("rotate", "Rotate")},
	{"GET /secrets/{placement}/{namespace}/{name}/clusters", changeSecret("clusters", "Add or remove a cluster")},
	{"GET /secrets/{placement}/{namespace}/{name}/retire", changeSecret("retire", "Take the secret away")},
	{"POST /secrets/{placement}/{namespace}/{name}/draft", (*Console).makeChange},
	{"GET /applications/{placement}/retire", (*Console).retireApplication},
	{"POST /applications/{placement}/retire", (*Console).makeChange},
	{"GET /applications/{placement}/clusters", (*Console).placements},
	{"POST /applications/{placement}/clusters", (*Console).place},
}
