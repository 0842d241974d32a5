package ops

import (
	"runtime"
	"runtime/debug"
	"strings"
)

// DevVersion is the version of a build that was given none.
const DevVersion = "dev"

// Build says what build of a program is running.
type Build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"` // VCS commit, "-dirty" appended if the tree was changed
	Time     string `json:"time,omitempty"`     // of the commit, RFC 3339
	Go       string `json:"go"`
	Platform string `json:"platform"` // "linux/amd64"

	Modules []Module `json:"-"` // linked in, by path
}

// Module is a Go module that a program was built of.
type Module struct {
	Path    string `json:"path"`
	Version string `json:"version"`
}

// ReadBuild describes the running binary. version is what the linker was told
// (-ldflags "-X main.version=…"); when it is empty the module version is used,
// and DevVersion where there is none.
func ReadBuild(version string) Build {
	b := Build{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	dirty := false
	if info, ok := debug.ReadBuildInfo(); ok {
		if b.Version == "" && info.Main.Version != "(devel)" {
			b.Version = info.Main.Version
		}
		for _, m := range info.Deps {
			if m.Replace != nil {
				m = m.Replace
			}
			b.Modules = append(b.Modules, Module{m.Path, m.Version})
		}
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				b.Revision = s.Value
			case "vcs.time":
				b.Time = s.Value
			case "vcs.modified":
				dirty = s.Value == "true"
			}
		}
	}
	if dirty && b.Revision != "" {
		b.Revision += "-dirty"
	}
	if b.Version == "" {
		b.Version = DevVersion
	}
	return b
}

// String formats the build on one line, e.g.
// "1.2.0 (3f2c1d0, go1.26.0, linux/amd64)".
func (b Build) String() string {
	parts := make([]string, 0, 3)
	if b.Revision != "" {
		rev, dirty, _ := strings.Cut(b.Revision, "-")
		if len(rev) > 12 {
			rev = rev[:12]
		}
		if dirty != "" {
			rev += "-" + dirty
		}
		parts = append(parts, rev)
	}
	return b.Version + " (" + strings.Join(append(parts, b.Go, b.Platform), ", ") + ")"
}
