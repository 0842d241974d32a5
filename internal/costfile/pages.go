package costfile

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// CheckPages compares every page of an object with the checksum in its header,
// without decompressing anything: a bit that flipped on the way changes a
// quantity, not the number of rows, so nothing else would notice. Engines
// (DuckDB among them) do not look at these checksums. Pages of other writers
// that carry none pass. Damage is ErrCorrupt.
func CheckPages(in io.ReaderAt, size int64, lim Limits) (err error) {
	defer recovered(&err)
	if size > lim.Bytes {
		return fmt.Errorf("object of %d bytes, the limit is %d: %w", size, lim.Bytes, ErrCorrupt)
	}
	f, err := openParquet(in, size)
	if err != nil {
		return err
	}
	var buf []byte
	for _, group := range f.Metadata().RowGroups {
		for i := range group.Columns {
			c := &group.Columns[i].MetaData
			start := c.DataPageOffset
			if c.DictionaryPageOffset > 0 && c.DictionaryPageOffset < start {
				start = c.DictionaryPageOffset
			}
			n := c.TotalCompressedSize
			if start < 0 || n < 0 || start+n > size {
				return fmt.Errorf("column %v lies outside the file: %w", c.PathInSchema, ErrCorrupt)
			}
			buf = append(buf[:0], make([]byte, n)...)
			if _, err := in.ReadAt(buf, start); err != nil {
				return fmt.Errorf("read column %v: %w", c.PathInSchema, err)
			}
			if err := checkChunk(buf); err != nil {
				return fmt.Errorf("column %v: %w", c.PathInSchema, err)
			}
		}
	}
	return nil
}

// checkChunk walks the pages of one column chunk.
func checkChunk(chunk []byte) error {
	r := bytes.NewReader(chunk)
	compact := thrift.CompactProtocol{}
	for r.Len() > 0 {
		var h format.PageHeader
		if err := thrift.NewDecoder(compact.NewReader(r)).Decode(&h); err != nil {
			return fmt.Errorf("page header: %w: %w", ErrCorrupt, err)
		}
		n := int(h.CompressedPageSize)
		if n < 0 || n > r.Len() {
			return fmt.Errorf("page of %d bytes where %d are left: %w", n, r.Len(), ErrCorrupt)
		}
		at := len(chunk) - r.Len()
		if h.CRC != 0 && crc32.ChecksumIEEE(chunk[at:at+n]) != uint32(h.CRC) {
			return fmt.Errorf("page at byte %d of the column has another checksum than its header says: %w", at, ErrCorrupt)
		}
		if _, err := r.Seek(int64(n), io.SeekCurrent); err != nil {
			return fmt.Errorf("skip page: %w", err)
		}
	}
	return nil
}
