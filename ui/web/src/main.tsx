import "./theme.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app/App";
import { savedSettings } from "./api/queries";
import { applySaved, savedInPage } from "./lib/saved";
import { applyTheme, storedTheme } from "./lib/theme";

applySaved(savedInPage(document));
// The development server does not write into the page.
if (import.meta.env.DEV) await savedSettings().then(applySaved, () => undefined);
applyTheme(storedTheme());
const root = document.getElementById("root");
if (root)
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
