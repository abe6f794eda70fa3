package s3

import (
	"encoding/xml"
	"net/http"
	"strings"

	"github.com/lambda-rollout/lambda-rollout/internal/awslocal/api"
)

// deleteObject rests on "DeleteObject": with versioning a delete without a
// version id writes a delete marker; what is not there is deleted as well.
func (s *Service) deleteObject(r *request) *apiError {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.writable(r, "s3:DeleteObject")
	if err != nil {
		return err
	}
	if match := r.Header.Get("If-Match"); match != "" {
		v := b.object(r.key).live()
		if v == nil {
			return errNoSuchKey(r.key)
		}
		if !etagMatches(match, v.ETag) {
			return errPrecondition("If-Match")
		}
	}
	done, err := s.remove(b, r.key, r.query.Get("versionId"))
	if err != nil {
		return err
	}
	api.Changed(r.Context())
	if done.id != "" {
		r.w.Header().Set("x-amz-version-id", done.id)
	}
	if done.marker {
		r.w.Header().Set("x-amz-delete-marker", "true")
	}
	r.w.WriteHeader(http.StatusNoContent)
	return nil
}

// removed describes what a delete did: the version that went, or the marker that
// came.
type removed struct {
	id     string
	marker bool
}

func (s *Service) remove(b *Bucket, key, id string) (removed, *apiError) {
	o := b.object(key)
	var done removed
	var next *object
	switch {
	case id != "":
		v := o.version(id)
		done = removed{id: id, marker: v != nil && v.DeleteMarker}
		next = o.without(id)
	case b.Versioning == "":
		next = o.without(nullVersion)
	default:
		marker := &Version{Key: key, DeleteMarker: true, Modified: s.now().UTC()}
		next = b.push(o, marker)
		done = removed{id: marker.ID, marker: true}
	}
	if err := s.saveObject(b, next); err != nil {
		return removed{}, internal(err)
	}
	return done, nil
}

type deleteRequest struct {
	Quiet   bool
	Objects []struct {
		Key       string
		VersionID string `xml:"VersionId"`
	} `xml:"Object"`
}

type deletedEntry struct {
	Key                   string
	VersionID             string `xml:"VersionId,omitempty"`
	DeleteMarker          bool   `xml:",omitempty"`
	DeleteMarkerVersionID string `xml:"DeleteMarkerVersionId,omitempty"`
}

// deleteObjects rests on "DeleteObjects": up to 1,000 keys, each with its own
// outcome.
func (s *Service) deleteObjects(r *request) *apiError {
	var doc deleteRequest
	if err := readXML(r, &doc); err != nil {
		return err
	}
	if len(doc.Objects) == 0 || len(doc.Objects) > 1000 {
		return newError(
			http.StatusBadRequest,
			"MalformedXML",
			"The XML you provided was not well-formed or did not validate against our published schema",
		)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.writable(r, "s3:DeleteObject")
	if err != nil {
		return err
	}
	out := struct {
		XMLName xml.Name       `xml:"DeleteResult"`
		Xmlns   string         `xml:"xmlns,attr"`
		Deleted []deletedEntry `xml:"Deleted"`
	}{Xmlns: xmlns}
	for _, target := range doc.Objects {
		done, err := s.remove(b, target.Key, strings.TrimSpace(target.VersionID))
		if err != nil {
			return err
		}
		entry := deletedEntry{Key: target.Key, VersionID: target.VersionID, DeleteMarker: done.marker}
		if done.marker {
			entry.DeleteMarkerVersionID = done.id
		}
		if !doc.Quiet {
			out.Deleted = append(out.Deleted, entry)
		}
	}
	api.Changed(r.Context())
	writeXML(r.w, http.StatusOK, out)
	return nil
}
