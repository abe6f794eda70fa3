package s3

import (
	"encoding/xml"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lambda-rollout/lambda-rollout/internal/lazyregexp"
)

const (
	xmlns             = "http://s3.amazonaws.com/doc/2006-03-01/"
	versioningEnabled = "Enabled"
	// maxXML bounds the documents that clients send: the largest, a
	// CompleteMultipartUpload of 10,000 parts, stays well below it.
	maxXML = 4 << 20
)

// validBucket is the short form of "Bucket naming rules".
var validBucket = lazyregexp.New(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// readXML decodes a request's document. A missing one leaves v as it is.
func readXML(r *request, v any) *apiError {
	body, err := io.ReadAll(http.MaxBytesReader(r.w, r.Body, maxXML))
	if err != nil {
		return newError(http.StatusBadRequest, "MaxMessageLengthExceeded", "Your request was too large.")
	}
	if len(body) == 0 {
		return nil
	}
	if err := xml.Unmarshal(body, v); err != nil {
		return newError(
			http.StatusBadRequest,
			"MalformedXML",
			"The XML you provided was not well-formed or did not validate against our published schema",
		)
	}
	return nil
}

// createBucket rests on "CreateBucket": the Region is the LocationConstraint,
// us-east-1 without one; outside us-east-1 the endpoint's Region must be named.
func (s *Service) createBucket(r *request) *apiError {
	var doc struct{ LocationConstraint string }
	if err := readXML(r, &doc); err != nil {
		return err
	}
	region := doc.LocationConstraint
	if region == "EU" {
		region = "eu-west-1"
	}
	switch {
	case !validBucket.MatchString(r.bucket) || strings.Contains(r.bucket, ".."):
		e := newError(http.StatusBadRequest, "InvalidBucketName", "The specified bucket is not valid.")
		e.Fields = []xmlField{field("BucketName", r.bucket)}
		return e
	case region == "" && r.caller.Region != "" && r.caller.Region != "us-east-1":
		return newError(
			http.StatusBadRequest,
			"IllegalLocationConstraintException",
			"The unspecified location constraint is incompatible for the region specific endpoint this request was sent to.",
		)
	case region != "" && r.caller.Region != "us-east-1" && r.caller.Region != "" && r.caller.Region != region:
		return newError(
			http.StatusBadRequest,
			"IllegalLocationConstraintException",
			"The %s location constraint is incompatible for the region specific endpoint this request was sent to.",
			region,
		)
	case region == "":
		region = "us-east-1"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.buckets[r.bucket]; b != nil {
		return existingBucket(b, r, region)
	}
	b := &Bucket{Name: r.bucket, Region: region, Account: r.caller.Account, Created: s.now().UTC(), objects: map[string]*object{}}
	if err := s.saveBucket(b); err != nil {
		return internal(err)
	}
	s.buckets[b.Name] = b
	r.w.Header().Set("Location", "/"+b.Name)
	r.w.WriteHeader(http.StatusOK)
	return nil
}

// existingBucket: "CreateBucket" lets the owner create it again in us-east-1
// alone.
func existingBucket(b *Bucket, r *request, region string) *apiError {
	code, message := "BucketAlreadyExists", "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again."
	if b.Account == r.caller.Account {
		if b.Region == "us-east-1" && region == b.Region {
			r.w.WriteHeader(http.StatusOK)
			return nil
		}
		code, message = "BucketAlreadyOwnedByYou", "Your previous request to create the named bucket succeeded and you already own it."
	}
	e := newError(http.StatusConflict, code, "%s", message)
	e.Fields = []xmlField{field("BucketName", b.Name)}
	return e
}

// headBucket rests on "HeadBucket": the Region is returned even to those who may
// not read.
func (s *Service) headBucket(r *request) *apiError {
	s.mu.RLock()
	defer s.mu.RUnlock()
	b, err := s.bucketFor(r)
	if err != nil {
		return err
	}
	if err := b.mayRead(r, "s3:ListBucket"); err != nil {
		return err
	}
	r.w.Header().Set("x-amz-access-point-alias", "false")
	r.w.WriteHeader(http.StatusOK)
	return nil
}

// deleteBucket rests on "DeleteBucket": versions and delete markers count as
// content.
func (s *Service) deleteBucket(r *request) *apiError {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.writable(r, "s3:DeleteBucket")
	if err != nil {
		return err
	}
	if len(b.sortedKeys("")) > 0 {
		e := newError(http.StatusConflict, "BucketNotEmpty", "The bucket you tried to delete is not empty")
		e.Fields = []xmlField{field("BucketName", b.Name)}
		return e
	}
	if err := s.forgetBucket(b); err != nil {
		return internal(err)
	}
	r.w.WriteHeader(http.StatusNoContent)
	return nil
}

// listBuckets rests on "ListBuckets": the caller's own, of all Regions.
func (s *Service) listBuckets(r *request) *apiError {
	if r.anonymous() {
		return errAccessDenied("Access Denied")
	}
	type entry struct {
		Name, CreationDate, BucketRegion string
	}
	out := struct {
		XMLName xml.Name `xml:"ListAllMyBucketsResult"`
		Xmlns   string   `xml:"xmlns,attr"`
		Owner   struct{ ID string }
		Buckets []*entry `xml:"Buckets>Bucket"`
		Prefix  string   `xml:",omitempty"`
		Next    string   `xml:"ContinuationToken,omitempty"`
	}{Xmlns: xmlns, Prefix: r.query.Get("prefix")}
	out.Owner.ID = r.caller.Account
	limit, err := pageSize(r, "max-buckets", 10000, 10000)
	if err != nil {
		return err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, b := range s.buckets {
		region := r.query.Get("bucket-region")
		if b.Account == r.caller.Account && strings.HasPrefix(b.Name, out.Prefix) && b.Name > r.query.Get("continuation-token") &&
			(region == "" || region == b.Region) {
			out.Buckets = append(out.Buckets, &entry{b.Name, timestamp(b.Created), b.Region})
		}
	}
	slices.SortFunc(out.Buckets, func(a, b *entry) int { return strings.Compare(a.Name, b.Name) })
	if len(out.Buckets) > limit {
		out.Buckets = out.Buckets[:limit]
		out.Next = out.Buckets[limit-1].Name
	}
	writeXML(r.w, http.StatusOK, out)
	return nil
}

// getBucketLocation rests on "GetBucketLocation": us-east-1 is empty. It is
// answered in every Region, since it is how clients learn where to go.
func (s *Service) getBucketLocation(r *request) *apiError {
	s.mu.RLock()
	defer s.mu.RUnlock()
	b := s.buckets[r.bucket]
	if b == nil {
		return errNoSuchBucket(r.bucket)
	}
	if err := b.mayRead(r, "s3:GetBucketLocation"); err != nil {
		return err
	}
	out := struct {
		XMLName xml.Name `xml:"LocationConstraint"`
		Xmlns   string   `xml:"xmlns,attr"`
		Region  string   `xml:",chardata"`
	}{Xmlns: xmlns, Region: b.Region}
	if b.Region == "us-east-1" {
		out.Region = ""
	}
	writeXML(r.w, http.StatusOK, out)
	return nil
}

type versioningConfiguration struct {
	XMLName xml.Name `xml:"VersioningConfiguration"`
	Xmlns   string   `xml:"xmlns,attr,omitempty"`
	Status  string   `xml:",omitempty"`
}

func (s *Service) getBucketVersioning(r *request) *apiError {
	s.mu.RLock()
	defer s.mu.RUnlock()
	b, err := s.bucketFor(r)
	if err != nil {
		return err
	}
	if err := b.mayRead(r, "s3:GetBucketVersioning"); err != nil {
		return err
	}
	writeXML(r.w, http.StatusOK, versioningConfiguration{Xmlns: xmlns, Status: b.Versioning})
	return nil
}

// putBucketVersioning rests on "PutBucketVersioning": once enabled, versioning
// can be suspended but never removed.
func (s *Service) putBucketVersioning(r *request) *apiError {
	var doc versioningConfiguration
	if err := readXML(r, &doc); err != nil {
		return err
	}
	if doc.Status != versioningEnabled && doc.Status != "Suspended" {
		return newError(http.StatusBadRequest, "IllegalVersioningConfigurationException", "The Versioning element must be specified")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.writable(r, "s3:PutBucketVersioning")
	if err != nil {
		return err
	}
	b.Versioning = doc.Status
	if err := s.saveBucket(b); err != nil {
		return internal(err)
	}
	r.w.WriteHeader(http.StatusOK)
	return nil
}

// pageSize reads a page's bound from the query.
func pageSize(r *request, name string, fallback, most int) (int, *apiError) {
	text := r.query.Get(name)
	if text == "" {
		return fallback, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, errInvalidArgument(name, text, "Provided %s not an integer or within integer range", name)
	}
	return min(n, most), nil
}

// mayRead applies the bucket's readers; without such a list the owner's account
// reads ("How Amazon S3 authorizes a request"). The words are S3's.
func (b *Bucket) mayRead(r *request, action string) *apiError {
	if b.allows(r) {
		return nil
	}
	if r.anonymous() {
		return errAccessDenied("Access Denied")
	}
	return errAccessDenied(
		"User: " + r.caller.PrincipalARN + " is not authorized to perform: " + action + " on resource: \"" + b.resource(
			r.key,
		) + "\" because no resource-based policy allows the " + action + " action",
	)
}

func (b *Bucket) allows(r *request) bool {
	if b.Readers == nil {
		return !r.anonymous() && r.caller.Account == b.Account
	}
	for _, reader := range b.Readers {
		if reader == "*" || !r.anonymous() && matchesPrincipal(reader, r.caller) {
			return true
		}
	}
	return false
}

func (b *Bucket) resource(key string) string {
	if key == "" {
		return "arn:aws:s3:::" + b.Name
	}
	return "arn:aws:s3:::" + b.Name + "/" + key
}

// writable finds the bucket for a change, which its owner's account may make.
func (s *Service) writable(r *request, action string) (*Bucket, *apiError) {
	b, err := s.bucketFor(r)
	if err != nil {
		return nil, err
	}
	if r.anonymous() || r.caller.Account != b.Account {
		return nil, errAccessDenied(
			"User: " + r.caller.PrincipalARN + " is not authorized to perform: " + action + " on resource: \"" + b.resource(
				r.key,
			) + "\" because no resource-based policy allows the " + action + " action",
		)
	}
	return b, nil
}
