package query

// Filter is a condition on allocations or assets, as parsed from the v2
// grammar by ParseFilter. The zero value matches everything.
type Filter struct{ Root Node }

// Node is And, Or or Match.
type Node interface{ node() }

// And matches when all its parts do.
type And struct{ Of []Node }

// Or matches when any of its parts does.
type Or struct{ Of []Node }

// Op is a comparison of the grammar.
type Op string

// The comparisons. Each has a negation, see Match.Not.
const (
	OpEquals   Op = ":"
	OpContains Op = "~:"
	OpPrefix   Op = "<~:"
	OpSuffix   Op = "~>:"
)

// Match compares one property with a list of values: any of them, or with Not
// none of them.
type Match struct {
	Property string // as in Dimension
	Key      string // of label[key] and annotation[key], canonical
	Op       Op
	Not      bool
	Values   []string
}

func (And) node()   {}
func (Or) node()    {}
func (Match) node() {}
