// The theme is a matter of the person, not of the view: it is kept in the
// browser and does not stand in a link.

export type Theme = "system" | "light" | "dark";
const key = "fleetcost-theme";

export function storedTheme(): Theme {
  try {
    const t = localStorage.getItem(key);
    return t === "light" || t === "dark" ? t : "system";
  } catch {
    return "system"; // storage is switched off
  }
}

export function storeTheme(theme: Theme): void {
  try {
    localStorage.setItem(key, theme);
  } catch {
    // The choice holds for this page at least.
  }
}

let stop: (() => void) | undefined;

/** Sets the theme of the page; "system" follows the system as it changes. */
export function applyTheme(theme: Theme): void {
  stop?.();
  stop = undefined;
  const set = (dark: boolean) => (document.documentElement.dataset.theme = dark ? "dark" : "light");
  if (theme !== "system") {
    set(theme === "dark");
    return;
  }
  const query = window.matchMedia("(prefers-color-scheme: dark)");
  const follow = () => set(query.matches);
  follow();
  query.addEventListener("change", follow);
  stop = () => query.removeEventListener("change", follow);
}
