import { hierarchy, treemap as layout, treemapSquarify } from "d3-hierarchy";
import type { Row } from "./rows";

/** A rectangle of the treemap. */
export interface Tile {
  /** The row it stands for; null: many small ones together. */
  row: Row | null;
  name: string;
  /** The first part of its key; "" where there is one grouping. */
  parent: string;
  kind: string;
  value: number;
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Block {
  name: string;
  value: number;
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Treemap {
  tiles: Tile[]; // largest first
  blocks: Block[]; // the first grouping, where there are two
  /** Rows that have no area: they cost nothing, or less. */
  without: number;
}

interface Node {
  name: string;
  row: Row | null;
  parent: string;
  kind: string;
  value: number;
  children?: Node[];
}

const reserved = (r: Row) => r.kind === "idle" || r.kind === "overhead" || r.kind === "shared";

const most = 48;
const mostOfBlock = 16;

const leaf = (row: Row, parent: string, name: string, value: number): Node => ({ name, row, parent, kind: row.kind, value });

/** The largest as they are, the tail as one. */
function withTail(nodes: Node[], limit: number, parent: string): Node[] {
  nodes.sort((a, b) => b.value - a.value || a.name.localeCompare(b.name));
  if (nodes.length <= limit) return nodes;
  const tail = nodes.slice(limit - 1);
  return [
    ...nodes.slice(0, limit - 1),
    { name: `${tail.length} more`, row: null, parent, kind: "other", value: tail.reduce((s, n) => s + n.value, 0) },
  ];
}

/** Lays rows out by what they cost: squarified, nested where there are two groupings or more. */
export function treemapOf(rows: readonly Row[], groups: number, valueOf: (r: Row) => number, width: number, height: number): Treemap {
  const shown = rows.filter((r) => valueOf(r) > 0);
  const without = rows.length - shown.length;
  let top: Node[];
  if (groups < 2)
    top = withTail(shown.map((r) => leaf(r, "", r.name, valueOf(r))), most, ""); // prettier-ignore
  else {
    const of = new Map<string, Node[]>();
    for (const r of shown) {
      const parent = reserved(r) ? r.name : (r.key[0] ?? r.name);
      const name = reserved(r) ? r.name : r.key.slice(1).join("/") || r.name;
      of.set(parent, [...(of.get(parent) ?? []), leaf(r, parent, name, valueOf(r))]);
    }
    top = [...of].map(([name, nodes]) => {
      const value = nodes.reduce((s, n) => s + n.value, 0);
      return { name, row: null, parent: "", kind: nodes[0]?.kind ?? "", value, children: withTail(nodes, mostOfBlock, name) };
    });
    top.sort((a, b) => b.value - a.value || a.name.localeCompare(b.name));
    if (top.length > mostOfBlock) {
      const tail = top.slice(mostOfBlock - 1);
      const value = tail.reduce((s, n) => s + n.value, 0);
      const name = `${tail.length} more`;
      top = [...top.slice(0, mostOfBlock - 1), { name, row: null, parent: "", kind: "other", value, children: [{ name, row: null, parent: name, kind: "other", value }] }]; // prettier-ignore
    }
  }
  const root = hierarchy<Node>({ name: "", row: null, parent: "", kind: "", value: 0, children: top })
    .sum((n) => (n.children ? 0 : n.value))
    .sort((a, b) => (b.value ?? 0) - (a.value ?? 0));
  const placed = layout<Node>()
    .tile(treemapSquarify)
    .size([width, height])
    .paddingInner(2)
    .paddingTop((n) => (groups >= 2 && n.depth === 1 && n.y1 - n.y0 > 34 ? 18 : 0))(root);
  const box = (n: (typeof placed.children & object)[number]) => ({ x: n.x0, y: n.y0, width: n.x1 - n.x0, height: n.y1 - n.y0 });
  return {
    tiles: placed
      .leaves()
      .filter((n) => n.depth > 0)
      .map((n) => ({ row: n.data.row, name: n.data.name, parent: n.data.parent, kind: n.data.kind, value: n.data.value, ...box(n) }))
      .sort((a, b) => b.value - a.value || a.name.localeCompare(b.name)),
    blocks: groups < 2 ? [] : (placed.children ?? []).map((n) => ({ name: n.data.name, value: n.value ?? 0, ...box(n) })),
    without,
  };
}

/** The text that fits a width at the chart's letter size; "" where none does. */
export function fitting(text: string, width: number, letter = 7.6): string {
  const room = Math.floor((width - 10) / letter);
  if (text.length <= room) return text;
  return room < 4 ? "" : `${text.slice(0, room - 1)}…`;
}
