package costfile_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/fleetcost/fleetcost/internal/cost"
)

var update = flag.Bool("update", false, "rewrite golden files that may change")

// columns lists "name type" of a row's schema in order, as docs/format/v1.md
// spells the types.
func columns(schema *parquet.Schema) []string {
	var out []string
	for _, f := range schema.Fields() {
		t := f.Type()
		s := strings.ToLower(t.Kind().String())
		if lt := t.LogicalType(); lt != nil {
			switch text := strings.ToLower(lt.String()); {
			case strings.HasPrefix(text, "decimal"), text == "string":
				s = text
			case strings.HasPrefix(text, "timestamp"):
				s = "timestamp"
			}
		}
		out = append(out, f.Name()+" "+s)
	}
	return out
}

// TestFormatPageMatchesSchema keeps docs/format/v1.md and the code equal: same
// columns, same order, same types.
func TestFormatPageMatchesSchema(t *testing.T) {
	page, err := os.ReadFile("../../docs/format/v1.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("(?m)^\\| `([a-z_0-9]+)` \\| ([a-z0-9(),]+) \\|")
	for section, schema := range map[string]*parquet.Schema{
		"allocation": parquet.SchemaOf(cost.Allocation{}),
		"asset":      parquet.SchemaOf(cost.Asset{}),
		"attachment": parquet.SchemaOf(cost.Attachment{}),
	} {
		_, text, ok := strings.Cut(string(page), "\n### Columns of `"+section+"`\n")
		if !ok {
			t.Errorf("the page has no section for %s", section)
			continue
		}
		text, _, _ = strings.Cut(text, "\n##")
		var got []string
		for _, m := range row.FindAllStringSubmatch(text, -1) {
			got = append(got, m[1]+" "+m[2])
		}
		if d := cmp.Diff(columns(schema), got); d != "" {
			t.Errorf("%s: page and code differ (-code +page):\n%s", section, d)
		}
	}
}

// TestGoldenV1 reads the object that version 1.0 wrote when it was released.
// The file is never rewritten: whoever breaks this test breaks every bucket in
// the field.
func TestGoldenV1(t *testing.T) {
	path := filepath.Join("testdata", "v1", "allocation-1.0.parquet")
	want := sampleDay(7, 12, hours(24)...)
	if _, err := os.Stat(path); os.IsNotExist(err) && *update {
		b, _ := encode(t, metaFor(hours(24)...), want)
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got, meta := decode(t, b)
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("rows of a 1.0 object read differently now (-want +got):\n%s", d)
	}
	if meta.Cluster != "test" || len(meta.Hours) != 24 || meta.Rows() != int64(len(want)) {
		t.Fatalf("metadata of a 1.0 object reads differently now: %+v", meta)
	}
}

// TestMinorVersions reads objects of an older minor (a column less) and of a
// newer one (a column more).
func TestMinorVersions(t *testing.T) {
	type older struct {
		WindowStart int64  `parquet:"window_start,timestamp(microsecond)"`
		Cluster     string `parquet:"cluster"`
		Namespace   string `parquet:"namespace"`
		CPUCost     int64  `parquet:"cpu_cost,decimal(9:18)"`
	}
	type newer struct {
		older
		Surprise string `parquet:"surprise"`
	}
	h := hours(1)[0]
	base := older{WindowStart: h.Micros(), Cluster: "test", Namespace: "a", CPUCost: 5}
	meta := func(v string) []parquet.WriterOption {
		text := fmt.Sprintf(`{"dataset":"allocation","cluster":"test","currency":"USD","hours":[{"hour":%d,"coverage":3600,"generation":1,"rows":1,"total":5}]}`, int64(h))
		return []parquet.WriterOption{parquet.KeyValueMetadata("fleetcost.version", v), parquet.KeyValueMetadata("fleetcost.meta", text)}
	}
	var a, b bytes.Buffer
	if err := parquet.Write(&a, []older{base}, meta("1.0")...); err != nil {
		t.Fatal(err)
	}
	if err := parquet.Write(&b, []newer{{older: base, Surprise: "x"}}, meta("1.7")...); err != nil {
		t.Fatal(err)
	}
	want := []cost.Allocation{{WindowStart: h.Micros(), Cluster: "test", Namespace: "a", CPUCost: 5}}
	for name, buf := range map[string][]byte{"older": a.Bytes(), "newer": b.Bytes()} {
		got, _ := decode(t, buf)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s minor (-want +got):\n%s", name, d)
		}
	}
}
