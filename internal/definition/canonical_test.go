package definition

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Updates as the real service was seen to answer them: what was there, what
// was sent, what it showed then.
func TestMergePredictsWhatAWSShowsAfterAnUpdate(t *testing.T) {
	t.Parallel()
	rows := map[string]struct{ before, patch, after string }{
		"one field": {
			``, `{"memorySize": 256}`, `memorySize: 256`,
		},
		"to JSON: the levels appear": {
			``, `{"loggingConfig": {"logFormat": "JSON"}}`,
			`loggingConfig: {logFormat: JSON, applicationLogLevel: INFO, systemLogLevel: INFO, logGroup: /aws/lambda/hello}`,
		},
		"to JSON with a level": {
			``, `{"loggingConfig": {"logFormat": "JSON", "applicationLogLevel": "DEBUG"}}`,
			`loggingConfig: {logFormat: JSON, applicationLogLevel: DEBUG, systemLogLevel: INFO, logGroup: /aws/lambda/hello}`,
		},
		"back to text: the levels go": {
			`loggingConfig: {logFormat: JSON, applicationLogLevel: DEBUG, systemLogLevel: INFO, logGroup: /aws/lambda/hello}`,
			`{"loggingConfig": {"logFormat": "Text"}}`, ``,
		},
		"a log group beside the levels": {
			`loggingConfig: {logFormat: JSON, applicationLogLevel: DEBUG, systemLogLevel: INFO, logGroup: /aws/lambda/hello}`,
			`{"loggingConfig": {"logGroup": "/mine"}}`,
			`loggingConfig: {logFormat: JSON, applicationLogLevel: DEBUG, systemLogLevel: INFO, logGroup: /mine}`,
		},
		"out of the VPC": {
			`vpcConfig: {subnetIds: [subnet-1], securityGroupIds: [sg-1], ipv6AllowedForDualStack: false}`,
			`{"vpcConfig": {"subnetIds": [], "securityGroupIds": []}}`,
			`vpcConfig: {subnetIds: [], securityGroupIds: [], ipv6AllowedForDualStack: false}`,
		},
		"the environment as a whole": {
			`environment: {variables: {AB: "1", CD: "2"}}`, `{"environment": {"variables": {"CD": "3"}}}`, `environment: {variables: {CD: "3"}}`,
		},
		"the image's overrides as a whole": {
			`imageConfig: {command: [a], workingDirectory: /b}`, `{"imageConfig": {"command": ["c"]}}`, `imageConfig: {command: [c]}`,
		},
		"no layers": {
			`layers: ["arn:aws:lambda:us-east-1:123456789012:layer:a:1"]`, `{"layers": []}`, ``,
		},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			patch, _ := decodeText(row.patch)
			before, after := answered(t, row.before), answered(t, row.after)
			if diff := cmp.Diff(Canonical(after), before.Merge(*patch)); diff != "" {
				t.Error(diff)
			}
			if !EqualConfiguration(after, before.Merge(*patch)) {
				t.Error("and yet they are not equal")
			}
		})
	}
}

func TestCanonicalNamesEveryField(t *testing.T) {
	t.Parallel()
	want := Function{
		FunctionName: "hello", Description: new(""), Timeout: new(int32(3)), MemorySize: new(int32(128)),
		PackageType: new("Zip"), Architectures: []string{"x86_64"}, Environment: &Environment{map[string]string{}},
		VpcConfig:        &VpcConfig{[]string{}, []string{}, new(false)},
		DeadLetterConfig: &DeadLetterConfig{new("")}, KMSKeyArn: new(""), TracingConfig: &TracingConfig{new("PassThrough")},
		Layers: []string{}, FileSystemConfigs: []FileSystemConfig{}, ImageConfig: &ImageConfig{},
		EphemeralStorage: &EphemeralStorage{new(int32(512))}, SnapStart: &SnapStart{new("None")},
		LoggingConfig: &LoggingConfig{LogFormat: new("Text"), LogGroup: new("/aws/lambda/hello")},
	}
	got := Canonical(Function{FunctionName: "hello", Runtime: new(""), Handler: new("")})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(got, Canonical(got)); diff != "" {
		t.Errorf("twice is not once:\n%s", diff)
	}
}

