package lambda

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/store"
)

// Planted is a function as the API of another AWS shows it.
type Planted struct {
	Account, Region, Name string
	// Latest is an answer of GetFunction about $LATEST.
	Latest json.RawMessage
	// Versions are the FunctionConfigurations of published versions, Aliases
	// AliasConfigurations.
	Versions, Aliases []json.RawMessage
	// Policies are answers of GetPolicy, by qualifier, "" for the function.
	Policies map[string]json.RawMessage
	// Provisioned are the provisioned concurrency by qualifier.
	Provisioned map[string]int
	// Answers of GetFunctionUrlConfig, GetFunctionEventInvokeConfig, GetRuntimeManagementConfig
	// and GetFunctionScalingConfig, by qualifier, "" for the function.
	URLs, EventInvoke, Runtimes, Scaling map[string]json.RawMessage
	// Answers of GetFunctionRecursionConfig and GetFunctionCodeSigningConfig, and of
	// GetFunction about $LATEST.PUBLISHED; nil for none.
	Recursion, CodeSigning, LatestPublished json.RawMessage
	// Code are the zips that are there, as files, by their CodeSha256; for others a
	// stand-in is made.
	Code map[string]string
}

// StandIn is the zip that stands for the code of a hash.
func StandIn(codeSha256 string) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.Create("bootstrap")
	if err == nil {
		_, err = f.Write([]byte("This stands for the code " + codeSha256 + ".\n"))
	}
	if err = errors.Join(err, w.Close()); err != nil {
		panic(err) // a buffer takes everything
	}
	return b.Bytes()
}

// Plant keeps a function that exists elsewhere.
func (s *Service) Plant(p Planted) error {
	f, err := s.planted(p)
	if err != nil {
		return fmt.Errorf("copy function %s: %w", p.Name, err)
	}
	for _, l := range f.Latest.Config.Layers {
		if err := s.PlantLayer(l.Arn, l.CodeSize); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.cache, f.key())
	return s.Store.Put(f.key(), f)
}

func (s *Service) planted(p Planted) (*function, error) {
	var latest struct {
		Configuration json.RawMessage
		Code          codeLocation
		Tags          map[string]string
		Concurrency   *concurrency
	}
	if err := json.Unmarshal(p.Latest, &latest); err != nil {
		return nil, err
	}
	f := &function{Account: p.Account, Region: p.Region, Name: p.Name, Tags: latest.Tags, Aliases: map[string]*alias{}}
	if latest.Concurrency != nil {
		f.Reserved = &latest.Concurrency.ReservedConcurrentExecutions
	}
	v, err := s.plantedVersion(p, latest.Configuration, latest.Code)
	if err != nil {
		return nil, err
	}
	f.Latest = v
	f.Latest.Code.Reference = latest.Code.ResolvedS3Object
	if err := s.plantVersions(f, p, latest.Code); err != nil {
		return nil, err
	}
	if err := f.plantAliases(p.Aliases); err != nil {
		return nil, err
	}
	if p.LatestPublished != nil {
		var published struct {
			Configuration json.RawMessage
			Code          codeLocation
		}
		if err := json.Unmarshal(p.LatestPublished, &published); err != nil {
			return nil, err
		}
		if v, err = s.plantedVersion(p, published.Configuration, published.Code); err != nil {
			return nil, err
		}
		f.LatestPublished = &v
	}
	return f, errors.Join(f.plantAttached(p), s.plantSettings(f, p))
}

// plantVersions adds the published versions to f. Their code is that of an image, or a zip by
// its hash.
func (s *Service) plantVersions(f *function, p Planted, code codeLocation) error {
	for _, raw := range p.Versions {
		v, err := s.plantedVersion(p, raw, codeLocation{ImageUri: code.ImageUri, ResolvedImageUri: code.ResolvedImageUri})
		if err != nil {
			return err
		}
		if v.Code.Sha256 == f.Latest.Code.Sha256 {
			v.Code.Reference = f.Latest.Code.Reference
		}
		f.Versions = append(f.Versions, v)
		number, err := strconv.Atoi(v.Version)
		if err != nil {
			return fmt.Errorf("version %q", v.Version)
		}
		f.Counter = max(f.Counter, number)
	}
	return nil
}

