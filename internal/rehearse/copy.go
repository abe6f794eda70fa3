package rehearse

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/artifact"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal"
	"github.com/lambda-rollout/lambda-rollout/internal/definition"
	"github.com/lambda-rollout/lambda-rollout/internal/deploy"
)

// Copy is the functions of a deployment as they are, in an AWS of this process.
type Copy struct {
	aws *awslocal.Server
	key []byte // of the placeholders
	// salt is that of all journals: what is hashed for one need not be hashed again.
	salt    []byte
	targets []played
	// callers is how many invocations each alias gets in a minute: enough for the guard.
	callers int
	// real is the folder for real code, "" where stand-ins serve.
	real string
	// versions are those that were there before, by the label of the target.
	versions map[string][]string
	// groupAlarms are those of the deployment groups of CodeDeploy's.
	groupAlarms []string
	// notes say what the copy could not take over.
	notes []string
}

// Code says which code is in a copy.
type Code struct {
	// Real downloads it; otherwise a small zip stands for each hash.
	Real bool
	// Temp is the folder for it.
	Temp string
}

// played is a target of the deployment and the code that stands for its own.
type played struct {
	deploy.Target
	code definition.Code
}

// NewCopy reads what surrounds the functions of targets, and copies them. planned are
// the same targets, read through reader.
func NewCopy(ctx context.Context, reader *Reader, targets []deploy.Target, planned []deploy.Planned, code Code) (_ *Copy, err error) {
	server, err := awslocal.New(awslocal.Options{Handler: answers, Pending: pending, InProgress: inProgress, Account: targets[0].At.Account})
	if err != nil {
		return nil, fmt.Errorf("start the copy: %w", err)
	}
	c := &Copy{aws: server, salt: deploy.Salt(), key: make([]byte, 32), callers: rateFor(targets[0]), versions: map[string][]string{}}
	_, _ = rand.Read(c.key) // it never fails
	if code.Real {
		c.real = code.Temp
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
		}
	}()
	for i, t := range targets {
		if planned[i].Before.Latest != nil {
			if err := errors.Join(c.plant(ctx, reader, t), c.formerCode(t, planned[i].Before.Latest)); err != nil {
				return nil, fmt.Errorf("copy function %s: %w", t.Label(), err)
			}
		}
		for _, arn := range t.Want.Function.Layers {
			if err := server.PlantLayer(arn, 0); err != nil {
				return nil, err
			}
		}
		if arn := t.Want.Function.CodeSigningConfigArn; arn != nil {
			if err := server.PlantCodeSigning(*arn); err != nil {
				return nil, err
			}
		}
		if err := c.groups(reader, t); err != nil {
			return nil, fmt.Errorf("copy the deployment group of %s: %w", t.Label(), err)
		}
		code, err := c.standIn(ctx, t, code.Temp)
		if err != nil {
			return nil, err
		}
		if env := t.Want.Function.Environment; env != nil {
			t.Want.Function = t.Want.Function.Clone()
			t.Want.Function.Environment = &definition.Environment{Variables: c.placeholders(env.Variables)}
		}
		c.targets = append(c.targets, played{t, code})
	}
	w := &world{Copy: c, aws: server}
	for _, alarm := range targets[0].Watch.Alarms {
		if err := w.alarms(alarm.Name, false); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// answers is the code of every function of the copy.
func answers(context.Context, awslocal.Event) awslocal.Answer {
	return awslocal.Answer{Payload: []byte("null")}
}

// rateFor is a rate at which the guard sees enough of the new version in a minute of the
// smallest stage.
func rateFor(t deploy.Target) int {
	rate := 1000.0
	for _, s := range t.Want.Traffic.Stages() {
		if s.Percent > 0 {
			rate = max(rate, 2*float64(t.Watch.Guard.MinInvocations)*100/s.Percent)
		}
	}
	return int(rate)
}

// Close ends the copy.
func (c *Copy) Close() error { return c.aws.Close() }

// Notes say what the copy could not take over.
func (c *Copy) Notes() []string { return c.notes }

// standIn makes the code of a target exist in the copy, as a zip, an object or an image:
// what it holds is not there.
func (c *Copy) standIn(ctx context.Context, t deploy.Target, temp string) (definition.Code, error) {
	want := t.Want.Code
	if want.ImageUri != "" {
		return want, c.aws.PlantImage(t.At.Account, want.ImageUri)
	}
	if c.real != "" {
		return c.realCode(ctx, t)
	}
	zip := awslocal.StandIn(want.Sha256)
	sum := sha256.Sum256(zip)
	want.Sha256, want.Size = base64.StdEncoding.EncodeToString(sum[:]), int64(len(zip))
	if want.S3Bucket != "" {
		return want, c.aws.PlantObject(c.object(t, want.S3Bucket, want.S3Key, want.S3ObjectVersion, zip))
	}
	path := filepath.Join(temp, "stand-in-"+hex.EncodeToString(sum[:8])+".zip")
	if err := os.WriteFile(path, zip, 0o600); err != nil {
		return definition.Code{}, fmt.Errorf("write the code that stands for that of %s: %w", t.Label(), err)
	}
	want.ZipPath = path
	return want, nil
}

// realCode makes the code of a target exist in the copy, as it is.
func (c *Copy) realCode(ctx context.Context, t deploy.Target) (definition.Code, error) {
	want := t.Want.Code
	zip, err := t.Artifact.Zip(ctx, c.real)
	if err != nil {
		return want, err
	}
	if t.StagingBucket != "" {
		if err := c.aws.PlantObject(c.object(t, t.StagingBucketName(), "rehearsal", "", []byte("rehearsal"))); err != nil {
			return want, err
		}
	}
	want.Sha256, want.Size = zip.Sha256, zip.Size
	if want.S3Bucket == "" {
		want.ZipPath = zip.ZipPath
		return want, nil
	}
	body, err := os.ReadFile(zip.ZipPath)
	if err != nil {
		return want, err
	}
	return want, c.aws.PlantObject(c.object(t, want.S3Bucket, want.S3Key, want.S3ObjectVersion, body))
}

// download fetches the code of $LATEST and of the versions that aliases point to, by its
// hash.
func (c *Copy) download(ctx context.Context, t deploy.Target, aliases []definition.ObservedAlias) (map[string]string, error) {
	if c.real == "" {
		return nil, nil
	}
	versions := []string{""}
	for _, a := range aliases {
		versions = append(append(versions, a.Version), slices.Collect(maps.Keys(a.Weights))...)
	}
	slices.Sort(versions)
	paths := map[string]string{}
	for _, version := range slices.Compact(versions) {
		found, err := t.API.Find(ctx, t.At.Function, version)
		if err != nil || found == nil {
			return nil, err
		}
		if found.ResolvedImageUri != "" || found.CodeLocation == "" || paths[found.CodeSha256] != "" {
			continue
		}
		from := artifact.Source{URL: found.CodeLocation, Sha256: found.CodeSha256}
		if paths[found.CodeSha256], err = artifact.Download(ctx, t.Session.HTTPClient(), from, c.real); err != nil {
			return nil, err
		}
	}
	return paths, nil
}

func (c *Copy) object(t deploy.Target, bucket, key, version string, body []byte) awslocal.PlantedObject {
	return awslocal.PlantedObject{Account: t.At.Account, Region: t.At.Region, Bucket: bucket, Key: key, Version: version, Body: body}
}

// formerCode makes what the current code refers to exist in the copy.
func (c *Copy) formerCode(t deploy.Target, before *definition.Observed) error {
	if before.ResolvedImageUri != "" {
		return c.aws.PlantImage(t.At.Account, before.ResolvedImageUri)
	}
	if o := before.ResolvedS3Object; o != nil {
		return c.aws.PlantObject(c.object(t, o.S3Bucket, o.S3Key, o.S3ObjectVersion, awslocal.StandIn(before.CodeSha256)))
	}
	return nil
}

// placeholders are values of the same length, equal where the values are equal: what a
// copy holds tells nobody a secret, and differences and limits stay true.
func (c *Copy) placeholders(variables map[string]string) map[string]string {
	out := map[string]string{}
	for name, value := range variables {
		out[name] = c.placeholder(value)
	}
	return out
}

func (c *Copy) placeholder(value string) string {
	mac := hmac.New(sha256.New, c.key)
	mac.Write([]byte(value))
	text := hex.EncodeToString(mac.Sum(nil))
	return strings.Repeat(text, len(value)/len(text)+1)[:len(value)]
}

// plant copies one function.
func (c *Copy) plant(ctx context.Context, reader *Reader, t deploy.Target) error {
	aliases, err := c.look(ctx, t)
	if err != nil {
		return err
	}
	p := awslocal.Planted{Account: t.At.Account, Region: t.At.Region, Name: t.At.Function, Policies: map[string]json.RawMessage{}}
	if p.Code, err = c.download(ctx, t, aliases); err != nil {
		return err
	}
	ask := func(rest string) question { return question{p.Region, p.Name, rest} }
	if p.Latest, err = c.withoutSecrets(reader.one(ask(""))); err != nil {
		return err
	}
	if err := c.versionsOf(t, reader, &p); err != nil {
		return err
	}
	if p.Aliases, err = reader.list(ask("/aliases"), "Aliases"); err != nil {
		return err
	}
	if policy := reader.one(ask("/policy")); policy != nil {
		p.Policies[""] = policy
	}
	for _, a := range aliases {
		if policy := reader.one(ask("/policy?" + a.Name)); policy != nil {
			p.Policies[a.Name] = policy
		}
	}
	p.Recursion, p.CodeSigning = reader.one(ask("/recursion-config")), reader.one(ask("/code-signing-config"))
	p.Runtimes, p.Scaling = reader.qualified(ask("/runtime-management-config")), reader.qualified(ask("/function-scaling-config"))
	if published := reader.one(ask("?" + definition.LatestPublished)); published != nil {
		if p.LatestPublished, err = c.withoutSecrets(published); err != nil {
			return err
		}
	}
	if err := attached(reader, ask, &p); err != nil {
		return err
	}
	return c.aws.Plant(p)
}

// look asks AWS for what a plan does not read; the reader keeps the answers. What hangs on
// the function and cannot be read is noted.
func (c *Copy) look(ctx context.Context, t deploy.Target) ([]definition.ObservedAlias, error) {
	aliases, err := t.API.ListAliases(ctx, t.At.Function)
	if err != nil {
		return nil, err
	}
	if _, err := t.API.ListVersions(ctx, t.At.Function); err != nil {
		return nil, err
	}
	qualifiers := []string{""}
	for _, a := range aliases {
		qualifiers = append(qualifiers, a.Name)
	}
	arn := fmt.Sprintf("arn:%s:lambda:%s:%s:function:%s", t.At.Partition, t.At.Region, t.At.Account, t.At.Function)
	if _, err := t.API.Attached(ctx, arn, qualifiers); err != nil {
		c.notes = append(c.notes, fmt.Sprintf("%s: not all that others attached to it could be read, and is not in the copy: %v", t.Label(), err))
	}
	return aliases, nil
}

// versionsOf adds the published versions.
func (c *Copy) versionsOf(t deploy.Target, reader *Reader, p *awslocal.Planted) error {
	versions, err := reader.list(question{p.Region, p.Name, "/versions"}, "Versions")
	if err != nil {
		return err
	}
	for _, raw := range versions {
		var v struct{ Version string }
		if err := json.Unmarshal(raw, &v); err != nil {
			return err
		}
		if v.Version == "$LATEST" {
			continue
		}
		if raw, err = c.withoutSecrets(raw); err != nil {
			return err
		}
		p.Versions = append(p.Versions, raw)
		c.versions[t.Label()] = append(c.versions[t.Label()], v.Version)
	}
	return nil
}

// attached adds what lists show by the ARN of a qualifier.
func attached(reader *Reader, ask func(string) question, p *awslocal.Planted) error {
	p.URLs, p.EventInvoke, p.Provisioned = map[string]json.RawMessage{}, map[string]json.RawMessage{}, map[string]int{}
	for rest, member := range map[string]string{
		"/urls": "FunctionUrlConfigs", "/event-invoke-config/list": "FunctionEventInvokeConfigs", "/provisioned-concurrency": "ProvisionedConcurrencyConfigs",
	} {
		items, err := reader.list(ask(rest), member)
		if err != nil {
			return err
		}
		for _, raw := range items {
			var item struct {
				FunctionArn                              string
				RequestedProvisionedConcurrentExecutions int
			}
			if err := json.Unmarshal(raw, &item); err != nil {
				return err
			}
			_, name, _ := strings.Cut(item.FunctionArn, ":function:")
			_, qualifier, _ := strings.Cut(name, ":")
			if qualifier == "$LATEST" {
				qualifier = ""
			}
			switch rest {
			case "/urls":
				p.URLs[qualifier] = raw
			case "/event-invoke-config/list":
				p.EventInvoke[qualifier] = raw
			default:
				p.Provisioned[qualifier] = item.RequestedProvisionedConcurrentExecutions
			}
		}
	}
	return nil
}

// withoutSecrets replaces the values of the environment, in an answer of GetFunction or
// in a FunctionConfiguration.
func (c *Copy) withoutSecrets(raw json.RawMessage) (json.RawMessage, error) {
	var document map[string]json.RawMessage
	if err := json.Unmarshal(raw, &document); err != nil {
		return nil, err
	}
	if inner := document["Configuration"]; inner != nil {
		clean, err := c.withoutSecrets(inner)
		if err != nil {
			return nil, err
		}
		document["Configuration"] = clean
		return json.Marshal(document)
	}
	if document["Environment"] == nil {
		return raw, nil
	}
	var environment struct {
		Variables map[string]string
		Error     json.RawMessage `json:",omitempty"`
	}
	if err := json.Unmarshal(document["Environment"], &environment); err != nil {
		return nil, err
	}
	if len(environment.Error) > 0 {
		return nil, errors.New("its environment cannot be read")
	}
	environment.Variables = c.placeholders(environment.Variables)
	clean, err := json.Marshal(environment)
	if err != nil {
		return nil, err
	}
	document = maps.Clone(document)
	document["Environment"] = clean
	return json.Marshal(document)
}