func TestCloneSharesNothing(t *testing.T) {
	t.Parallel()
	src := minimal + "layers: [\"arn:aws:lambda:us-east-1:123456789012:layer:a:1\"]\nenvironment: {variables: {AB: c}}\nfileSystemConfigs: [{arn: \"arn:aws:s3files:a\", localMountPath: /mnt/a}]\n"
	original := decode(t, src)
	clone := original.Clone()
	clone.Layers[0], clone.Environment.Variables["AB"], *clone.Role, *clone.FileSystemConfigs[0].Arn = "", "", "", ""
	if diff := cmp.Diff(decode(t, src), original); diff != "" {
		t.Error(diff)
	}
}

func TestFingerprintNamesTheFieldThatAStrangerChanged(t *testing.T) {
	t.Parallel()
	salt := []byte("0123456789abcdef")
	base := Fingerprint(answered(t, ""), salt)
	var fields []string
	for f := range configuration() {
		fields = append(fields, f.name)
	}
	if got := slices.Sorted(maps.Keys(base)); !slices.Equal(got, slices.Sorted(slices.Values(fields))) {
		t.Errorf("fields %v", got)
	}
	for _, digest := range base {
		if len(digest) != 16 || strings.Trim(digest, "0123456789abcdef") != "" {
			t.Errorf("%q is not 16 hex digits", digest)
		}
	}
	if diff := cmp.Diff(base, Fingerprint(Canonical(answered(t, "vpcConfig: {}\nlayers: []")), salt)); diff != "" {
		t.Errorf("the canonical form has another fingerprint:\n%s", diff)
	}
	for field, change := range map[string]string{
		"Description":   `description: x`,
		"Environment":   `environment: {variables: {PASSWORD: hush}}`,
		"Architectures": `architectures: [arm64]`,
		"LoggingConfig": `loggingConfig: {logGroup: /mine}`,
	} {
		var changed []string
		for name, digest := range Fingerprint(answered(t, change), salt) {
			if digest != base[name] {
				changed = append(changed, name)
			}
		}
		if !slices.Equal(changed, []string{field}) {
			t.Errorf("%s changes the fingerprints of %v", change, changed)
		}
	}
	secret := answered(t, `environment: {variables: {PASSWORD: hush}}`)
	if Fingerprint(secret, []byte("another salt 123"))["Environment"] == Fingerprint(secret, salt)["Environment"] {
		t.Error("the salt does not count")
	}
}

// A journal is read by a newer program than the one that wrote it: what a field
// comes to must not change. The environment's digest is dear, so that a guess
// of a secret is; a cheaper one would be another.
func TestFingerprintsStayWhatTheyAre(t *testing.T) {
	t.Parallel()
	f := answered(t, `environment: {variables: {PASSWORD: hush}}`)
	salt := []byte("0123456789abcdef")
	got := Fingerprint(f, salt)
	dear, err := pbkdf2.Key(sha256.New, `{"variables":{"PASSWORD":"hush"}}`, salt, 20_000, sha256.Size)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"Environment":   hex.EncodeToString(dear[:8]),
		"Role":          "61848a03920476f5",
		"Timeout":       "4e07408562bedb8b",
		"LoggingConfig": "961156a69578c0f7",
		"DurableConfig": "74234e98afe7498f",
	}
	for field, digest := range want {
		if got[field] != digest {
			t.Errorf("%s: %s, want %s", field, got[field], digest)
		}
	}
}

func BenchmarkFingerprint(b *testing.B) {
	f := Canonical(Function{FunctionName: "hello"})
	for b.Loop() {
		Fingerprint(f, []byte("0123456789abcdef"))
	}
}

func BenchmarkDiff(b *testing.B) {
	have := Canonical(Function{FunctionName: "hello"})
	for b.Loop() {
		Diff(have, have)
	}
}
