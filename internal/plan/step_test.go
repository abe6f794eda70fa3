package plan

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/journal"
)

// A switch over steps that leaves one out would ignore it silently, as a default
// would. golangci-lint's gochecksumtype says the same, where it is installed.
func TestEverySwitchOverStepsNamesThemAll(t *testing.T) {
	t.Parallel()
	files := parse(t, "..")
	all := stepTypes(files)
	if len(all) < 10 {
		t.Fatalf("only these types are steps: %q", all)
	}
	switches := 0
	for _, f := range files {
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			s, is := n.(*ast.TypeSwitchStmt)
			if !is {
				return true
			}
			named, hasDefault := cases(s, f.inPlan)
			if !slices.ContainsFunc(named, func(name string) bool { return slices.Contains(all, name) }) {
				return true
			}
			switches++
			for _, name := range all {
				if !slices.Contains(named, name) {
					t.Errorf("%s: the switch has no case for %s", f.at(s), name)
				}
			}
			if hasDefault {
				t.Errorf("%s: the switch has a default, which hides steps that are added later", f.at(s))
			}
			return true
		})
	}
	if switches < 5 {
		t.Errorf("%d switches over steps were found", switches)
	}
}

type source struct {
	set    *token.FileSet
	syntax *ast.File
	inPlan bool
}

func (s source) at(n ast.Node) string { return s.set.Position(n.Pos()).String() }

func parse(t *testing.T, root string) []source {
	t.Helper()
	var all []source
	set := token.NewFileSet()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		all = append(all, source{set, f, filepath.Dir(path) == filepath.Join(root, "plan")})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// stepTypes are the types of package plan that have the method sealed.
func stepTypes(files []source) []string {
	var names []string
	for _, f := range files {
		for _, d := range f.syntax.Decls {
			if m, is := d.(*ast.FuncDecl); is && f.inPlan && m.Recv != nil && m.Name.Name == "sealed" {
				names = append(names, m.Recv.List[0].Type.(*ast.Ident).Name)
			}
		}
	}
	return names
}

// cases are the types of package plan that a type switch names.
func cases(s *ast.TypeSwitchStmt, inPlan bool) (names []string, hasDefault bool) {
	for _, c := range s.Body.List {
		list := c.(*ast.CaseClause).List
		hasDefault = hasDefault || list == nil
		for _, e := range list {
			switch e := e.(type) {
			case *ast.Ident:
				if inPlan {
					names = append(names, e.Name)
				}
			case *ast.SelectorExpr:
				if p, is := e.X.(*ast.Ident); is && p.Name == "plan" {
					names = append(names, e.Sel.Name)
				}
			}
		}
	}
	return names, hasDefault
}

func TestStepsAreNamedAfterTheOperationsOfTheAPI(t *testing.T) {
	t.Parallel()
	for want, s := range map[string]Step{
		"CreateFunction": CreateFunction{}, "UpdateFunctionConfiguration": UpdateConfiguration{}, "UpdateFunctionCode": UpdateCode{},
		"PublishVersion": PublishVersion{}, "CreateAlias": CreateAlias{}, "UpdateAlias": UpdateAlias{}, "DeleteAlias": DeleteAlias{},
		"TagResource": TagResource{}, "UntagResource": UntagResource{}, "PutFunctionCodeSigningConfig": PutCodeSigning{},
		"DeleteFunctionCodeSigningConfig": DeleteCodeSigning{}, "DeleteFunction": DeleteFunction{},
	} {
		if got := s.Operation(); got != want {
			t.Errorf("%T is named %q, want %q", s, got, want)
		}
	}
	if (PublishRestorePoint{}).Operation() != (PublishVersion{}).Operation() || (DeleteVersion{}).Operation() != (DeleteFunction{}).Operation() ||
		(MoveAlias{}).Operation() != (UpdateAlias{}).Operation() || (LeaveLatest{}).Operation() != (UpdateAlias{}).Operation() {
		t.Error("two uses of one operation have different names")
	}
}

// The last release wrote the deletion of a version under a name of its own.
func TestAJournalOfTheLastReleaseKnowsThatAFailedVersionWasDeleted(t *testing.T) {
	t.Parallel()
	const lines = `{"format":1,"run":"r1","started":"2026-11-01T00:00:00Z","salt":"c2FsdA==","targets":[{"function":"f","region":"eu-west-1","account":"123456789012"}]}
{"at":"2026-11-01T00:00:00Z","target":0,"snapshot":{"exists":true,"content":{"fields":{},"codeSha256":"one"}}}
{"at":"2026-11-01T00:00:01Z","target":0,"step":1,"intent":{"call":"PublishVersion"}}
{"at":"2026-11-01T00:00:02Z","target":0,"step":1,"outcome":{"result":"refused","failedVersion":"7"}}
`
	const deleted = `{"at":"2026-11-01T00:00:03Z","target":0,"step":2,"intent":{"call":"DeleteFunction:version","back":true,"version":"7"}}
{"at":"2026-11-01T00:00:04Z","target":0,"step":2,"outcome":{"result":"done"}}
`
	back := func(content string) []Step {
		log, err := journal.Parse([]byte(content))
		if err != nil {
			t.Fatal(err)
		}
		latest := &definition.Observed{CodeSha256: "one", Version: Latest}
		log.Targets[0].Snapshot.Content = ContentOf(latest, log.Header.Salt)
		return Back(log.Targets[0], Observation{Latest: latest}, Fences{}).Steps
	}
	if got, want := back(lines), []Step{DeleteVersion{Version: "7"}}; !slices.Equal(operations(got), operations(want)) {
		t.Errorf("before: %q, want %q", operations(got), operations(want))
	}
	if got := back(lines + deleted); len(got) > 0 {
		t.Errorf("after: %q, want nothing", operations(got))
	}
}

func operations(steps []Step) []string {
	var names []string
	for _, s := range steps {
		names = append(names, s.Operation())
	}
	return names
}
