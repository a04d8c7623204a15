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
	{"GET /fleet.json", (*Console).fleetJSON},
	{"GET /applications/{placement}", (*Console).application},
	{"GET /clusters", (*Console).clusters},
	{"GET /clusters/{name}", (*Console).cluster},
	{"GET /secrets", (*Console).secrets},
	{"GET /secrets/{placement}/{namespace}/{name}", (*Console).secret},
	{"GET /who", (*Console).whoCouldRead},
	{"GET /audit", (*Console).auditLog},
	{"GET /lost/{cluster}", (*Console).lostCluster},
	{"GET /keys", (*Console).keys},
	{"GET /enrolment", (*Console).enrolment},
	{"GET /requests", (*Console).requests},
	{"GET /requests/{branch...}", (*Console).request},
}
