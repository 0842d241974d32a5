import { Badge, Button } from "../../components/ui";
import type { ExploreState } from "./state";

/** Says what the total leaves out, so that nobody takes it for the whole cost. */
export function Hidden({ state, set }: { state: ExploreState; set: (change: Partial<ExploreState>) => void }) {
  const hidden = [...(state.idle === "hide" ? ["idle"] : []), ...(state.overhead === "hide" ? ["overhead"] : [])];
  if (state.source === "assets" || hidden.length === 0) return null;
  return (
    <>
      <Badge tone="warn">without {hidden.join(" and ")}: less than the whole cost</Badge>
      <Button
        onClick={() =>
          set({
            ...(state.idle === "hide" ? { idle: "separate" } : {}),
            ...(state.overhead === "hide" ? { overhead: "separate" } : {}),
          })
        }
      >
        Show {hidden.join(" and ")}
      </Button>
    </>
  );
}
