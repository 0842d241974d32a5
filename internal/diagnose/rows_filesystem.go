package diagnose

// filesystemRows are failures of a directory as a bucket, and of the disks that
// agent and server keep.
func filesystemRows() []row {
	return []row{
		{
			ID:    "disk-full",
			Title: "The disk is full",
			Cause: "No space, or no quota, is left where {{file}} should go.",
			Fix:   "Free space or enlarge the volume. The agent keeps its spool, and sends it when there is room.",
			Snippets: []Snippet{
				command("space and inodes", "df -h {{bucket}}; df -i {{bucket}}"),
			},
			Basis: Proven, ProvenBy: "diagnose.TestProven", Source: "Linux, internal/bucket",
			Match:    []pattern{{text: "no space left on device"}, {text: "disk quota exceeded"}},
			Examples: []string{`filesystem:Put on /var/lib/bucket/v1/x: store unavailable: the disk is full: free space or enlarge it: write /var/lib/bucket/.fleetcost/tmp: no space left on device`},
		},
		{
			ID:    "disk-read-only",
			Title: "The file system is mounted read-only",
			Cause: "The volume is mounted read-only, the container has readOnlyRootFilesystem, or the kernel remounted the disk after a fault.",
			Fix:   "Mount a writable volume there; look into the node's kernel log.",
			Basis: Memory,
			Match: []pattern{{text: "read-only file system"}, {text: "mounted read-only"}},
			Examples: []string{
				`filesystem:Put on /var/lib/bucket/v1/x: access denied: the file system is mounted read-only: open /var/lib/bucket/.fleetcost/tmp: read-only file system`,
			},
		},
		{
			ID:      "disk-permission",
			general: true,
			Title:   "This process's user may not use the directory",
			Cause:   "Owner and mode of the directory do not let the program's user read or write it.",
			Fix:     "Change the owner, or set securityContext.fsGroup to the user's group.",
			Snippets: []Snippet{
				yaml("in the pod's spec", "securityContext:\n  runAsUser: 65532\n  runAsGroup: 65532\n  fsGroup: 65532"),
			},
			Basis: Proven, ProvenBy: "diagnose.TestProven",
			Match: []pattern{
				{text: ": permission denied", service: "filesystem"},
				{text: ": operation not permitted", service: "filesystem"},
				{text: "open /&: permission denied"},
				{text: "mkdir /&: permission denied"},
				{text: "rename /&: permission denied"},
				{text: "write /&: permission denied"},
			},
			Examples: []string{
				`filesystem:Put on /var/lib/bucket/v1/x: access denied: check owner and mode of the directory for this process's user: open /var/lib/bucket/.fleetcost/tmp: permission denied`,
			},
		},
		{
			ID:    "disk-stale",
			Title: "The network file system lost the directory",
			Cause: "The NFS server was restarted, or the directory was replaced there, and the handle of this mount is no longer valid.",
			Fix:   "Mount the volume again: restart the pod.",
			Basis: Memory,
			Match: []pattern{{text: "stale file handle"}, {text: "stale nfs file handle"}, {text: "transport endpoint is not connected"}},
			Examples: []string{
				`filesystem:Get on /mnt/bucket/v1/x: store unavailable: open /mnt/bucket/v1/x: stale file handle`,
			},
		},
		{
			ID:    "disk-io-error",
			Title: "The disk has a fault",
			Cause: "The kernel could not read or write the disk.",
			Fix:   "Look into the node's kernel log (dmesg) and at the volume's health; move the data.",
			Basis: Proven, ProvenBy: "diagnose.TestProven",
			Match:    []pattern{{text: "input/output error"}, {text: "structure needs cleaning"}},
			Examples: []string{`filesystem:Get on /var/lib/bucket/v1/x: store unavailable: read /var/lib/bucket/v1/x: input/output error`},
		},
		{
			ID:       "directory-gone",
			Title:    "The bucket's directory is gone",
			Cause:    "The directory was there at start and is not now: removed, renamed, or its volume was unmounted.",
			Fix:      "Bring the directory or the volume back; nothing is lost meanwhile. The program never makes it again by itself.",
			Basis:    Proven,
			ProvenBy: "diagnose.TestProven",
			Source:   "internal/bucket",
			Match:    []pattern{{text: "the bucket's directory is gone"}, {text: "is on another file system than when it was opened"}},
			Examples: []string{
				`filesystem:Get on /mnt/bucket/v1/x: store unavailable: the bucket's directory is gone: stat /mnt/bucket: no such file or directory`,
				`filesystem:Put on /mnt/bucket/v1/x: store unavailable: the bucket's directory is on another file system than when it was opened: is the volume still mounted?`,
			},
		},
		{
			ID:       "directory-missing",
			Title:    "The bucket's directory does not exist",
			Cause:    "config.directory names a directory that is not there, or a file. It is not made by the program: an empty one would look like an empty bucket.",
			Fix:      "Create it, mount the volume, or correct config.directory.",
			Basis:    Proven,
			ProvenBy: "diagnose.TestProven",
			Source:   "internal/bucket",
			Match:    []pattern{{text: "the directory does not exist: create it"}, {text: "config.directory names a file"}},
			Examples: []string{`filesystem:Open on /var/lib/bucket: not found: the directory does not exist: create it, or correct config.directory`},
		},
		{
			ID:       "directory-conflict",
			Title:    "A key and a folder have one name",
			Cause:    "A directory bucket cannot hold an object and a folder of one name; something that is not fleetcost's lies in the directory.",
			Fix:      "Give fleetcost a directory, or a prefix, of its own.",
			Basis:    Proven,
			ProvenBy: "diagnose.TestProven",
			Source:   "internal/bucket",
			Match:    []pattern{{text: "cannot hold an object and a folder of one name"}},
			Examples: []string{`filesystem:Put on /var/lib/bucket/v1/x: a directory bucket cannot hold an object and a folder of one name: rename /a /b: file exists`},
		},
		{
			ID:       "directory-no-locks",
			Title:    "The file system has no locks",
			Cause:    "Conditional writes need advisory locks, and this (network) file system has none or they are switched off (NFS: nolock).",
			Fix:      "Mount with locks, or run a single writer per cluster: one replica of the agent, strategy Recreate.",
			Basis:    Memory,
			Match:    []pattern{{text: "the file system has no advisory locks"}, {text: "no locks available"}, {text: "have no locks on this operating system"}},
			Examples: []string{`filesystem:Put on /mnt/bucket/v1/x: store unavailable: lock: the file system has no advisory locks: no locks available`},
		},
		{
			ID:    "too-many-files",
			Title: "Too many files are open",
			Cause: "The process, or the node, has reached its limit of open files and connections.",
			Fix:   "Raise the limit (ulimit -n, fs.file-max).",
			Basis: Proven, ProvenBy: "diagnose.TestProven",
			Match:    []pattern{{text: "too many open files"}},
			Examples: []string{`filesystem:Get on /var/lib/bucket/v1/x: store unavailable: open /var/lib/bucket/v1/x: too many open files`},
		},
	}
}
