package main

import (
	"slices"
	"strings"
	"testing"
)

// Everything in both programs has a licence that is known and may be linked.
func TestEveryModuleHasAKnownLicence(t *testing.T) {
	for _, program := range []string{"../../cmd/fleetcost", "../../cmd/fleetcost-agent"} {
		l, err := collect(t.Context(), program)
		if err != nil {
			t.Fatalf("%s: %v", program, err)
		}
		kinds := map[string]int{}
		var bytes int
		for _, e := range l.List {
			kinds[e.Licence]++
			if len(e.Texts) == 0 || e.Version == "" {
				t.Errorf("%s: %+v", program, e)
			}
		}
		for _, text := range l.Texts {
			bytes += len(text)
		}
		t.Logf("%s: %d modules, %d texts of %d bytes, %v", program, len(l.List), len(l.Texts), bytes, kinds)
		find := func(name string) string {
			i := slices.IndexFunc(l.List, func(e Entry) bool { return e.Name == name })
			if i < 0 {
				return "absent"
			}
			return l.List[i].Licence
		}
		if got := find("github.com/spf13/cobra"); got != "Apache-2.0" {
			t.Errorf("%s: cobra is %s", program, got)
		}
		if got := find("Go standard library and runtime"); got != "BSD-3-Clause" {
			t.Errorf("%s: Go is %s", program, got)
		}
		if strings.HasSuffix(program, "agent") != (find("github.com/duckdb/duckdb-go/v2") == "absent") {
			t.Errorf("%s: DuckDB is %s", program, find("github.com/duckdb/duckdb-go/v2"))
		}
	}
}

func TestKinds(t *testing.T) {
	for text, want := range map[string]string{
		"Apache License\n   Version 2.0, January 2004":                                     "Apache-2.0",
		"MIT License\n\nPermission is hereby granted, free of\ncharge, to any person":      "MIT",
		"Redistribution and use in source and binary forms … Neither the name of Google":   "BSD-3-Clause",
		"Redistribution and use in source and binary forms, with or without":               "BSD-2-Clause",
		"Permission to use, copy, modify, and/or distribute this software for any":         "ISC",
		"Mozilla Public License Version 2.0":                                               "MPL-2.0",
		"GNU GENERAL PUBLIC LICENSE Version 3":                                             "",
		"GNU Lesser General Public License … Permission is hereby granted, free of charge": "",
		"All rights reserved.": "",
		"This is free and unencumbered software released into the public domain.": "Unlicense",
	} {
		if got := kindOf(text); got != want {
			t.Errorf("%.50s: %q, want %q", text, got, want)
		}
	}
}
