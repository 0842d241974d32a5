// Package pricing says what an asset costs per hour, and where that price
// comes from. One Lookup answers for every kind of asset; it is built once
// from the operator's Config, never changes, and may be used by many
// goroutines.
//
//	lookup, err := pricing.New(pricing.Config{Discount: 0.1})
//	price := lookup.Node(node) // price.Source == "book:aws/us-east-1"
//
// A node's price is sought in this order, and the first that knows it wins:
//
//	custom                the operator overrides every price with own rates
//	csv                   the operator's price list (Kubecost's CSV format)
//	metrics               price metrics found in the usage source
//	book:aws/us-east-1    the embedded price book of the node's region
//	book:other-region     the same machine type in another region's book
//	default:spot          spot without a spot price: on demand × ratio
//	default               default rates × reported capacity
//
// Prices are split over CPU, memory and GPU by the ratio of the default rates,
// over the capacity that the node reports. The rules are in docs/model.md.
package pricing
