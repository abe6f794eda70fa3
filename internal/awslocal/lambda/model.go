package lambda

import (
	"slices"
	"strconv"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
)

const latest = "$LATEST"

// function is everything that DeleteFunction without a qualifier removes. It is
// one document of the store, so that each change of it is all or nothing.
type function struct {
	Account, Region, Name string

	Latest   version
	Versions []version // published ones, oldest first
	Counter  int       // the last version number given out; never goes back
	// LatestPublished is $LATEST.PUBLISHED, which functions on managed instances have.
	LatestPublished *version `json:",omitempty"`

	Aliases     map[string]*alias         `json:",omitempty"`
	Tags        map[string]string         `json:",omitempty"`
	Policies    map[string]*policy        `json:",omitempty"` // by qualifier, "" for the function
	Reserved    *int                      `json:",omitempty"`
	Provisioned map[string]*provisioned   `json:",omitempty"` // by qualifier
	URLs        map[string]*functionURL   `json:",omitempty"` // by alias, "" for the function
	EventInvoke map[string]*eventInvoke   `json:",omitempty"` // by qualifier
	Runtimes    map[string]*runtimeChoice `json:",omitempty"` // by qualifier
	CodeSigning string                    `json:",omitempty"`
	Recursion   string                    `json:",omitempty"`
	Scaling     map[string]scaling        `json:",omitempty"`
}

// version is $LATEST or a published version.
type version struct {
	Version    string
	RevisionID string
	Modified   time.Time
	Config     config
	Code       code
	Life       life
	// LatestDescription is what $LATEST's Description was when this version was
	// published; the version's own may be another.
	LatestDescription string `json:",omitempty"`
	// Serving is what Invoke runs while an update of $LATEST is under way or
	// after one has failed (developer guide, "Lambda function states"); nil: this
	// version itself.
	Serving *served `json:",omitempty"`
}

type served struct {
	Config config
	Code   code
}

// code is where the code of a version lies.
type code struct {
	Blob          string      `json:",omitempty"` // hex SHA-256 of the zip
	Size          int64       `json:",omitempty"`
	Unzipped      int64       `json:",omitempty"`
	Sha256        string      // base64 of the zip's hash, or hex of the image's digest
	ImageURI      string      `json:",omitempty"`
	ResolvedImage string      `json:",omitempty"`
	KMSKeyArn     string      `json:",omitempty"` // SourceKMSKeyArn
	Reference     *s3Location `json:",omitempty"` // storage mode REFERENCE
}

type s3Location struct {
	S3Bucket        string
	S3Key           string
	S3ObjectVersion string `json:",omitempty"`
}

func (f *function) key() string { return functionKey(f.Account, f.Region, f.Name) }

func functionKey(account, region, name string) string {
	return functionPrefix(account, region) + name
}

func functionPrefix(account, region string) string {
	return "lambda/" + account + "/" + region + "/function/"
}

// arn is the function's ARN, with a qualifier unless that is "".
func (f *function) arn(qualifier string) string {
	return functionARN(f.Account, f.Region, f.Name, qualifier)
}

func functionARN(account, region, name, qualifier string) string {
	a := "arn:" + api.Partition(region) + ":lambda:" + region + ":" + account + ":function:" + name
	if qualifier != "" {
		a += ":" + qualifier
	}
	return a
}

// version returns the version of a number or $LATEST, nil where there is none.
func (f *function) version(number string) *version {
	switch number {
	case latest:
		return &f.Latest
	case latestPublished:
		return f.LatestPublished
	}
	i := slices.IndexFunc(f.Versions, func(v version) bool { return v.Version == number })
	if i < 0 {
		return nil
	}
	return &f.Versions[i]
}

// resolve returns the version that a qualifier ("" is $LATEST) names, through
// an alias too; nil where there is none.
func (f *function) resolve(qualifier string) *version {
	if qualifier == "" {
		qualifier = latest
	}
	if a := f.Aliases[qualifier]; a != nil {
		qualifier = a.FunctionVersion
	}
	return f.version(qualifier)
}

// newest returns the version published last, nil where there is none.
func (f *function) newest() *version {
	if len(f.Versions) == 0 {
		return nil
	}
	return &f.Versions[len(f.Versions)-1]
}

func (v *version) touch(now time.Time) {
	v.RevisionID = api.NewID()
	v.Modified = now
}

// modifiedFormat is how Lambda writes a LastModified.
const modifiedFormat = "2006-01-02T15:04:05.000-0700"

func isNumber(s string) bool {
	_, err := strconv.ParseUint(s, 10, 64)
	return err == nil
}
