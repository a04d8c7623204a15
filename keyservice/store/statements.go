package store

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

// Statements of more than two lines lie in files of their own, one a file; a short
// one is read beside its arguments.
var (
	//go:embed sql/query/begin_enrolment.sql
	beginEnrolmentSQL string
	//go:embed sql/query/collect_stubs.sql
	collectStubsSQL string
	//go:embed sql/query/join.sql
	joinSQL string
	//go:embed sql/query/join_tokens.sql
	joinTokensSQL string
	//go:embed sql/query/keep_refusal.sql
	keepRefusalSQL string
	//go:embed sql/query/ledger.sql
	ledgerSQL string
	//go:embed sql/query/log_state.sql
	logStateSQL string
	//go:embed sql/query/move_tip.sql
	moveTipSQL string
	//go:embed sql/query/name_held.sql
	nameHeldSQL string
	//go:embed sql/query/nobodys_leaves.sql
	nobodysLeavesSQL string
	//go:embed sql/query/placed_since.sql
	placedSinceSQL string
	//go:embed sql/query/put_look.sql
	putLookSQL string
	//go:embed sql/query/put_secret.sql
	putSecretSQL string
	//go:embed sql/query/put_state.sql
	putStateSQL string
	//go:embed sql/query/put_wave.sql
	putWaveSQL string
	//go:embed sql/query/use_stub.sql
	useStubSQL string
	//go:embed sql/query/use_token.sql
	useTokenSQL string
	//go:embed sql/query/was_before.sql
	wasBeforeSQL string
)

//go:embed sql/schema/*.sql
var schemaFiles embed.FS

// migrations bring the tables from one version to the next; the version is how
// many of them were made, so that a file is never changed, and a new one goes to
// the end. Times are microseconds since 1970, UTC.
var migrations = readMigrations()

func readMigrations() []string {
	files, err := fs.Glob(schemaFiles, "sql/schema/*.sql")
	if err != nil {
		panic(err) // a pattern that does not parse
	}
	statements := make([]string, len(files))
	for n, file := range files { // Glob sorts them
		if !strings.HasPrefix(file, fmt.Sprintf("sql/schema/%02d_", n+1)) {
			panic("store: " + file + " is not migration " + fmt.Sprint(n+1))
		}
		text, err := schemaFiles.ReadFile(file)
		if err != nil {
			panic(err) // it was listed
		}
		statements[n] = string(text)
	}
	return statements
}
