package push

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"os"

	"github.com/fleetcost/fleetcost/internal/cost"
	"github.com/fleetcost/fleetcost/internal/costfile"
)

// A spool file holds what waits of one UTC day: the day's three objects, one
// after another in the order of costfile.Datasets, then an index, so that one
// rename makes all of them durable.
//
//	attachment object | asset object | allocation object
//	index (JSON) | CRC-32C of the index (4 bytes, big endian) | its length (4) | spoolMagic (8)
const (
	spoolMagic  = "fcspool1"
	spoolTail   = 4 + 4 + len(spoolMagic)
	spoolSuffix = ".spool"
	tempSuffix  = ".tmp"
	tornSuffix  = ".torn"
	maxIndex    = 1 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errTorn = errors.New("torn spool file")

// spoolIndex is the table of contents of a spool file.
type spoolIndex struct {
	Sections [len(costfile.Datasets)]spoolSection `json:"sections"`
}

type spoolSection struct {
	Offset int64  `json:"offset"`
	Size   int64  `json:"size"`
	CRC    uint32 `json:"crc"` // CRC-32C
}

// spoolDay is one spool file as the process knows it.
type spoolDay struct {
	day  cost.Day
	path string
	size int64
	// confirmed: the bucket has it. The file goes when status.json says so too.
	confirmed bool
	meta      costfile.Meta // of the allocation object
	index     spoolIndex
}

// open opens the file for reading its objects.
func (d *spoolDay) open() (*os.File, error) {
	f, err := os.Open(d.path)
	if err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	return f, nil
}

// section returns the object of the i-th dataset of an opened spool file.
func (d *spoolDay) section(f io.ReaderAt, i int) *section {
	s := d.index.Sections[i]
	return &section{ReaderAt: io.NewSectionReader(f, s.Offset, s.Size), size: s.Size}
}

// countWriter counts and sums what passes through.
type countWriter struct {
	w   io.Writer
	n   int64
	sum hash.Hash32
}

func (c *countWriter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	c.sum.Write(b[:n])
	return n, err
}

// writeSpoolFile writes the day's objects to w; merge writes the i-th.
func writeSpoolFile(w io.Writer, merge func(i int, w io.Writer) (costfile.Meta, error)) (meta costfile.Meta, index spoolIndex, size int64, err error) {
	c := &countWriter{w: w, sum: crc32.New(castagnoli)}
	for i := range costfile.Datasets {
		at := c.n
		c.sum.Reset()
		if meta, err = merge(i, c); err != nil {
			return meta, index, 0, err
		}
		index.Sections[i] = spoolSection{Offset: at, Size: c.n - at, CRC: c.sum.Sum32()}
	}
	text, err := json.Marshal(index)
	if err != nil {
		return meta, index, 0, fmt.Errorf("encode spool index: %w", err)
	}
	tail := bytes.NewBuffer(text)
	var word [4]byte
	binary.BigEndian.PutUint32(word[:], crc32.Checksum(text, castagnoli))
	tail.Write(word[:])
	binary.BigEndian.PutUint32(word[:], uint32(len(text)))
	tail.Write(word[:])
	tail.WriteString(spoolMagic)
	if _, err := c.Write(tail.Bytes()); err != nil {
		return meta, index, 0, err
	}
	return meta, index, c.n, nil
}

// readSpoolFile opens a spool file of an earlier process and verifies it down
// to the last byte. A file that is not whole is errTorn.
func readSpoolFile(path string) (*spoolDay, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	d := &spoolDay{path: path, size: info.Size()}
	if d.index, err = readIndex(f, d.size); err != nil {
		return nil, err
	}
	for i, s := range d.index.Sections {
		sum := crc32.New(castagnoli)
		if _, err := io.Copy(sum, io.NewSectionReader(f, s.Offset, s.Size)); err != nil {
			return nil, fmt.Errorf("read spool: %w", err)
		}
		if sum.Sum32() != s.CRC {
			return nil, fmt.Errorf("%s object: checksum differs: %w", costfile.Datasets[i], errTorn)
		}
		if d.meta, err = costfile.ReadMeta(d.section(f, i), s.Size, limits); err != nil {
			return nil, fmt.Errorf("%s object: %w: %w", costfile.Datasets[i], errTorn, err)
		}
	}
	if d.day, err = cost.ParseDay(d.meta.Date); err != nil {
		return nil, fmt.Errorf("%w: %w", errTorn, err)
	}
	return d, nil
}

func readIndex(f io.ReaderAt, size int64) (index spoolIndex, err error) {
	var tail [spoolTail]byte
	if size < int64(len(tail)) {
		return index, fmt.Errorf("%d bytes: %w", size, errTorn)
	}
	if _, err := f.ReadAt(tail[:], size-int64(len(tail))); err != nil {
		return index, fmt.Errorf("read spool: %w", err)
	}
	n := int64(binary.BigEndian.Uint32(tail[4:8]))
	if string(tail[8:]) != spoolMagic || n > maxIndex || n > size-int64(len(tail)) {
		return index, fmt.Errorf("no index at its end: %w", errTorn)
	}
	text := make([]byte, n)
	if _, err := f.ReadAt(text, size-int64(len(tail))-n); err != nil {
		return index, fmt.Errorf("read spool: %w", err)
	}
	if crc32.Checksum(text, castagnoli) != binary.BigEndian.Uint32(tail[:4]) {
		return index, fmt.Errorf("index: checksum differs: %w", errTorn)
	}
	if err := json.Unmarshal(text, &index); err != nil {
		return index, fmt.Errorf("index: %w: %w", errTorn, err)
	}
	for _, s := range index.Sections {
		if s.Offset < 0 || s.Size < 0 || s.Offset+s.Size > size {
			return index, fmt.Errorf("index points outside the file: %w", errTorn)
		}
	}
	return index, nil
}
