export interface Entry {
  name: string;
  kind: string;
  href: string;
}

export const places: readonly Entry[] = [
  { name: "Home", kind: "page", href: "/" },
  { name: "Explore", kind: "page", href: "/explore" },
  { name: "Fleet", kind: "page", href: "/fleet" },
  { name: "Settings", kind: "page", href: "/settings" },
  { name: "Cost by team, idle and kube-system shared", kind: "question", href: "/explore?group=team&idle=share&shared=kube-system" },
  { name: "Cost by cluster", kind: "question", href: "/explore?group=cluster" },
  { name: "Most wasted by namespace and cluster", kind: "question", href: "/explore?group=cluster,namespace&metric=wasted" },
  { name: "Changes since 7 days before", kind: "question", href: "/explore?compare=7d&sort=-change" },
  { name: "Assets by node pool and instance type", kind: "question", href: "/explore?source=assets&group=nodePool,instanceType" },
];

const filterOf: Record<string, string> = { controller: "controllerName" };
const inside: Record<string, string> = { namespace: "cluster", controller: "cluster", team: "cluster", cluster: "namespace" };

/** The question behind a name: a namespace, workload or team on all clusters, a cluster by namespace. */
export function entryOf(field: string, name: string): Entry {
  const filter = `${filterOf[field] ?? field}:"${name.replace(/[\\"]/g, "\\$&")}"`;
  return {
    name,
    kind: field === "cluster" ? "cluster, by namespace" : `${field}, on all clusters`,
    href: `/explore?group=${inside[field] ?? "cluster"}&filter=${encodeURIComponent(filter)}`,
  };
}

/** The entries for what was typed; names of the data come first. */
export function match(typed: string, names: readonly Entry[]): Entry[] {
  const t = typed.trim().toLowerCase();
  const fits = (e: Entry) => e.name.toLowerCase().includes(t);
  const rank = (e: Entry) => (e.name.toLowerCase() === t ? 0 : e.name.toLowerCase().startsWith(t) ? 1 : 2);
  if (t === "") return [...places];
  return [...names.filter(fits), ...places.filter(fits)].sort((a, b) => rank(a) - rank(b)).slice(0, 40);
}
