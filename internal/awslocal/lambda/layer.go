package lambda

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
)

// layer is a layer with its versions; the counter never goes back, not even
// when all versions are deleted (TestLambdaLayer::test_layer_lifecycle).
type layer struct {
	Account, Region, Name string
	Counter               int
	Versions              []layerVersion // oldest first
}

type layerVersion struct {
	Version       int
	Blob          string
	Sha256        string
	Size          int64
	Unzipped      int64
	Description   string
	LicenseInfo   string   `json:",omitempty"`
	Runtimes      []string // nil: not given
	Architectures []string
	Created       time.Time
	Policy        *policy `json:",omitempty"`
}

var (
	layerVersionPattern = newPattern(`(arn:(aws[a-zA-Z-]*)?:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:layer:[a-zA-Z0-9-_]+:[0-9]+)|(arn:[a-zA-Z0-9-]+:lambda:::awslayer:[a-zA-Z0-9-_]+)`)
	layerNamePattern    = newPattern(`(arn:[a-zA-Z0-9-]+:lambda:[a-zA-Z0-9-]+:\d{12}:layer:[a-zA-Z0-9-_]+)|[a-zA-Z0-9-_]+`)
)

func layerPrefix(account, region string) string {
	return "lambda/" + account + "/" + region + "/layer/"
}

func (l *layer) arn() string {
	return "arn:" + api.Partition(l.Region) + ":lambda:" + l.Region + ":" + l.Account + ":layer:" + l.Name
}

func (l *layer) versionARN(number int) string { return l.arn() + ":" + strconv.Itoa(number) }

func (l *layer) version(number int) *layerVersion {
	i := slices.IndexFunc(l.Versions, func(v layerVersion) bool { return v.Version == number })
	if i < 0 {
		return nil
	}
	return &l.Versions[i]
}

// layer reads a layer by name or ARN; one that is not there is empty.
func (s *Service) layer(r *request, name string) (*layer, error) {
	var broken violations
	broken.pattern("layerName", name, layerNamePattern)
	if err := broken.err(); err != nil {
		return nil, err
	}
	l := &layer{Account: r.caller.Account, Region: r.caller.Region, Name: name}
	if parts := strings.Split(name, ":"); len(parts) == 7 {
		l.Region, l.Account, l.Name = parts[3], parts[4], parts[6]
	}
	_, err := s.Store.Get(layerPrefix(l.Account, l.Region)+l.Name, l)
	return l, err
}

func (s *Service) saveLayer(r *request, l *layer) error {
	api.Changed(r.ctx)
	return s.Store.Put(layerPrefix(l.Account, l.Region)+l.Name, l)
}

// layerOutput shows a version with its content; lists leave that out.
type layerOutput struct {
	Content                 *layerContent `json:",omitempty"`
	LayerArn                string        `json:",omitempty"`
	LayerVersionArn         string
	Description             string
	CreatedDate             string
	Version                 int
	CompatibleRuntimes      *[]string `json:",omitempty"`
	CompatibleArchitectures *[]string `json:",omitempty"`
	LicenseInfo             string    `json:",omitempty"`
}

type layerContent struct {
	Location   string
	CodeSha256 string
	CodeSize   int64
}

func (l *layer) listed(v *layerVersion) layerOutput {
	out := layerOutput{LayerVersionArn: l.versionARN(v.Version), Description: v.Description,
		CreatedDate: v.Created.UTC().Format(modifiedFormat), Version: v.Version, LicenseInfo: v.LicenseInfo}
	if v.Runtimes != nil {
		out.CompatibleRuntimes = &v.Runtimes
	}
	if v.Architectures != nil {
		out.CompatibleArchitectures = &v.Architectures
	}
	return out
}

func (s *Service) showLayer(r *request, l *layer, v *layerVersion) layerOutput {
	out := l.listed(v)
	out.LayerArn = l.arn()
	out.Content = &layerContent{s.sign(r.http, v.Blob), v.Sha256, v.Size}
	return out
}

