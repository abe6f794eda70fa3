package artifact

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"
)

// packSize is up to which size, in bytes, files are compressed side by side, in
// memory; larger ones stream through one after the other. The size alone
// decides, so that the bytes are the same on every machine.
const packSize = 1 << 20

// dosEpoch is 1980-01-01, the earliest day that a zip can name.
const dosEpoch = 1<<5 | 1

var errTooLarge = fmt.Errorf("the files together are above the %s that a function may hold unzipped", limit(UnzippedLimit))

// packer writes the entries of one zip.
type packer struct {
	root *os.Root
	zip  *zip.Writer
	// unzipped is what was written so far, of at most limit.
	unzipped, limit int64
	// deflaters are reused: each one allocates most of a megabyte.
	deflaters sync.Pool
}

// pack writes the entries in their order, up to a limit of their size unzipped,
// and returns that size.
func pack(ctx context.Context, out io.Writer, root *os.Root, entries []entry, limit int64) (unzipped int64, err error) {
	p := &packer{root: root, zip: zip.NewWriter(out), limit: limit}
	p.zip.RegisterCompressor(zip.Deflate, p.deflate)

	group, ctx := errgroup.WithContext(ctx)
	// The queue keeps the order, and bounds how much is in memory.
	queue := make(chan chan packed, 2*runtime.GOMAXPROCS(0))
	group.Go(func() error {
		defer close(queue)
		for _, e := range entries {
			result := make(chan packed, 1)
			select {
			case queue <- result:
			case <-ctx.Done():
				return ctx.Err()
			}
			if e.size > packSize {
				result <- packed{entry: e, streams: true}
				continue
			}
			group.Go(func() error {
				done, err := p.compress(e)
				if err != nil {
					return fmt.Errorf("%s: %w", e.name, err)
				}
				result <- done
				return nil
			})
		}
		return nil
	})
	group.Go(func() error {
		for result := range queue {
			select {
			case done := <-result:
				if err := p.write(ctx, done); err != nil {
					return fmt.Errorf("%s: %w", done.entry.name, err)
				}
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return ctx.Err()
	})
	if err := group.Wait(); err != nil {
		return 0, err
	}
	return p.unzipped, p.zip.Close()
}

// packed is one entry that is ready to be written.
type packed struct {
	entry entry
	// streams marks a file that is still to be compressed.
	streams bool
	header  *zip.FileHeader
	data    []byte
}

// header is an entry's, with the one time that all entries have.
func (e entry) header() *zip.FileHeader {
	h := &zip.FileHeader{Name: e.name, Method: zip.Deflate, ModifiedDate: dosEpoch}
	h.SetMode(e.mode)
	return h
}

// compress reads one small file, or a symlink's target, into memory.
func (p *packer) compress(e entry) (packed, error) {
	header := e.header()
	if e.mode&fs.ModeSymlink != 0 {
		target, err := p.root.Readlink(e.name)
		if err != nil {
			return packed{}, err
		}
		header.Method = zip.Store
		header.CRC32 = crc32.ChecksumIEEE([]byte(target))
		header.UncompressedSize64, header.CompressedSize64 = uint64(len(target)), uint64(len(target))
		return packed{entry: e, header: header, data: []byte(target)}, nil
	}
	file, err := p.root.Open(e.name)
	if err != nil {
		return packed{}, err
	}
	defer file.Close()
	var out bytes.Buffer
	deflater, err := p.deflate(&out)
	if err != nil {
		return packed{}, err
	}
	sum := crc32.NewIEEE()
	n, err := io.Copy(io.MultiWriter(deflater, sum), io.LimitReader(file, packSize+1))
	if err == nil && n > packSize {
		err = fmt.Errorf("it grew while it was read")
	}
	if closeErr := deflater.Close(); err == nil {
		err = closeErr
	}
	header.CRC32 = sum.Sum32()
	header.UncompressedSize64, header.CompressedSize64 = uint64(n), uint64(out.Len())
	return packed{entry: e, header: header, data: out.Bytes()}, err
}

// write adds the next entry to the zip.
func (p *packer) write(ctx context.Context, next packed) error {
	if next.streams {
		return p.stream(ctx, next.entry)
	}
	if p.unzipped += int64(next.header.UncompressedSize64); p.unzipped > p.limit {
		return errTooLarge
	}
	to, err := p.zip.CreateRaw(next.header)
	if err != nil {
		return err
	}
	_, err = to.Write(next.data)
	return err
}

// stream compresses one large file into the zip.
func (p *packer) stream(ctx context.Context, e entry) error {
	file, err := p.root.Open(e.name)
	if err != nil {
		return err
	}
	defer file.Close()
	to, err := p.zip.CreateHeader(e.header())
	if err != nil {
		return err
	}
	n, err := io.Copy(to, &cancelable{ctx, io.LimitReader(file, p.limit-p.unzipped+1)})
	if p.unzipped += n; err == nil && p.unzipped > p.limit {
		err = errTooLarge
	}
	return err
}

// deflate is the one compressor of all entries.
func (p *packer) deflate(to io.Writer) (io.WriteCloser, error) {
	if w, ok := p.deflaters.Get().(*flate.Writer); ok {
		w.Reset(to)
		return &deflater{w, p}, nil
	}
	w, err := flate.NewWriter(to, flate.DefaultCompression)
	return &deflater{w, p}, err
}

// deflater goes back to its pool when it is closed.
type deflater struct {
	*flate.Writer
	packer *packer
}

func (d *deflater) Close() error {
	err := d.Writer.Close()
	d.packer.deflaters.Put(d.Writer)
	return err
}
