import { lazy, Suspense } from "react";
import { useSearch } from "wouter";
import { parseExplained } from "../../lib/explained";
import { useExplain } from "./Cost";

const Drawer = lazy(() => import("./Drawer").then((m) => ({ default: m.Drawer })));

/** The drawer of the number that the address names, on whatever page. */
export function Explaining() {
  const text = new URLSearchParams(useSearch()).get("explain");
  const explain = useExplain();
  const of = parseExplained(text);
  if (!of) return null;
  return (
    <Suspense fallback={null}>
      <Drawer key={text} of={of} onClose={() => explain(null)} />
    </Suspense>
  );
}