func (s *Service) publishLayerVersion(r *request) (answer, error) {
	var in struct {
		Description             string
		LicenseInfo             string
		Content                 codeInput
		CompatibleRuntimes      []string
		CompatibleArchitectures []string
	}
	if err := r.decode(&in); err != nil {
		return answer{}, err
	}
	if err := constrainLayer(in.CompatibleRuntimes, in.CompatibleArchitectures, in.Description); err != nil {
		return answer{}, err
	}
	content, err := s.takeCode(r, &in.Content, "Zip")
	if err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l, err := s.layer(r, r.vars["LayerName"])
	if err != nil {
		return answer{}, err
	}
	l.Counter++
	l.Versions = append(l.Versions, layerVersion{Version: l.Counter, Blob: content.Blob, Sha256: content.Sha256,
		Size: content.Size, Unzipped: content.Unzipped, Description: in.Description, LicenseInfo: in.LicenseInfo,
		Runtimes: in.CompatibleRuntimes, Architectures: in.CompatibleArchitectures, Created: s.Clock()})
	return answer{http.StatusCreated, s.showLayer(r, l, &l.Versions[len(l.Versions)-1])}, s.saveLayer(r, l)
}

// constrainLayer words its violations as TestLambdaLayer::test_layer_exceptions. The
// recordings publish with retired runtimes as well: those that AWS ever had pass.
func constrainLayer(runtimeNames, architectures []string, description string) error {
	var broken violations
	known := strings.Split(everyRuntime, ", ")
	if slices.ContainsFunc(runtimeNames, func(name string) bool { return !slices.Contains(known, name) }) {
		broken.add("compatibleRuntimes", list(runtimeNames), "Member must satisfy enum value set: ["+shownRuntimes+"]")
	}
	if slices.ContainsFunc(architectures, func(a string) bool { return a != "x86_64" && a != "arm64" }) {
		broken.add("compatibleArchitectures", list(architectures),
			"Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], Member must not be null]")
	}
	broken.length("description", description, 256)
	return broken.err()
}

// everyRuntime is AWS's list for filters, retired and planned ones included, in
// AWS's order (TestLambdaLayer::test_layer_exceptions).
const everyRuntime = "ruby3.5, ruby2.6, dotnetcore1.0, python3.7, nodejs8.10, nasa, ruby2.7, python2.7-greengrass, dotnetcore2.0, python3.8, java21, dotnet6, dotnetcore2.1, python3.9, java11, nodejs6.10, provided, dotnetcore3.1, dotnet8, java25, java17, nodejs, nodejs4.3, java8.al2, go1.x, dotnet10, nodejs20.x, go1.9, byol, nodejs10.x, provided.al2023, nodejs22.x, python3.10, java8, nodejs12.x, python3.11, nodejs24.x, nodejs8.x, python3.12, nodejs14.x, nodejs8.9, nodejs26.x, python3.13, python3.14, nodejs16.x, python3.15, provided.al2, nodejs4.3-edge, nodejs18.x, ruby3.2, python3.4, ruby3.3, ruby3.4, ruby2.5, python3.6, python2.7"

// layerNumber reads the version's number from the path.
func (r *request) layerNumber() (int, error) {
	n, err := strconv.Atoi(r.vars["VersionNumber"])
	if err != nil {
		return 0, api.NewError(http.StatusBadRequest, "SerializationException", "STRING_VALUE can not be converted to a Long")
	}
	if n < 1 {
		return 0, invalid("Layer Version Cannot be less than 1")
	}
	return n, nil
}

// namedLayerVersion reads what a path names; nil where there is none.
func (s *Service) namedLayerVersion(r *request) (*layer, *layerVersion, int, error) {
	number, err := r.layerNumber()
	if err != nil {
		return nil, nil, 0, err
	}
	l, err := s.layer(r, r.vars["LayerName"])
	if err != nil {
		return nil, nil, 0, err
	}
	return l, l.version(number), number, nil
}

func (s *Service) getLayerVersion(r *request) (answer, error) {
	l, v, _, err := s.namedLayerVersion(r)
	if err != nil {
		return answer{}, err
	}
	if v == nil {
		return answer{}, errNoResource
	}
	return answer{http.StatusOK, s.showLayer(r, l, v)}, nil
}

func (s *Service) getLayerVersionByARN(r *request) (answer, error) {
	arn := r.query("Arn")
	var broken violations
	broken.pattern("arn", arn, layerVersionPattern)
	if err := broken.err(); err != nil {
		return answer{}, err
	}
	number, err := strconv.Atoi(path.Base(strings.ReplaceAll(arn, ":", "/")))
	if err != nil {
		return answer{}, errNoResource
	}
	l, err := s.layer(r, arn[:strings.LastIndexByte(arn, ':')])
	if err != nil {
		return answer{}, err
	}
	v := l.version(number)
	if v == nil {
		return answer{}, errNoResource
	}
	return answer{http.StatusOK, s.showLayer(r, l, v)}, nil
}

