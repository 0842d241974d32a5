package bucket_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/fleetcost/fleetcost/internal/bucket"
	"github.com/fleetcost/fleetcost/internal/bucket/buckettest"
	"github.com/fleetcost/fleetcost/test/servers"
)

// TestS3ThroughBadNetwork: what a put and a get come to through a proxy that
// breaks connections. Whatever happens, nothing wrong is stored or read.
func TestS3ThroughBadNetwork(t *testing.T) {
	gateway := servers.StartVersityGW(t)
	gateway.CreateBucket("fleet")
	direct := openYAML(t, gateway.ConfigYAML("fleet"))
	proxies := servers.StartToxiproxy(t)
	random := rand.New(rand.NewPCG(1, 2))
	old, tiny, small, large := make([]byte, 1<<20), make([]byte, 1<<10), make([]byte, 256<<10), make([]byte, 11<<20)
	for _, data := range [][]byte{old, tiny, small, large} {
		for i := range data {
			data[i] = byte(random.Uint32())
		}
	}
	type toxic struct {
		kind, stream string
		share        float64
		attributes   map[string]any
	}
	for _, c := range []struct {
		name     string
		toxic    toxic
		body     []byte
		put, get bool   // whether it succeeds
		row      string // what the put's failure is explained as, "" where it is not looked at
	}{
		{"none", toxic{}, large, true, true, ""},
		{"latency", toxic{"latency", "downstream", 1, map[string]any{"latency": 300}}, small, true, true, ""},
		{"latency over the header timeout", toxic{"latency", "downstream", 1, map[string]any{"latency": 5000}}, tiny, false, false, "response-header-timeout"},
		{"reset", toxic{"reset_peer", "downstream", 1, map[string]any{"timeout": 0}}, small, false, false, "network-reset"},
		{"stall", toxic{"timeout", "upstream", 1, map[string]any{"timeout": 0}}, tiny, false, false, "response-header-timeout"},
		{"cut in the middle of an upload", toxic{"limit_data", "upstream", 1, map[string]any{"bytes": 100 << 10}}, small, false, true, ""},
		{"cut in the middle of a part", toxic{"limit_data", "upstream", 1, map[string]any{"bytes": 2 << 20}}, large, false, true, ""},
		{"cut in the middle of a download, each time", toxic{"limit_data", "downstream", 1, map[string]any{"bytes": 300 << 10}}, small, true, true, ""},
		{"narrow uplink", toxic{"bandwidth", "upstream", 1, map[string]any{"rate": 100}}, small, true, true, ""},
		{"slices", toxic{"slicer", "downstream", 1, map[string]any{"average_size": 1000, "size_variation": 500, "delay": 100}}, small, true, true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			buckettest.Put(t, direct, "read", old)
			buckettest.Put(t, direct, "written", []byte("before"))
			proxy := proxies.Proxy(gateway.Endpoint())
			if c.toxic.kind != "" {
				proxy.Toxic(c.toxic.kind, c.toxic.stream, c.toxic.share, c.toxic.attributes)
			}
			b := openYAML(t, strings.Replace(gateway.ConfigYAML("fleet"), gateway.Endpoint(), proxy.Endpoint(), 1)+
				"  max_retries: 2\n  part_size: 5242880\n  http_config: {response_header_timeout: 1s}\n")
			bucket.WithoutWaits(b)

			_, err := b.Put(t.Context(), "written", bytes.NewReader(c.body), int64(len(c.body)), bucket.Condition{})
			if (err == nil) != c.put || err != nil && !errors.Is(err, bucket.ErrUnavailable) {
				t.Errorf("put: %v, want success: %v", err, c.put)
			}
			if c.row != "" {
				explained(t, c.row, err)
			}
			// A lost answer leaves the new object although the put failed; nothing
			// leaves a part of one.
			got := buckettest.Get(t, direct, "written")
			if isNew := bytes.Equal(got, c.body); !isNew && (c.put || string(got) != "before") {
				t.Errorf("put left %d bytes, want all of the new object or the old one", len(got))
			}
			data, _, err := readAll(t, b, "read")
			if (err == nil) != c.get || err != nil && !errors.Is(err, bucket.ErrUnavailable) {
				t.Errorf("get: %v, want success: %v", err, c.get)
			}
			if err == nil && !bytes.Equal(data, old) {
				t.Error("get: other content")
			}
		})
	}
	client, err := minio.New(gateway.Endpoint(), &minio.Options{
		Creds: credentials.NewStaticV4(gateway.AccessKey(), gateway.SecretKey(), ""), Region: gateway.Region(),
	})
	must(t, err)
	for upload := range client.ListIncompleteUploads(t.Context(), "fleet", "", true) {
		t.Errorf("parts left behind: %+v", upload)
	}
}
