package definition

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/diag"
	"gopkg.in/yaml.v3"
)

// crossCheck holds the rules that concern several fields at once. A field that
// is wrong by itself is nil here and is not looked at again.
func (d *decoder) crossCheck(f *Function) {
	if f.FunctionName != "" {
		name, err := ParseFunctionName(f.FunctionName)
		if err != nil {
			d.problem(d.nodes["FunctionName"], "", "%s", err)
		}
		d.checkHome(f, name)
	}
	if f.Runtime != nil {
		if r := findRuntime(*f.Runtime); r.deprecated != "" {
			d.warn(d.nodes["Runtime"], "as of "+runtimesAsOf+"; AWS moves its dates: see "+runtimesPage, "runtime %s has been deprecated since %s: %s", r.name, r.deprecated, r.outlook())
		}
	}
	if f.Environment != nil {
		if size := environmentSize(f.Environment.Variables); size > maxEnvironment {
			d.problem(d.keys["Environment.Variables"], "keep large values in SSM Parameter Store or Secrets Manager", "the environment's variables take %d bytes, but Lambda takes at most %d", size, maxEnvironment)
		}
	}
	if f.Publish != nil && !*f.Publish {
		d.warn(d.nodes["Publish"], "", "publish has no effect: every deployment publishes a version")
	}
	if f.PublishTo != nil {
		d.warn(d.nodes["PublishTo"], "", "publishTo has no effect: every deployment publishes a version of its own number")
	}
	d.checkVpc(f.VpcConfig)
	d.checkLogging(f.LoggingConfig)
	d.checkSnapStart(f)
	d.checkLayers(f.Layers)
	for i, fs := range f.FileSystemConfigs {
		if fs.S3FilesConfig != nil && fs.Arn != nil && strings.Contains(*fs.Arn, ":elasticfilesystem:") {
			d.problem(d.nodes[fmt.Sprintf("FileSystemConfigs[%d].S3FilesConfig", i)], "remove it", "s3FilesConfig belongs to an S3 Files access point, not to one of EFS")
		}
	}
}

// checkHome compares the role's account with the function's, if it has one: Lambda
// passes no role to another account.
func (d *decoder) checkHome(f *Function, name Name) {
	if f.Role != nil && name.Account != "" && arnPart(*f.Role, 4) != name.Account {
		d.problem(d.nodes["Role"], "", "role is one of account %s, but the function's account is %s", arnPart(*f.Role, 4), name.Account)
	}
}

func arnPart(arn string, i int) string {
	if parts := strings.Split(arn, ":"); i < len(parts) {
		return parts[i]
	}
	return ""
}

// item is the node of a list's entry, or the list's own where an expression
// gave all of it.
func (d *decoder) item(path string, i int) *yaml.Node {
	n := d.nodes[path]
	if n.Kind == yaml.SequenceNode && i < len(n.Content) {
		return target(n.Content[i])
	}
	return n
}

// "SubnetIds and SecurityIds must coexist or be both empty list" is what Lambda
// answers.
func (d *decoder) checkVpc(v *VpcConfig) {
	named := func(list string) bool { return d.nodes["VpcConfig."+list] != nil }
	switch {
	case v == nil || v.SubnetIds == nil && v.SecurityGroupIds == nil:
	case !named("SecurityGroupIds") && len(v.SubnetIds) > 0:
		d.warn(d.nodes["VpcConfig.SubnetIds"], "name securityGroupIds too", "a function that is not in a VPC yet needs subnets and security groups")
	case !named("SubnetIds") && len(v.SecurityGroupIds) > 0:
		d.warn(d.nodes["VpcConfig.SecurityGroupIds"], "name subnetIds too", "a function that is not in a VPC yet needs subnets and security groups")
	case v.SubnetIds != nil && v.SecurityGroupIds != nil && (len(v.SubnetIds) > 0) != (len(v.SecurityGroupIds) > 0):
		d.problem(d.nodes["VpcConfig"], "name both, or leave both empty", "subnetIds and securityGroupIds go together")
	}
}

func (d *decoder) checkLogging(l *LoggingConfig) {
	if l == nil {
		return
	}
	check := func(name string, level *string) {
		switch n := d.nodes["LoggingConfig."+name]; {
		case level == nil || l.LogFormat != nil && *l.LogFormat == "JSON":
		case l.LogFormat != nil:
			d.problem(n, "set logFormat to JSON, or remove the level", "%s needs the log format JSON, not Text", name)
		case d.nodes["LoggingConfig.LogFormat"] == nil:
			d.warn(n, "name logFormat: JSON too", "%s needs the log format JSON", name)
		}
	}
	check("ApplicationLogLevel", l.ApplicationLogLevel)
	check("SystemLogLevel", l.SystemLogLevel)
}