// deleteLayerVersion succeeds for one that is not there; functions that use it
// keep it.
func (s *Service) deleteLayerVersion(r *request) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, v, number, err := s.namedLayerVersion(r)
	if err != nil || v == nil {
		return answer{status: http.StatusNoContent}, err
	}
	l.Versions = slices.DeleteFunc(l.Versions, func(v layerVersion) bool { return v.Version == number })
	return answer{status: http.StatusNoContent}, s.saveLayer(r, l)
}

// layerFilter reads the filters of lists.
func (r *request) layerFilter() (func(*layerVersion) bool, error) {
	runtime, architecture := r.query("CompatibleRuntime"), r.query("CompatibleArchitecture")
	var broken violations
	if runtime != "" && !slices.Contains(strings.Split(everyRuntime, ", "), runtime) {
		broken.add("compatibleRuntime", runtime, "Member must satisfy enum value set: ["+everyRuntime+"]")
	}
	if architecture != "" {
		broken.enum("compatibleArchitecture", architecture, "x86_64", "arm64")
	}
	return func(v *layerVersion) bool {
		return (runtime == "" || slices.Contains(v.Runtimes, runtime)) &&
			(architecture == "" || slices.Contains(v.Architectures, architecture))
	}, broken.err()
}

// matching lists the versions that pass a filter, newest first.
func (l *layer) matching(wanted func(*layerVersion) bool) []layerOutput {
	var out []layerOutput
	for i := range slices.Backward(l.Versions) {
		if wanted(&l.Versions[i]) {
			out = append(out, l.listed(&l.Versions[i]))
		}
	}
	return out
}

func (s *Service) listLayerVersions(r *request) (answer, error) {
	wanted, err := r.layerFilter()
	if err != nil {
		return answer{}, err
	}
	l, err := s.layer(r, r.vars["LayerName"])
	if err != nil {
		return answer{}, err
	}
	return page(r, "LayerVersions", l.matching(wanted))
}

func (s *Service) listLayers(r *request) (answer, error) {
	wanted, err := r.layerFilter()
	if err != nil {
		return answer{}, err
	}
	type listedLayer struct {
		LayerName, LayerArn   string
		LatestMatchingVersion layerOutput
	}
	var out []listedLayer
	for _, key := range s.Store.Keys(layerPrefix(r.caller.Account, r.caller.Region)) {
		var l layer
		if _, err := s.Store.Get(key, &l); err != nil {
			return answer{}, err
		}
		if m := l.matching(wanted); len(m) > 0 {
			out = append(out, listedLayer{l.Name, l.arn(), m[0]})
		}
	}
	return page(r, "Layers", out)
}

// useLayers puts layers on $LATEST, nil leaving them alone. Messages:
// TestLambdaLayer::test_layer_function_exceptions. A layer of another account is
// taken as it is named: its owner is not here to ask.
func (s *Service) useLayers(r *request, f *function, arns *[]string) error {
	c := &f.Latest.Config
	if arns == nil {
		return nil
	}
	if slices.ContainsFunc(*arns, func(a string) bool { return !layerVersionPattern.matches(a) }) {
		var broken violations
		broken.add("layers", list(*arns), "Member must satisfy constraint: [Member must have length less than or equal to 2048, "+
			"Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: "+
			layerVersionPattern.shown+", Member must not be null]")
		return broken.err()
	}
	c.Layers = nil
	unzipped := f.Latest.Code.Unzipped
	for _, arn := range *arns {
		use, size, err := s.useLayer(r, f, arn)
		if err != nil {
			return err
		}
		c.Layers = append(c.Layers, use)
		unzipped += size
	}
	return checkUnzipped(unzipped)
}

// checkSizeWithLayers refuses code that is too large together with the layers of $LATEST. A
// layer that was deleted since counts as empty.
func (s *Service) checkSizeWithLayers(r *request, c *config, code int64) error {
	for _, use := range c.Layers {
		if v, err := s.usedVersion(r, use); err == nil && v != nil {
			code += v.Unzipped
		}
	}
	return checkUnzipped(code)
}

