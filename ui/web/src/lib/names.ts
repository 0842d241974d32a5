// The names that the model reserves, in words.

export const reserved: Record<string, { label: string; meaning: string }> = {
  __idle__: { label: "Idle", meaning: "Paid for, neither used nor reserved by anything" },
  __overhead__: { label: "Overhead", meaning: "Boot disks and control planes" },
  __unmounted__: { label: "Unmounted", meaning: "Volumes and balancers that no pod holds" },
  __unallocated__: { label: "Without a value", meaning: "Workloads that have no such property" },
  __shared__: { label: "Shared", meaning: "Shared cost that nobody was left to take" },
};

const isReserved = (part: string) => part in reserved;

/** A name as people read it: reserved parts in words, parts with a dot between. */
export function readable(name: string): string {
  return name
    .split("/")
    .map((p) => (isReserved(p) ? (reserved[p]?.label ?? p) : p))
    .join(" · ");
}

/** One part of a key. */
export const part = (text: string): string => reserved[text]?.label ?? (text === "" ? "–" : text);
