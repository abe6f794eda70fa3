// Command image packs folders into an OCI image layout, one folder an
// architecture, and prints the digest of the index. The same folders give the
// same digest: names are sorted, owners and times are fixed, nothing is read but
// the files.
//
// usage: image OUT NAME VERSION REVISION EPOCH amd64=FOLDER arm64=FOLDER
//
// The formats are those of https://github.com/opencontainers/image-spec.
package main

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

func main() {
	digest, err := pack(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
	fmt.Println(digest)
}

type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int               `json:"size"`
	Platform    *platform         `json:"platform,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

type platform struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
}

type index struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	Config        *descriptor       `json:"config,omitempty"`
	Layers        []descriptor      `json:"layers,omitempty"`
	Manifests     []descriptor      `json:"manifests,omitempty"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

type config struct {
	Created      string `json:"created"`
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
	Config       struct {
		Env        []string
		Entrypoint []string
		Labels     map[string]string
	} `json:"config"`
	RootFS struct {
		Type    string   `json:"type"`
		DiffIDs []string `json:"diff_ids"`
	} `json:"rootfs"`
	History []struct {
		Created   string `json:"created"`
		CreatedBy string `json:"created_by"`
	} `json:"history"`
}

const (
	indexType    = "application/vnd.oci.image.index.v1+json"
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	configType   = "application/vnd.oci.image.config.v1+json"
	layerType    = "application/vnd.oci.image.layer.v1.tar+gzip"
)

type packer struct {
	out     string
	created time.Time
	labels  map[string]string
}

func pack(args []string) (string, error) {
	if len(args) < 6 {
		return "", fmt.Errorf("six words are needed, %d were given", len(args))
	}
	epoch, err := strconv.ParseInt(args[4], 10, 64)
	if err != nil {
		return "", fmt.Errorf("read the time: %w", err)
	}
	p := &packer{out: args[0], created: time.Unix(epoch, 0).UTC(), labels: map[string]string{
		"org.opencontainers.image.title":    "lambda-rollout",
		"org.opencontainers.image.source":   "https://github.com/lambda-rollout/lambda-rollout",
		"org.opencontainers.image.licenses": "Apache-2.0",
		"org.opencontainers.image.version":  args[2],
		"org.opencontainers.image.revision": args[3],
	}}
	if err := os.MkdirAll(filepath.Join(p.out, "blobs", "sha256"), 0o755); err != nil {
		return "", err
	}
	all := index{SchemaVersion: 2, MediaType: indexType, Annotations: p.labels}
	for _, arg := range args[5:] {
		arch, folder, _ := strings.Cut(arg, "=")
		d, err := p.image(arch, folder)
		if err != nil {
			return "", fmt.Errorf("pack %s: %w", folder, err)
		}
		all.Manifests = append(all.Manifests, d)
	}
	top, err := p.json(indexType, all)
	if err != nil {
		return "", err
	}
	top.Annotations = map[string]string{"org.opencontainers.image.ref.name": args[1]}
	text, err := json.Marshal(index{SchemaVersion: 2, MediaType: indexType, Manifests: []descriptor{top}})
	if err != nil {
		return "", err
	}
	return top.Digest, cmp.Or(
		os.WriteFile(filepath.Join(p.out, "index.json"), text, 0o644),
		os.WriteFile(filepath.Join(p.out, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o644),
	)
}

func (p *packer) image(arch, folder string) (descriptor, error) {
	plain, err := p.layer(folder)
	if err != nil {
		return descriptor{}, err
	}
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return descriptor{}, err
	}
	if _, err := z.Write(plain); err != nil {
		return descriptor{}, err
	}
	if err := z.Close(); err != nil {
		return descriptor{}, err
	}
	layer, err := p.blob(layerType, packed.Bytes())
	if err != nil {
		return descriptor{}, err
	}
	c := config{Created: p.created.Format(time.RFC3339), Architecture: arch, OS: "linux"}
	c.Config.Env = []string{"PATH=/:/bin"}
	c.Config.Entrypoint = []string{"/lambda-rollout"}
	c.Config.Labels = p.labels
	c.RootFS.Type = "layers"
	c.RootFS.DiffIDs = []string{digest(plain)}
	c.History = append(c.History, struct {
		Created   string `json:"created"`
		CreatedBy string `json:"created_by"`
	}{c.Created, ".ci/release"})
	configuration, err := p.json(configType, c)
	if err != nil {
		return descriptor{}, err
	}
	d, err := p.json(manifestType, index{SchemaVersion: 2, MediaType: manifestType, Config: &configuration, Layers: []descriptor{layer}})
	d.Platform = &platform{arch, "linux"}
	return d, err
}

// layer is the folder as a tar; fs.WalkDir goes by name.
func (p *packer) layer(folder string) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	err := fs.WalkDir(os.DirFS(folder), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == "." {
			return err
		}
		return p.add(w, folder, path, entry)
	})
	if err != nil {
		return nil, err
	}
	return b.Bytes(), w.Close()
}

func (p *packer) add(w *tar.Writer, folder, path string, entry fs.DirEntry) error {
	full := filepath.Join(folder, path)
	h := &tar.Header{Name: path, ModTime: p.created, Format: tar.FormatUSTAR}
	switch {
	case entry.IsDir():
		h.Typeflag, h.Name, h.Mode = tar.TypeDir, path+"/", 0o755
		if path == "tmp" {
			h.Mode = 0o1777
		}
		return w.WriteHeader(h)
	case entry.Type()&fs.ModeSymlink != 0:
		target, err := os.Readlink(full)
		if err != nil {
			return err
		}
		h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, target, 0o777
		return w.WriteHeader(h)
	}
	f, err := os.Open(full)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	h.Typeflag, h.Size, h.Mode = tar.TypeReg, info.Size(), 0o644
	if info.Mode()&0o111 != 0 {
		h.Mode = 0o755
	}
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	_, err = io.Copy(w, f)
	return err
}

func (p *packer) json(mediaType string, v any) (descriptor, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return descriptor{}, err
	}
	return p.blob(mediaType, text)
}

func (p *packer) blob(mediaType string, content []byte) (descriptor, error) {
	d := digest(content)
	file := filepath.Join(p.out, "blobs", "sha256", strings.TrimPrefix(d, "sha256:"))
	return descriptor{MediaType: mediaType, Digest: d, Size: len(content)}, os.WriteFile(file, content, 0o644)
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}