// What SnapStart leaves out
// (https://docs.aws.amazon.com/lambda/latest/dg/snapstart.html#snapstart-supported)
// may change, so it only warns.
func (d *decoder) checkSnapStart(f *Function) {
	if f.SnapStart == nil || f.SnapStart.ApplyOn == nil || *f.SnapStart.ApplyOn != "PublishedVersions" {
		return
	}
	n := d.nodes["SnapStart.ApplyOn"]
	if f.EphemeralStorage != nil && f.EphemeralStorage.Size != nil && *f.EphemeralStorage.Size > 512 {
		d.warn(n, "", "SnapStart cannot be combined with more than 512 MiB of ephemeral storage")
	}
	if len(f.FileSystemConfigs) > 0 {
		d.warn(n, "", "SnapStart cannot be combined with a file system")
	}
}

func (d *decoder) checkLayers(layers []string) {
	seen := map[string]int{}
	for i, layer := range layers {
		name := layer
		if strings.Count(layer, ":") > 6 {
			name = layer[:strings.LastIndexByte(layer, ':')]
		}
		if first, twice := seen[name]; twice {
			d.problem(d.item("Layers", i), "keep one of them", "layers[%d] is the layer of layers[%d] again", i, first)
			continue
		}
		seen[name] = i
	}
}

// CheckPackage checks a definition against the kind of its artifact, Zip or
// Image. Beside an image Runtime, Handler and Layers are left out of the function that it returns, with a warning: the image
// brings its own. The document provides the places of the problems and may be nil.
func CheckPackage(f Function, packageType string, doc Document) (Function, diag.List) {
	f = f.Clone()
	p := placer{doc: doc}
	if f.PackageType != nil && *f.PackageType != packageType {
		p.problem("PackageType", "remove packageType: it follows from the artifact", "packageType is %s, but the artifact is %s", *f.PackageType, packageWords(packageType))
	}
	if packageType == "Image" {
		drop := func(name string, named bool) {
			if named {
				p.warn(name, "remove it: the image brings its own", "%s is left out beside a container image", strings.ToLower(name))
			}
		}
		drop("Runtime", f.Runtime != nil)
		drop("Handler", f.Handler != nil)
		drop("Layers", len(f.Layers) > 0)
		f.Runtime, f.Handler, f.Layers = nil, nil, nil
		return f, p.problems
	}
	if f.ImageConfig != nil && !f.ImageConfig.empty() {
		p.problem("ImageConfig", "remove it", "imageConfig belongs to a container image, but the artifact is a zip")
	}
	return f, p.problems
}

func (c *ImageConfig) empty() bool {
	return len(c.Command) == 0 && len(c.EntryPoint) == 0 && (c.WorkingDirectory == nil || *c.WorkingDirectory == "")
}

func packageWords(packageType string) string {
	if packageType == "Image" {
		return "a container image"
	}
	return "a zip"
}

// placer makes problems after decoding, at the fields of the document; without a
// document, or without a field where loose is set, they have no place.
type placer struct {
	doc      Document
	loose    bool
	problems diag.List
}

func (p *placer) problem(name, hint, format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	if p.doc == nil || p.loose && name == "" {
		p.problems = append(p.problems, diag.Problem{Message: message, Hint: hint})
		return
	}
	root := target(p.doc.Root())
	at := root
	for i := 0; root.Kind == yaml.MappingNode && i+1 < len(root.Content); i += 2 {
		if f := find(functionFields, root.Content[i].Value); f != nil && f.name == name {
			at = root.Content[i]
		}
	}
	p.problems = append(p.problems, p.doc.Problem(at, message, hint))
}

func (p *placer) warn(name, hint, format string, args ...any) {
	p.problem(name, hint, format, args...)
	p.problems[len(p.problems)-1].Warning = true
}

// CheckRegion refuses layers of another Region than the function's, if that is known:
// Lambda reads none, but says so only when the deployment has begun.
func CheckRegion(f Function, region string, doc Document) diag.List {
	p := placer{doc: doc}
	for i, layer := range f.Layers {
		if of := arnPart(layer, 3); region != "" && of != "" && of != region {
			p.problem("Layers", "publish the layer there, or name its version in "+region, "layers[%d] is in %s, but the function is in %s", i, of, region)
		}
	}
	return p.problems
}

// CheckFixed warns of fields that only CreateFunction carries: a function that
// exists keeps what it has, and a deployment that asks for something else does
// not start. The kind of the package follows from the artifact and is left out.
func CheckFixed(f Function, doc Document) diag.List {
	p := placer{doc: doc}
	v := reflect.ValueOf(f)
	for field := range configuration() {
		if (field.call == byCreation || field.presenceFixed) && field.name != "PackageType" && !field.in(v).IsNil() {
			carried := "no update adds, changes or removes it"
			if field.presenceFixed {
				carried = "no update adds or removes it"
			}
			p.warn(field.name, "", "%s is fixed when the function is created: %s", field.lower(), carried)
		}
	}
	return p.problems
}
