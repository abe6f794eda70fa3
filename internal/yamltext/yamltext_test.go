package yamltext

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestJSONsOwnEscapesAreReadAndKeepTheColumns(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		`{"a": "b\/c", "d": 1}`:             `{"a": "b/c" , "d": 1}`,
		`{"a\/b": "\ud83d\ude00!", "d": 1}`: `{"a/b" : "😀!"           , "d": 1}`,
		`["\uD83D\uDE00"]`:                  `["😀"           ]`,
		`{"a": "\\/", "b": "\"\/"}`:         `{"a": "\\/", "b": "\"/" }`,
		`{"a": "\ud83d alone"}`:             `{"a": "\ud83d alone"}`,
		`{"a": "<+b.get(\"c\/d\")>"}`:       `{"a": "<+b.get(\"c/d\")>" }`,
		`a: "b\/c"`:                         `a: "b\/c"`,
		`{"a": "b\u00e9"}`:                  `{"a": "b\u00e9"}`,
		`{"a": "\/`:                         `{"a": "/`,
		`{"a": "\/\`:                        `{"a": "/\`,
		`{"a": "\/\ud83d`:                   `{"a": "/\ud83d`,
		``:                                  ``,
	} {
		if got := string(OfJSON([]byte(src))); got != want {
			t.Errorf("%s\n%s", src, cmp.Diff(want, got))
		}
	}
}
