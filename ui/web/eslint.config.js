import { readdirSync } from "node:fs";
import hooks from "eslint-plugin-react-hooks";
import tseslint from "typescript-eslint";

// Layout by feature: a feature uses api, components and lib, never another
// feature; those three know no feature.
const features = readdirSync(new URL("./src/features", import.meta.url));
const isolated = features.map((feature) => ({
  files: [`src/features/${feature}/**`],
  rules: {
    "no-restricted-imports": [
      "error",
      {
        patterns: features
          .filter((other) => other !== feature)
          .map((other) => ({
            regex: `(^|/)(features/)?${other}/`,
            message: "a feature never imports another: move what both need to components or lib",
          })),
      },
    ],
  },
}));

export default tseslint.config(
  { ignores: ["build", "node_modules", "src/api/schema.d.ts"] },
  ...tseslint.configs.strictTypeChecked,
  ...tseslint.configs.stylisticTypeChecked,
  { languageOptions: { parserOptions: { projectService: true } } },
  hooks.configs.flat["recommended-latest"],
  {
    files: ["**/*.{ts,tsx}"],
    rules: {
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      "@typescript-eslint/consistent-type-definitions": "off",
      // We do not compile with the React Compiler.
      "react-hooks/incompatible-library": "off",
    },
  },
  {
    files: ["src/{api,components,lib}/**"],
    rules: {
      "no-restricted-imports": ["error", { patterns: [{ regex: "features/", message: "features build on this, never the reverse" }] }],
    },
  },
  ...isolated,
  { files: ["**/*.{js,mjs}"], ...tseslint.configs.disableTypeChecked },
);
