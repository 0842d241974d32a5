package query

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/fleetcost/fleetcost/internal/cost"
)

// attach reads the volumes and balancers behind the rows of pages. They are
// detail of what the rows already cost; only answers by pod, container and
// finer carry them.
func (r *allocRun) attach(pages [][]*AllocationRow) error {
	columns, ok := attachmentColumns(r.dims)
	if !r.q.IncludeAttachments || !ok {
		return nil
	}
	byName := make([]map[string]*AllocationRow, len(pages))
	for i, page := range pages {
		byName[i] = make(map[string]*AllocationRow, len(page))
		for _, row := range page {
			byName[i][row.Name] = row
		}
	}
	need := slices.Concat(columns, []string{"type", "cluster", "name", "provider_id", "asset_id", "byte_hours", "hours", "cost"})
	slices.Sort(need)
	need = slices.Compact(need)
	group := slices.Concat([]string{"s"}, columns, []string{"type", "cluster", "asset_id"})
	where := []string{r.meta.inCurrency()}
	if r.scope != nil {
		b := newTextBuilder(SourceAllocation, r.e.aliases.Load().keys, r.meta)
		text, err := b.condition(r.scope)
		if err != nil {
			return err
		}
		where = append(where, text)
	}
	q := fmt.Sprintf("SELECT %s, max(name), max(provider_id), %s, %s, %s\nFROM (%s) r\nWHERE %s GROUP BY %s ORDER BY %s",
		strings.Join(group, ", "), sumFloat("byte_hours"), sumFloat("hours"), sumInt("cost", r.wide),
		r.plan.source("attachment_day", "attachment_hour", need, ""), andAll(where...), ordinals(len(group)), ordinals(len(group)))
	n := len(columns)
	return r.e.each(r.ctx, q, func(v []any) error {
		key := make([]string, n)
		for i := range key {
			if key[i] = textOf(v[1+i]); key[i] == "" {
				key[i] = cost.UnallocatedName
			}
		}
		row, ok := byName[integer(v[0])][nameOf(key)]
		if !ok {
			return nil
		}
		v = v[1+n:]
		a := AttachmentRow{
			Type: cost.AssetType(textOf(v[0])), Cluster: textOf(v[1]), Name: textOf(v[3]), ProviderID: textOf(v[4]),
			ByteHours: float(v[5]), Hours: float(v[6]) / 1e6,
		}
		addMoney(&a.Cost, v[7])
		row.Attachments = append(row.Attachments, a)
		return nil
	})
}

// attachmentColumns are the columns of dims in the attachment tables; ok is
// false when dims are coarser than a pod or no columns there.
func attachmentColumns(dims []Dimension) (columns []string, ok bool) {
	for _, d := range dims {
		switch d.Property {
		case "pod", "container":
			ok = true
		case "cluster", "node", "namespace":
		default:
			return nil, false
		}
		columns = append(columns, d.Property)
	}
	return columns, ok
}

// ordinals is "1, 2, …, n".
func ordinals(n int) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = strconv.Itoa(i + 1)
	}
	return strings.Join(parts, ", ")
}