func (f *function) plantAliases(aliases []json.RawMessage) error {
	for _, raw := range aliases {
		var in aliasConfiguration
		if err := json.Unmarshal(raw, &in); err != nil {
			return err
		}
		a := &alias{Name: in.Name, FunctionVersion: in.FunctionVersion, Description: in.Description, RevisionID: in.RevisionId}
		if in.RoutingConfig != nil {
			a.Weights = in.RoutingConfig.AdditionalVersionWeights
		}
		f.Aliases[a.Name] = a
	}
	return nil
}

// plantedCode stores the zip of a hash, or its stand-in.
func (s *Service) plantedCode(p Planted, codeSha256 string) (_ store.Blob, err error) {
	path := p.Code[codeSha256]
	if path == "" {
		return s.Store.PutBlobBytes(StandIn(codeSha256))
	}
	f, err := os.Open(path)
	if err != nil {
		return store.Blob{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return s.Store.PutBlob(f, maxUnzipped)
}

// plantedVersion reads a FunctionConfiguration. What is under way elsewhere has ended
// here.
func (s *Service) plantedVersion(p Planted, raw json.RawMessage, at codeLocation) (version, error) {
	var in functionConfiguration
	if err := json.Unmarshal(raw, &in); err != nil {
		return version{}, err
	}
	v := version{Version: in.Version, RevisionID: in.RevisionId, Config: in.config, Life: active()}
	v.Modified, _ = time.Parse(modifiedFormat, in.LastModified)
	if v.RevisionID == "" {
		v.RevisionID = api.NewID()
	}
	if v.Config.imagePackage() {
		digest := in.CodeSha256
		v.Code = code{Sha256: digest, ImageURI: at.ImageUri, ResolvedImage: repositoryOf(at.ResolvedImageUri) + "@sha256:" + digest}
		return v, nil
	}
	blob, err := s.plantedCode(p, in.CodeSha256)
	if err != nil {
		return v, err
	}
	v.Code = code{Blob: blob.SHA256, Size: blob.Size, Unzipped: blob.Size, Sha256: blob.Base64(), KMSKeyArn: at.SourceKMSKeyArn}
	return v, nil
}

// Routes are the shares of the versions, 0 to 1, of each alias of a function, and its
// newest version; none where there is no such function.
func (s *Service) Routes(account, region, name string) (aliases map[string]map[string]float64, newest string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.view(account, region, name)
	if err != nil || f == nil {
		return nil, ""
	}
	all := map[string]map[string]float64{}
	for _, a := range f.Aliases {
		rest, versions := 1.0, map[string]float64{}
		for version, weight := range a.Weights {
			versions[version], rest = weight, rest-weight
		}
		versions[a.FunctionVersion] = rest
		all[a.Name] = versions
	}
	return all, strconv.Itoa(f.Counter)
}

// PlantLayer makes a version of a layer that exists elsewhere exist here, by its ARN. What
// it holds is not there; size is what functions show of it.
func (s *Service) PlantLayer(arn string, size int64) error {
	parts := strings.Split(arn, ":")
	if len(parts) != 8 {
		return nil // AWS' own layers have no versions
	}
	number, err := strconv.Atoi(parts[7])
	if err != nil {
		return fmt.Errorf("%s is no version of a layer", arn)
	}
	blob, err := s.Store.PutBlobBytes(StandIn(arn))
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &layer{Region: parts[3], Account: parts[4], Name: parts[6]}
	key := layerPrefix(l.Account, l.Region) + l.Name
	if _, err := s.Store.Get(key, l); err != nil || l.version(number) != nil {
		return err
	}
	l.Counter = max(l.Counter, number)
	l.Versions = append(l.Versions, layerVersion{Version: number, Blob: blob.SHA256, Sha256: blob.Base64(), Size: size, Unzipped: size, Created: s.Clock()})
	return s.Store.Put(key, l)
}