// usedVersion is the version that a function uses, nil where there is none here.
func (s *Service) usedVersion(r *request, use layerUse) (*layerVersion, error) {
	l, err := s.layer(r, use.layer())
	if err != nil {
		return nil, err
	}
	number, err := strconv.Atoi(use.Arn[strings.LastIndexByte(use.Arn, ':')+1:])
	if err != nil {
		return nil, err
	}
	return l.version(number), nil
}

// checkUnzipped bounds what a function unpacks, its layers included.
func checkUnzipped(unzipped int64) error {
	if unzipped > maxUnzipped {
		return invalid(fmt.Sprintf("Function code combined with layers exceeds the maximum allowed size of %d bytes. The actual size is %d bytes.",
			maxUnzipped, unzipped))
	}
	return nil
}

func (s *Service) useLayer(r *request, f *function, arn string) (use layerUse, unzipped int64, err error) {
	use.Arn = arn
	parts := strings.Split(arn, ":")
	if parts[3] != "" && parts[3] != f.Region {
		return use, 0, invalid("Layers are not in the same region as the function. Layers are expected to be in region " + f.Region + ".")
	}
	for _, other := range f.Latest.Config.Layers {
		if other.layer() == use.layer() {
			return use, 0, invalid("Two different versions of the same layer are not allowed to be referenced in the same function. " +
				other.Arn + " and " + arn + " are versions of the same layer.")
		}
	}
	v, err := s.usedVersion(r, use)
	if err != nil {
		return use, 0, err
	}
	if v == nil && parts[4] != f.Account {
		return use, 0, nil // nobody here knows what other accounts have
	}
	if v == nil {
		return use, 0, invalid("Layer version " + arn + " does not exist.")
	}
	use.CodeSize = v.Size
	return use, v.Unzipped, nil
}

// withLayerPolicy reads the version whose policy a call is about.
func (s *Service) withLayerPolicy(r *request) (*layer, *layerVersion, error) {
	l, v, number, err := s.namedLayerVersion(r)
	if err == nil && v == nil {
		err = notFound("Layer version " + l.versionARN(number) + " does not exist.")
	}
	return l, v, err
}

func (s *Service) addLayerVersionPermission(r *request) (answer, error) {
	var in permissionInput
	if err := r.decode(&in); err != nil {
		return answer{}, err
	}
	var broken violations
	if in.Action != "lambda:GetLayerVersion" {
		broken.add("action", in.Action, "Member must satisfy regular expression pattern: lambda:GetLayerVersion")
	}
	broken.pattern("statementId", in.StatementId, statementPattern)
	if err := broken.err(); err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l, v, err := s.withLayerPolicy(r)
	if err != nil {
		return answer{}, err
	}
	st, err := in.statement(api.Partition(l.Region), l.versionARN(v.Version))
	if err != nil {
		return answer{}, err
	}
	if v.Policy == nil {
		v.Policy = &policy{RevisionID: api.NewID()}
	}
	if err := v.Policy.add(st, r.query("RevisionId"), "GetLayerPolicy"); err != nil {
		return answer{}, err
	}
	shown, err := json.Marshal(st)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusCreated, map[string]string{"Statement": string(shown), "RevisionId": v.Policy.RevisionID}}, s.saveLayer(r, l)
}

func (s *Service) removeLayerVersionPermission(r *request) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, v, err := s.withLayerPolicy(r)
	if err != nil {
		return answer{}, err
	}
	if v.Policy == nil {
		return answer{}, errNoPolicy
	}
	if err := v.Policy.remove(r.vars["StatementId"], r.query("RevisionId"), "GetLayerPolicy"); err != nil {
		return answer{}, err
	}
	if len(v.Policy.Statements) == 0 {
		v.Policy = nil
	}
	return answer{status: http.StatusNoContent}, s.saveLayer(r, l)
}

func (s *Service) getLayerVersionPolicy(r *request) (answer, error) {
	_, v, err := s.withLayerPolicy(r)
	if err != nil {
		return answer{}, err
	}
	if v.Policy == nil {
		return answer{}, errNoPolicy
	}
	shown, err := v.Policy.show()
	return answer{http.StatusOK, shown}, err
}

var errNoPolicy = notFound("No policy is associated with the given resource.")
