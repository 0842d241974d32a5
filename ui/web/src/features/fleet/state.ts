import { choice, text } from "../../lib/urlState";

/** What stands in the address of Fleet. */
export const fleetFields = {
  window: text("month"),
  days: choice(["14", "30", "90"] as const, "30"),
  connect: text("my-cluster"), // the name of a cluster to come
};

/** What stands in the address of a cluster. */
export const clusterFields = { day: text() };
